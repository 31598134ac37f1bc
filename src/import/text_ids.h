// Ids of CSV and JSON files as the text that stands in the file. DuckDB takes the type of a column
// from the first rows, and when that is a number, a date or a UUID, it changes what follows without
// an error: 007 becomes 7, 12.6 becomes 13, 0x10 becomes 16.
//
//   const TextIds ids = ReadIdsAsText(db, select, columns, {"user", "item"});
//   db.Query(ids.sql, ...)
//
// Only the import includes it. A pure function beside what it asks the database.
#ifndef UPNEXT_IMPORT_TEXT_IDS_H_
#define UPNEXT_IMPORT_TEXT_IDS_H_

#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "import/duckdb.h"

namespace upnext::import {

struct TextIds {
  std::string sql;              // the SELECT, changed where that is needed
  std::vector<Column> columns;  // of its output
  // Columns of files that ids come from and that are read as DuckDB guesses, because the SELECT
  // does not work with text there or cannot be changed: "item (BIGINT)".
  std::vector<std::string> guessed;
};

// `ids` are the output columns of the SELECT, in lower case, that should be text. The columns of
// read_csv and read_json that they are made of are read as VARCHAR, unless the SELECT says
// their type (types, columns, all_varchar). Where it computes or compares numbers with such a
// column, that place still gets the number. `select` is valid and gives `columns`.
TextIds ReadIdsAsText(Database& db, const std::string& select, const std::vector<Column>& columns,
                      std::set<std::string> ids);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_TEXT_IDS_H_
