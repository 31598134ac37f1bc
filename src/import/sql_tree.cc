#include "import/sql_tree.h"

#include <array>
#include <exception>
#include <utility>

#include "base/lower_case.h"

namespace upnext::import {
namespace {

using Json = nlohmann::json;

// The text that a query of one value gives.
Result<std::string> TextFrom(Database& db, std::string_view sql) {
  std::string text;
  UPNEXT_RETURN_IF_ERROR(db.Query(sql, [&](const Chunk& chunk) -> Status {
    if (chunk.rows() > 0 && chunk.valid(0, 0)) text = chunk.Text(0, 0);
    return Ok();
  }));
  return text;
}

// The table function that DuckDB reads a file in the place of a table with, "" when it is a table.
std::string_view ReaderOf(std::string_view table) {
  for (const std::string_view packed : {".gz", ".zst"}) {
    if (table.ends_with(packed)) table.remove_suffix(packed.size());
  }
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kReaders = {
      {{".csv", "read_csv"},
       {".tsv", "read_csv"},
       {".json", "read_json"},
       {".jsonl", "read_json"},
       {".ndjson", "read_json"},
       {".parquet", "read_parquet"}}};
  for (const auto& [ending, reader] : kReaders) {
    if (table.ends_with(ending)) return reader;
  }
  return "";
}

// The function in place of the file, under the name that DuckDB gives such a table.
Json FileFunction(const Json& table, std::string_view reader) {
  const std::string file = table.value("table_name", "");
  std::string alias = table.value("alias", "");
  if (alias.empty()) {
    alias = file.substr(file.find_last_of('/') + 1);
    alias = alias.substr(0, alias.find('.'));
  }
  return {{"type", "TABLE_FUNCTION"},
          {"alias", alias},
          {"sample", table.value("sample", Json())},
          {"function",
           {{"class", "FUNCTION"},
            {"type", "FUNCTION"},
            {"alias", ""},
            {"function_name", reader},
            {"schema", ""},
            {"children", Json::array({TextConstant(file)})},
            {"filter", nullptr},
            {"order_bys", {{"type", "ORDER_MODIFIER"}, {"orders", Json::array()}}},
            {"distinct", false},
            {"is_operator", false},
            {"export_state", false},
            {"catalog", ""}}},
          {"column_name_alias", table.value("column_name_alias", Json::array())}};
}

void FindTables(Json& node, std::vector<Json*>& tables) {
  if (node.is_object()) {
    if (node.value("type", Json()) == "BASE_TABLE") {
      const std::string_view reader = ReaderOf(base::LowerCase(node.value("table_name", "")));
      if (!reader.empty() && node.value("schema_name", "").empty()) {
        node = FileFunction(node, reader);
      }
    }
    if (node.value("type", Json()) == "TABLE_FUNCTION") tables.push_back(&node);
  }
  if (!node.is_structured()) return;
  for (Json& child : node) FindTables(child, tables);
}

// The tree of a SELECT after a change of its node.
Result<std::string> PrintChanged(Database& db, std::string_view sql,
                                 const std::function<void(Json&)>& change) {
  UPNEXT_ASSIGN_OR_RETURN(Json tree, ParseSql(db, sql));
  change(tree.at("statements").at(0).at("node"));
  return PrintSql(db, tree);
}

}  // namespace

Result<Json> ParseSql(Database& db, std::string_view sql) {
  UPNEXT_ASSIGN_OR_RETURN(
      const std::string text,
      TextFrom(db, fmt::format("SELECT json_serialize_sql({})", QuoteSql(sql))));
  Json tree = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!tree.is_object() || tree.value("error", true) || tree["statements"].size() != 1) {
    return InvalidArgument("DuckDB gives no syntax tree of the statement");
  }
  return tree;
}

Result<std::string> PrintSql(Database& db, const Json& tree) {
  return TextFrom(db,
                  fmt::format("SELECT json_deserialize_sql({}::JSON)",
                              QuoteSql(tree.dump(-1, ' ', false, Json::error_handler_t::replace))));
}

std::vector<Json*> TablesOf(Json& tree) {
  std::vector<Json*> tables;
  FindTables(tree, tables);
  return tables;
}

std::string FunctionOf(const Json& table) {
  return base::LowerCase(table.at("function").value("function_name", ""));
}

Json* ParameterOf(Json& table, std::string_view name) {
  for (Json& child : table.at("function").at("children")) {
    if (child.value("type", "") != "COMPARE_EQUAL") continue;
    const Json& left = child.at("left");
    if (left.value("class", "") != "COLUMN_REF") continue;
    if (base::LowerCase(left.at("column_names").back().get<std::string>()) == name) {
      return &child.at("right");
    }
  }
  return nullptr;
}

Result<std::string> SelectFrom(Database& db, const Json& table) {
  return PrintChanged(db, "SELECT * FROM t", [&](Json& node) { node.at("from_table") = table; });
}

Result<std::string> SelectValue(Database& db, const Json& expression) {
  return PrintChanged(db, "SELECT 1",
                      [&](Json& node) { node.at("select_list").at(0) = expression; });
}

Json TextConstant(std::string_view text, std::string_view alias) {
  return {{"class", "CONSTANT"},
          {"type", "VALUE_CONSTANT"},
          {"alias", alias},
          {"value",
           {{"type", {{"id", "VARCHAR"}, {"type_info", nullptr}}},
            {"is_null", false},
            {"value", text}}}};
}

}  // namespace upnext::import
