// The events of a store for another process than the one that has it open, such as an import next to
// a running server. Reads a snapshot, takes no lock and changes nothing.
//
//   UPNEXT_ASSIGN_OR_RETURN(const log::PostedMark mark,
//                           ReadStoredEvents(project.store(), schema, log.posted(), visit));
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

namespace upnext::store {

// Visits the events of the store in `directory` that a log with the mark `since` does not have, those
// of a user in order of their numbers, as DecodeEvent reads them under `schema`. Returns the mark of
// a log that has them too: an event that is acknowledged when this begins is in it, and every later
// one has a larger number. The first error of `visit` ends it. A folder without a store has no event
// and gives `since` back; kFailedPrecondition for a store of another format.
Result<log::PostedMark> ReadStoredEvents(
    const std::filesystem::path& directory, const schema::Schema& schema,
    const log::PostedMark& since, const std::function<Status(const schema::RawEvent&)>& visit);

// The users that were deleted from the store in `directory`. Fails as above.
Result<log::Deletions> ReadDeletions(const std::filesystem::path& directory);

}  // namespace upnext::store

#endif  // UPNEXT_STORE_STORED_EVENTS_H_
