// The events, items and users of a store for another process than the one that has it open, such as an import next to
// a running server. Reads a snapshot, takes no lock and changes nothing.
//
//   UPNEXT_ASSIGN_OR_RETURN(const log::PostedMark mark,
//                           ReadStored(project.store(), schema, log.posted(), {on_event, on_row}));
//
// Any number of threads and processes.
#ifndef UPNEXT_STORE_STORED_EVENTS_H_
#define UPNEXT_STORE_STORED_EVENTS_H_

#include <filesystem>
#include <functional>

#include "base/status.h"
#include "log/event_log.h"
#include "log/forget.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "store/store.h"

namespace upnext::store {

struct StoredVisitor {
  std::function<Status(const schema::RawEvent&)> event;
  std::function<Status(schema::Entity, const Record&)> record = [](schema::Entity, const Record&) {
    return Ok();
  };
};

// Visits the events of the store in `directory` that a log with the mark `since` does not have, those
// of a user in order of their numbers, as DecodeEvent reads them under `schema`; then the items and
// users. Returns the mark of a log that has them too: what is acknowledged when this begins is in it,
// and every later change has a larger number. The first error of `visit` ends it. A folder without a
// store has nothing and gives `since` back; kFailedPrecondition for a store of another format.
Result<log::PostedMark> ReadStored(const std::filesystem::path& directory,
                                   const schema::Schema& schema, const log::PostedMark& since,
                                   const StoredVisitor& visit);

// The users that were deleted from the store in `directory`. Fails as above.
Result<log::Deletions> ReadDeletions(const std::filesystem::path& directory);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_STORED_EVENTS_H_
