// The canonical tables as SQL: the query that turns the output of a SELECT of [import] into typed
// columns with a reason next to every row that does not fit.
//
//   UPNEXT_ASSIGN_OR_RETURN(std::string sql, CheckedSelect(Table::kItems, schema, select, columns));
//   db.Run("CREATE TABLE in_items AS " + sql);
//
// Only the import includes it. Pure functions.
#ifndef UPNEXT_IMPORT_CANONICAL_H_
#define UPNEXT_IMPORT_CANONICAL_H_

#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "import/columns.h"
#include "import/duckdb.h"
#include "schema/schema.h"

namespace upnext::import {

// The id in a column of the row that is called "upnext row", as a person reads it; NULL when it is
// empty.
std::string IdText(const Column& given);

// The SQL function (Database::AddRowLimit) that the statement passes each row of the SELECT to.
std::string RowLimitName(Table table);

// A query that gives every column of TableColumns under its name, NULL where the SELECT does not
// give it (times as BIGINT milliseconds, type as its number, numbers as FLOAT), then
//   upnext_reason  VARCHAR, NULL when the row is good    upnext_text  the row as read, for bad ones
// `select` is the user's and gives `columns`, which are checked. Rows keep their order.
Result<std::string> CheckedSelect(Table table, const schema::Schema& schema,
                                  std::string_view select, std::span<const Column> columns);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_CANONICAL_H_
