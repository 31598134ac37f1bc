// The second half of an import: the loaded tables in_events, in_items and in_users (canonical.h)
// become a log folder. DuckDB numbers the names, joins and sorts; rows stream from it into a
// LogWriter, so that memory is DuckDB's budget whatever the number of rows.
#ifndef UPNEXT_EVENTS_IMPORT_WRITE_H_
#define UPNEXT_EVENTS_IMPORT_WRITE_H_

#include <cstdint>
#include <filesystem>

#include "base/status.h"
#include "events/watched.h"

namespace upnext::events {

struct LogSizes {
  uint64_t users = 0, items = 0;  // names in the dictionaries
  uint64_t duplicates = 0;        // events left out, see LogWriter
};

// All three tables must exist (the last two may be empty); rows with a reason are left out. The
// folder must exist and be empty.
Result<LogSizes> WriteImportedLog(WatchedDatabase& db, uint64_t events,
                                  const std::filesystem::path& directory, uint32_t shards);

}  // namespace upnext::events

#endif  // UPNEXT_EVENTS_IMPORT_WRITE_H_
