// What an import takes and still tells of, since it looks like a mistake that no single row shows.
//
//   UPNEXT_ASSIGN_OR_RETURN(report.warnings, ImportWarnings(db));
//
// Only the import includes it. One thread.
#ifndef UPNEXT_EVENTS_IMPORT_WARNINGS_H_
#define UPNEXT_EVENTS_IMPORT_WARNINGS_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "events/watched.h"

namespace upnext::events {

// One line each, without a full stop, of
//   times that all lie in 1970, as seconds do that were divided by 1000 once too often;
//   ids that differ from another of their space by case or blanks only (they are kept apart).
// Asks for in_events (canonical.h) and the tables names_SPACE (import_write.h).
Result<std::vector<std::string>> ImportWarnings(WatchedDatabase& db);

}  // namespace upnext::events

#endif  // UPNEXT_EVENTS_IMPORT_WARNINGS_H_
