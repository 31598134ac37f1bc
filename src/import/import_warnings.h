// What an import accepts but reports, because it looks like a mistake that no single row shows.
//
//   report.warnings = ImportWarnings(schema, names, spool, written, false);
//
// Only the import includes it. One thread.
#ifndef UPNEXT_IMPORT_IMPORT_WARNINGS_H_
#define UPNEXT_IMPORT_IMPORT_WARNINGS_H_

#include <string>
#include <vector>

#include "import/event_spool.h"
#include "import/import_read.h"
#include "import/import_write.h"
#include "schema/schema.h"

namespace upnext::import {

// One line each, without a full stop, of
//   times that all lie in 1970, as seconds do that were divided by 1000 once too often;
//   times that were stored as 32-bit floats;
//   tables that rarely join: fewer than half of the events have an item that the items table
//   describes, if it has rows; likewise users. Not for an append, whose tables may have the changes
//   alone;
//   users and items called NULL, undefined, (not set) ...;
//   ids that differ from another of their space by the case of Latin letters or by blanks only
//   (they are kept apart).
std::vector<std::string> ImportWarnings(const schema::Schema& schema, const ImportNames& names,
                                        const EventSpool& spool, const Written& written,
                                        bool append);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_IMPORT_WARNINGS_H_
