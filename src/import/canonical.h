// The canonical tables as SQL: which columns a SELECT of [import] may give, and the query that
// turns its output into typed columns with a reason beside every row that does not fit.
//
//   UPNEXT_ASSIGN_OR_RETURN(std::string sql, CheckedSelect(Table::kItems, select, columns));
//   db.Run("CREATE TABLE in_items AS " + sql);
//
// Only the import includes it. Pure functions.
#ifndef UPNEXT_IMPORT_CANONICAL_H_
#define UPNEXT_IMPORT_CANONICAL_H_

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "import/duckdb.h"

namespace upnext::import {

enum class Table : uint8_t { kEvents, kItems, kUsers };
inline constexpr std::array<Table, 3> kTables = {Table::kEvents, Table::kItems, Table::kUsers};
std::string_view TableName(Table table);  // "events"

// The SQL function (Database::AddRowLimit) that the statement passes each row of the SELECT to.
std::string RowLimitName(Table table);

// kInvalidArgument when a needed column is missing or one is not known; names the nearest.
Status CheckColumns(Table table, std::span<const Column> columns);

// A query that gives every canonical column under its name, NULL where the SELECT does not
// give it (time and created as BIGINT milliseconds, type as its number), then
//   reason    VARCHAR, NULL when the row is good     row_text  the row as read, for bad ones
//   file, line  where the row came from, NULL when the SELECT does not say
// `select` is the user's, its columns checked by CheckColumns. Rows keep their order.
Result<std::string> CheckedSelect(Table table, std::string_view select,
                                  std::span<const Column> columns);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_CANONICAL_H_
