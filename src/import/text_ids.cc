#include "import/text_ids.h"

#include <algorithm>
#include <exception>
#include <map>
#include <string_view>
#include <utility>

#include "base/lower_case.h"
#include "import/sql_tree.h"

namespace upnext::import {
namespace {

using Json = nlohmann::json;

std::string Word(const Json& node, const char* key) {
  const auto it = node.find(key);
  return it != node.end() && it->is_string() ? it->get<std::string>() : "";
}

bool IsExpression(const Json& node, std::string_view kind) {
  return node.is_object() && Word(node, "class") == kind;
}

// The column that a COLUMN_REF names, without its table.
std::string ColumnOf(const Json& ref) {
  return base::LowerCase(ref.at("column_names").back().get<std::string>());
}

// Functions that take an id as text and give it, or a text made of it.
bool TakesText(std::string_view function) {
  static constexpr std::string_view kNames[] = {"||",
                                                "~~",
                                                "!~~",
                                                "any_value",
                                                "arbitrary",
                                                "arg_max",
                                                "arg_min",
                                                "array_agg",
                                                "concat",
                                                "concat_ws",
                                                "contains",
                                                "count",
                                                "ends_with",
                                                "first",
                                                "first_value",
                                                "hash",
                                                "ifnull",
                                                "lag",
                                                "last",
                                                "last_value",
                                                "lead",
                                                "left",
                                                "len",
                                                "length",
                                                "list",
                                                "list_value",
                                                "lower",
                                                "lpad",
                                                "ltrim",
                                                "max_by",
                                                "md5",
                                                "min_by",
                                                "nullif",
                                                "regexp_extract",
                                                "regexp_matches",
                                                "regexp_replace",
                                                "replace",
                                                "right",
                                                "row",
                                                "rpad",
                                                "rtrim",
                                                "sha256",
                                                "split_part",
                                                "starts_with",
                                                "str_split",
                                                "string_agg",
                                                "string_split",
                                                "string_to_array",
                                                "strlen",
                                                "struct_pack",
                                                "substr",
                                                "substring",
                                                "trim",
                                                "unnest",
                                                "upper"};
  return std::ranges::find(kNames, function) != std::end(kNames);
}

std::string CastType(const Json& cast) { return Word(cast.at("cast_type"), "id"); }

// Adds the columns whose text an expression passes on.
void AddPassedOn(const Json& e, std::set<std::string>& columns) {
  if (IsExpression(e, "COLUMN_REF")) {
    columns.insert(ColumnOf(e));
  } else if (IsExpression(e, "CAST")) {
    if (CastType(e) == "VARCHAR") AddPassedOn(e.at("child"), columns);
  } else if (IsExpression(e, "CASE")) {
    for (const Json& check : e.at("case_checks")) AddPassedOn(check.at("then_expr"), columns);
    AddPassedOn(e.at("else_expr"), columns);
  } else if ((IsExpression(e, "FUNCTION") &&
              TakesText(base::LowerCase(Word(e, "function_name")))) ||
             (IsExpression(e, "WINDOW") && TakesText(base::LowerCase(Word(e, "function_name")))) ||
             Word(e, "type") == "OPERATOR_COALESCE") {
    for (const Json& child : e.at("children")) AddPassedOn(child, columns);
  }
}

using Names = std::vector<std::string>;

Names NamesIn(const Json& node, const char* key) {
  Names names;
  const auto it = node.find(key);
  if (it == node.end() || !it->is_array()) return names;
  for (const Json& name : *it) {
    if (name.is_string()) names.push_back(base::LowerCase(name.get<std::string>()));
  }
  return names;
}

std::string OutputName(const Json& item) {
  const std::string alias = base::LowerCase(Word(item, "alias"));
  return alias.empty() && IsExpression(item, "COLUMN_REF") ? ColumnOf(item) : alias;
}

// The names of the output of a SELECT; of the first of a UNION.
Names OutputNames(const Json& node) {
  if (Word(node, "type") == "SET_OPERATION_NODE") {
    return OutputNames(node.at("left").is_object() ? node.at("left") : node.at("children").at(0));
  }
  Names names;
  const auto list = node.find("select_list");
  if (list == node.end()) return names;
  for (const Json& item : *list) names.push_back(OutputName(item));
  return names;
}

// Adds to `ids` the columns that its columns are made of, through aliases, subqueries and equal
// sides of joins, by their names alone. `output` names the columns of the SELECTs of `node`, where
// it differs from their own names.
void Spread(const Json& node, const Names& output, std::set<std::string>& ids) {
  if (!node.is_structured()) return;
  if (node.is_array()) {
    for (const Json& child : node) Spread(child, output, ids);
    return;
  }
  const std::string type = Word(node, "type");
  if (type == "TABLE_FUNCTION") return;
  Names inner = NamesIn(node, "column_name_alias");
  if (inner.empty()) inner = NamesIn(node, "aliases");
  if (inner.empty()) inner = output;
  if (type == "SET_OPERATION_NODE") {
    if (inner.empty()) inner = OutputNames(node);
  } else if (type == "SELECT_NODE") {
    const Json& list = node.at("select_list");
    for (size_t i = 0; i < list.size(); ++i) {
      const std::string own = OutputName(list[i]);
      if (ids.contains(own) || (i < inner.size() && ids.contains(inner[i]))) {
        AddPassedOn(list[i], ids);
      }
    }
    inner.clear();
  } else if (node.contains("replace_list")) {
    for (const Json& entry : node.at("replace_list")) {
      if (ids.contains(base::LowerCase(Word(entry, "key")))) AddPassedOn(entry.at("value"), ids);
    }
  } else if (type == "COMPARE_EQUAL" && IsExpression(node.at("left"), "COLUMN_REF") &&
             IsExpression(node.at("right"), "COLUMN_REF")) {
    const std::string left = ColumnOf(node.at("left")), right = ColumnOf(node.at("right"));
    if (ids.contains(left) || ids.contains(right)) ids.insert({left, right});
  }
  for (const Json& child : node) Spread(child, inner, ids);
}

// Whether a side of a comparison can be compared as text.
bool IsTextual(const Json& e) {
  if (IsExpression(e, "CONSTANT")) {
    return e.at("value").value("is_null", false) ||
           Word(e.at("value").at("type"), "id") == "VARCHAR";
  }
  if (IsExpression(e, "CAST")) return CastType(e) == "VARCHAR";
  if (IsExpression(e, "FUNCTION")) return TakesText(base::LowerCase(Word(e, "function_name")));
  return !IsExpression(e, "WINDOW");
}

using Types = std::map<std::string, std::string>;  // of columns, as they were guessed

// Gives the places that need a number the number: CAST(column AS its guessed type). `text` says
// that the place takes text.
class NumberPlaces {
 public:
  explicit NumberPlaces(const Types& types) : types_(types) {}

  void Mend(Json& e, bool text) const {
    if (!e.is_structured()) return;
    if (e.is_array()) {
      for (Json& child : e) Mend(child, text);
      return;
    }
    const std::string kind = Word(e, "class"), type = Word(e, "type");
    if (type == "TABLE_FUNCTION" || kind == "CONSTANT") return;
    if (kind == "COLUMN_REF") {
      const auto guessed = types_.find(ColumnOf(e));
      if (!text && guessed != types_.end()) Cast(e, guessed->second);
    } else if (kind == "CAST") {
      Mend(e.at("child"), CastType(e) == "VARCHAR");
    } else if (kind == "FUNCTION" || kind == "WINDOW") {
      const std::string function = base::LowerCase(Word(e, "function_name"));
      if (function == "nullif" || function == "ifnull") ConstantsToText(e.at("children"));
      for (auto& [key, child] : e.items()) Mend(child, key != "children" || TakesText(function));
    } else if (kind == "COMPARISON") {
      const bool both = IsTextual(e.at("left")) && IsTextual(e.at("right"));
      Mend(e.at("left"), both);
      Mend(e.at("right"), both);
    } else if (kind == "BETWEEN" || type == "COMPARE_IN" || type == "COMPARE_NOT_IN") {
      const bool all = std::ranges::all_of(e, [](const Json& child) {
        return !child.is_array() ? !child.is_object() || IsTextual(child)
                                 : std::ranges::all_of(child, IsTextual);
      });
      for (Json& child : e) Mend(child, all);
    } else {
      if (type == "OPERATOR_COALESCE") ConstantsToText(e.at("children"));
      for (Json& child : e) Mend(child, true);
    }
  }

 private:
  static void Cast(Json& ref, const std::string& type) {
    Json child = std::exchange(ref, Json());
    const std::string alias = Word(child, "alias");
    child["alias"] = "";
    ref = {{"class", "CAST"},
           {"type", "OPERATOR_CAST"},
           {"alias", alias},
           {"child", std::move(child)},
           {"cast_type", {{"id", type}, {"type_info", nullptr}}},
           {"try_cast", false}};
  }
  // nullif(item, 0) and coalesce(item, 0) as they mean it for a text.
  void ConstantsToText(Json& children) const {
    const bool of_ids = std::ranges::any_of(children, [&](const Json& child) {
      return IsExpression(child, "COLUMN_REF") && types_.contains(ColumnOf(child));
    });
    if (!of_ids) return;
    for (Json& child : children) {
      if (!IsExpression(child, "CONSTANT")) continue;
      const Json& value = child.at("value").value("value", Json());
      if (value.is_number_integer()) child = TextConstant(value.dump(), Word(child, "alias"));
    }
  }

  const Types& types_;
};

bool IsNested(std::string_view type) {
  return type.contains('(') || type.contains('[') || type == "JSON";
}

// Changes the function so that it reads the columns of ids as text; returns those and the types
// that it gave them before.
Result<Types> ReadAsText(Database& db, Json& table, const std::set<std::string>& ids) {
  const std::string function = FunctionOf(table);
  const bool csv = function.starts_with("read_csv");
  const bool json = function == "read_json" || function == "read_json_auto" ||
                    function == "read_ndjson" || function == "read_ndjson_auto";
  if ((!csv && !json) || ParameterOf(table, "columns") != nullptr) return Types();
  Json unnamed = table;
  unnamed["column_name_alias"] = Json::array();
  UPNEXT_ASSIGN_OR_RETURN(const std::string sql, SelectFrom(db, unnamed));
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<Column> columns, db.Describe(sql));
  const Names renamed = NamesIn(table, "column_name_alias");
  Json* typed = nullptr;
  for (const char* name : {"types", "dtypes", "column_types"}) {
    if (typed == nullptr) typed = ParameterOf(table, name);
  }
  if (typed != nullptr && Word(*typed, "function_name") != "struct_pack") return Types();
  std::set<std::string> said;
  for (size_t i = 0; typed != nullptr && i < typed->at("children").size(); ++i) {
    said.insert(base::LowerCase(Word(typed->at("children")[i], "alias")));
  }
  Types changed;
  Json all = Json::array(), texts = Json::array();
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto& [name, type] = columns[i];
    if (json && name == "filename" && ParameterOf(table, "filename") != nullptr) continue;
    const std::string known = i < renamed.size() ? renamed[i] : base::LowerCase(name);
    const bool change = ids.contains(known) && type != "VARCHAR" && !IsNested(type) &&
                        !said.contains(base::LowerCase(name));
    if (change) {
      changed[known] = type;
      texts.push_back(TextConstant("VARCHAR", name));
    }
    all.push_back(TextConstant(change ? "VARCHAR" : type, name));
  }
  if (changed.empty()) return changed;
  if (typed != nullptr) {
    for (const Json& text : texts) typed->at("children").push_back(text);
    return changed;
  }
  UPNEXT_ASSIGN_OR_RETURN(Json example, ParseSql(db, csv ? "FROM f(types = {'x': 'y'})"
                                                         : "FROM f(columns = {'x': 'y'})"));
  Json parameter =
      example.at("statements")[0].at("node").at("from_table").at("function").at("children").at(0);
  parameter.at("right").at("children") = csv ? texts : all;
  table.at("function").at("children").push_back(std::move(parameter));
  return changed;
}

// The names, of a SELECT and of what it was before, without regard to types.
bool SameNames(const std::vector<Column>& a, const std::vector<Column>& b) {
  return std::ranges::equal(a, b, {}, &Column::name, &Column::name);
}

Result<TextIds> Change(Database& db, const std::string& select, const std::vector<Column>& columns,
                       std::set<std::string> ids) {
  TextIds result = {select, columns, {}};
  UPNEXT_ASSIGN_OR_RETURN(Json tree, ParseSql(db, select));
  const std::vector<Json*> tables = TablesOf(tree);
  for (size_t before = 0; before != ids.size() && !tables.empty();) {
    before = ids.size();
    Spread(tree, {}, ids);
  }
  Types changed;
  for (Json* table : tables) {
    UPNEXT_ASSIGN_OR_RETURN(const Types here, ReadAsText(db, *table, ids));
    changed.insert(here.begin(), here.end());
  }
  if (changed.empty()) return result;
  NumberPlaces(changed).Mend(tree, true);
  Result<std::string> sql = PrintSql(db, tree);
  if (sql) {
    Result<std::vector<Column>> after = db.Describe(*sql);
    if (after && SameNames(columns, *after)) return TextIds{*std::move(sql), *std::move(after), {}};
  }
  for (const auto& [column, type] : changed) {
    result.guessed.push_back(fmt::format("{} ({})", column, type));
  }
  return result;
}

}  // namespace

TextIds ReadIdsAsText(Database& db, const std::string& select, const std::vector<Column>& columns,
                      std::set<std::string> ids) {
  try {
    return Change(db, select, columns, std::move(ids)).value_or(TextIds{select, columns, {}});
  } catch (const std::exception&) {
    // Another DuckDB may give another tree; then the SELECT stays as it is.
    return {select, columns, {}};
  }
}

}  // namespace upnext::import
