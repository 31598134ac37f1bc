// The first half of an import: runs the SELECTs of [import], sets bad rows aside with their reason,
// numbers the names of events and spools the rest, so that nothing as wide as the user's rows is
// ever kept. Items and users, which are few beside events, become the DuckDB tables in_items and
// in_users.
//
//   ImportReader reader(options, db, rejects);
//   UPNEXT_RETURN_IF_ERROR(reader.ReadAll(names, spool));
//
// Only the import includes it. One thread.
#ifndef UPNEXT_IMPORT_IMPORT_READ_H_
#define UPNEXT_IMPORT_IMPORT_READ_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/canonical.h"
#include "import/event_spool.h"
#include "import/import.h"
#include "import/input_files.h"
#include "import/name_table.h"
#include "import/rejects.h"
#include "import/select.h"
#include "import/watched.h"
#include "schema/event.h"

namespace upnext::import {

using ImportNames = std::vector<NameTable>;  // by IdSpace

class ImportReader {
 public:
  struct Counts {
    uint64_t good = 0, bad = 0;
  };
  // `joins_log`: the rows join a log that is there, whose items and users stay when the files of
  // their tables are absent.
  ImportReader(const ImportOptions& options, bool joins_log, WatchedDatabase& db,
               RejectsFile& rejects)
      : options_(options), joins_log_(joins_log), db_(db), rejects_(rejects) {}

  // Checks the SELECTs of all tables before it runs the first, and that their files were whole when
  // it has run all (input_files.h). Names are added to those that are there already; only the ones
  // of events.
  Status ReadAll(ImportNames& names, EventSpool& spool);
  const Counts& counts(Table table) const { return counts_[static_cast<size_t>(table)]; }

 private:
  class EventIntake;
  struct Prepared {
    Select select;
    std::string statement;  // that reads it
  };
  Status ReadAll(ImportNames& names, EventSpool& spool, InputFiles& files);
  Result<Prepared> Prepare(Table table, InputFiles& files);
  Status Read(const Prepared& prepared, ImportNames& names, EventSpool& spool);
  Status CheckLoaded(Table table);
  Status TakeRejects(Table table, const std::string& sql);
  Result<uint64_t> TakeReaderRejects(Table table);

  const ImportOptions& options_;
  const bool joins_log_;
  WatchedDatabase& db_;
  RejectsFile& rejects_;
  std::array<Counts, kTables.size()> counts_{};
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_IMPORT_READ_H_
