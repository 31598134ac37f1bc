// What an import accepts but reports, because it looks like a mistake that no single row shows.
//
//   report.warnings = ImportWarnings(names, spool);
//
// Only the import includes it. One thread.
#ifndef UPNEXT_IMPORT_IMPORT_WARNINGS_H_
#define UPNEXT_IMPORT_IMPORT_WARNINGS_H_

#include <string>
#include <vector>

#include "import/event_spool.h"
#include "import/import_read.h"

namespace upnext::import {

// One line each, without a full stop, of
//   times that all lie in 1970, as seconds do that were divided by 1000 once too often;
//   ids that differ from another of their space by the case of Latin letters or by blanks only
//   (they are kept apart).
std::vector<std::string> ImportWarnings(const ImportNames& names, const EventSpool& spool);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_IMPORT_WARNINGS_H_
