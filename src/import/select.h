// The user's SELECT of a table of [import], made ready to run.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Select select, PrepareSelect(options, table, false, db, files));
//   ... db.Query("SELECT * FROM (\n" + PartOf(options, select) + "\n)", ...)
//
// Only the import includes it. Pure functions beside what they ask the database.
#ifndef UPNEXT_IMPORT_SELECT_H_
#define UPNEXT_IMPORT_SELECT_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/columns.h"
#include "import/import.h"
#include "import/input_files.h"
#include "import/watched.h"

namespace upnext::import {

struct Select {
  Table table = Table::kEvents;
  std::optional<Error> absent = {};  // why its files could not be read, where they may be absent
  bool given = false;    // by the project file, and its files are there; else it has no rows
  std::string sql = {};  // ready to stand in brackets
  std::vector<Column> columns = {};  // of its output, not checked yet
};

// Asks DuckDB for the columns of the SELECT, which finds all errors but those of its rows. Adds its
// files to `files` in any case. With `may_be_absent`, a table whose files are not there counts as not
// given, which a note says.
Result<Select> PrepareSelect(const ImportOptions& options, Table table, bool may_be_absent,
                             WatchedDatabase& db, InputFiles& files);

// kInvalidArgument when ids come as numbers with a fraction (FLOAT, DOUBLE, DECIMAL), whose text has
// one too: '12.0' meets no '12' of another table. Reads them all to give an advice that merges none.
Status CheckNoFractionIds(const ImportOptions& options, const Select& select, Database& db);

// The rows of the SELECT whose user is in the part that is imported.
std::string PartOf(const ImportOptions& options, const Select& select);

// DuckDB's error with the table whose SELECT it is about, and what to do. `statement` is what ran:
// the SELECT and what stands around it.
std::unexpected<Error> SelectError(Error error, const ImportOptions& options, Table table,
                                   std::string_view statement, std::string_view select);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_SELECT_H_
