// The events that were posted to a server, on their way from its store into the spool of an import,
// next to those that the SELECT gives (import_read.h).
//
//   UPNEXT_ASSIGN_OR_RETURN(const PostedEvents posted,
//                           SpoolPosted(options, since, names, spool, rows, rejects));
//
// Only the import includes it. One thread.
#ifndef UPNEXT_IMPORT_POSTED_EVENTS_H_
#define UPNEXT_IMPORT_POSTED_EVENTS_H_

#include <cstdint>

#include "base/status.h"
#include "import/event_spool.h"
#include "import/import.h"
#include "import/import_read.h"
#include "import/posted_rows.h"
#include "import/rejects.h"
#include "log/event_log.h"

namespace upnext::import {

struct PostedEvents {
  uint64_t good = 0, bad = 0;
  log::PostedMark mark;  // of the log that has them
};

// Reads what the store has beyond `since`; items and users go to `rows`. Events that the schema does not allow (any more) go to
// the rejects.
Result<PostedEvents> SpoolPosted(const ImportOptions& options, const log::PostedMark& since,
                                 ImportNames& names, EventSpool& spool, PostedRows& rows,
                                 RejectsFile& rejects);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_POSTED_EVENTS_H_
