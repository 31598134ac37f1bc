// The syntax tree of a SELECT as DuckDB's json_serialize_sql gives it, and a SELECT made of a tree.
//
//   UPNEXT_ASSIGN_OR_RETURN(nlohmann::json tree, ParseSql(db, select));
//   for (nlohmann::json* table : TablesOf(tree)) ...
//   UPNEXT_ASSIGN_OR_RETURN(std::string sql, PrintSql(db, tree));
//
// Only the import includes it. Pure functions beside what they ask the database.
#ifndef UPNEXT_IMPORT_SQL_TREE_H_
#define UPNEXT_IMPORT_SQL_TREE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/duckdb.h"

namespace upnext::import {

// kInvalidArgument for what DuckDB cannot parse or cannot give as a tree.
Result<nlohmann::json> ParseSql(Database& db, std::string_view sql);
Result<std::string> PrintSql(Database& db, const nlohmann::json& tree);

// The nodes of all sources of rows that are a table function, in the order of the statement, those
// of subqueries too. A file in the place of a table (FROM 'events.csv') becomes the function that
// reads it.
std::vector<nlohmann::json*> TablesOf(nlohmann::json& tree);
// "read_csv"
std::string FunctionOf(const nlohmann::json& table);
// The value that a table function gets for a named parameter, or null.
nlohmann::json* ParameterOf(nlohmann::json& table, std::string_view name);
// `SELECT * FROM` the node of a source of rows.
Result<std::string> SelectFrom(Database& db, const nlohmann::json& table);
// `SELECT` the value of an expression.
Result<std::string> SelectValue(Database& db, const nlohmann::json& expression);

nlohmann::json TextConstant(std::string_view text, std::string_view alias = "");

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_SQL_TREE_H_
