// The second half of an import: what was read (import_read.h) becomes a log folder. The names get
// their places in the dictionaries, items and users are merged with them in their order, and the
// spool hands the events out sorted, so that memory grows with the names and not with the rows.
#ifndef UPNEXT_IMPORT_IMPORT_WRITE_H_
#define UPNEXT_IMPORT_IMPORT_WRITE_H_

#include <cstdint>
#include <filesystem>

#include "base/status.h"
#include "import/event_spool.h"
#include "import/id_use.h"
#include "import/import_read.h"
#include "import/watched.h"
#include "log/log_writer.h"

namespace upnext::import {

struct Written {
  uint64_t duplicates = 0;  // events left out, see LogWriter
  IdUse items, users;
};

// The tables in_items and in_users must exist (they may be empty); rows with a reason are left out.
// `names` holds those of the events, and gets those of the tables. The folder must exist and be
// empty.
Result<Written> WriteImportedLog(WatchedDatabase& db, ImportNames& names, EventSpool& spool,
                                 const std::filesystem::path& directory,
                                 const log::LogWriterOptions& options);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_IMPORT_WRITE_H_
