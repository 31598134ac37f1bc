#include "import/columns.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/lower_case.h"
#include "base/suggest.h"
#include "schema/values.h"

namespace upnext::import {
namespace {

using schema::Attribute;
using schema::Kind;

// Other names under which a column is read: that of DuckDB's readers with filename = true, and the
// one that the item being watched once had.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {{"filename", "file"},
                                                                         {"seed", "current_item"}};

Read ReadOf(schema::Entity entity, const Attribute& attribute) {
  switch (attribute.kind) {
    case Kind::kFlag:
      return Read::kFlag;
    case Kind::kNumber:
      // Whether a user is logged in is a number in the log, since it may be a share.
      if (entity == schema::Entity::kUser && attribute.name == "logged_in") return Read::kShare;
      return attribute.whole ? Read::kWhole : Read::kNumber;
    case Kind::kTime:
      return Read::kTime;
    case Kind::kCategory:
      return attribute.any_bytes ? Read::kFree : Read::kId;
    case Kind::kCategories:
      return Read::kIds;
    case Kind::kText:
      return Read::kFree;
    case Kind::kVector:
      return Read::kVector;
  }
  return Read::kId;
}

std::string Joined(std::span<const std::string> words) {
  return fmt::format("{}", fmt::join(words, ", "));
}

bool IsList(std::string_view type) { return type.ends_with("]"); }

const Column* Find(std::span<const Column> columns, std::string_view name) {
  const auto it = std::ranges::find_if(
      columns, [&](const Column& column) { return base::LowerCase(column.name) == name; });
  return it == columns.end() ? nullptr : &*it;
}

// The column that DuckDB calls `name` because it is not the first of its name: "item" for "item_1".
std::string Repeated(std::string_view name, std::span<const std::string> known) {
  const size_t end = name.find_last_not_of("0123456789");
  if (end == std::string_view::npos || end + 1 == name.size() || name[end] != '_') return "";
  const std::string first = base::LowerCase(name.substr(0, end));
  return std::ranges::find(known, first) == known.end() ? "" : first;
}

// What to write for ids of a type that people read in several ways, "" for other types.
std::string_view CastOfIds(std::string_view type) {
  if (type == "BLOB") return "decode(...) if the bytes are text, and hex(...) if not";
  if (type == "DATE") return "strftime(..., '%Y-%m-%d')";
  if (type.starts_with("TIMESTAMP")) return "strftime(..., '%Y-%m-%dT%H:%M:%S')";
  const bool known =
      IsText(type) || IsNumber(type) || type == "BOOLEAN" || type == "UUID" || type == "\"NULL\"";
  return known ? "" : "CAST(... AS VARCHAR)";
}

Status CheckIdType(Table table, const TableColumn& column, std::string_view type) {
  const bool list = column.read == Read::kIds && IsList(type);
  const bool ids = column.read == Read::kId || column.read == Read::kIds;
  if (!ids && (column.read != Read::kFree || type != "BLOB")) return Ok();
  const std::string_view element = list ? type.substr(0, type.rfind('[')) : type;
  if (IsList(element) || element.starts_with("STRUCT") || element.starts_with("MAP")) {
    return InvalidArgument("[import] {0}: column '{1}' should be a list of ids, is {2}; {3} AS {1}",
                           TableName(table), column.attribute.name, type,
                           IsList(element) ? "write flatten(...)"
                           : list
                               ? "name the field that is the id: list_transform(..., x -> x.FIELD)"
                               : "name the field that is the id: (...).FIELD");
  }
  const std::string_view cast = CastOfIds(element);
  if (cast.empty()) return Ok();
  return InvalidArgument(
      "[import] {0}: column '{1}' should be text or whole numbers, is {2}; write the id as it should "
      "be read: {3} AS {1}{4}",
      TableName(table), column.attribute.name, type, cast,
      list ? ", for every element with list_transform(..., x -> ...)" : "");
}

Status CheckType(Table table, const TableColumn& column, std::string_view type) {
  const std::string& name = column.attribute.name;
  const bool nested = IsList(type) || type.starts_with("STRUCT") || type.starts_with("MAP");
  if (column.read == Read::kTime && !IsNumber(type) && !IsText(type) && !IsTimestamp(type)) {
    return InvalidArgument(
        "[import] {}: column '{}' should be seconds since 1970 or a timestamp, is {}",
        TableName(table), name, type);
  }
  if (column.read == Read::kTime && type == "FLOAT") {
    return InvalidArgument(
        "[import] {0}: column '{1}' is FLOAT, which has seconds since 1970 in steps of 128; store "
        "times as DOUBLE, BIGINT or TIMESTAMP, or, to take these as they are, write CAST(... AS "
        "DOUBLE) AS {1}",
        TableName(table), name, type);
  }
  if (column.read == Read::kVector && !IsList(type) && !IsText(type)) {
    return InvalidArgument("[import] {}: column '{}' should be a list of numbers, is {}",
                           TableName(table), name, type);
  }
  if (nested && column.read != Read::kIds && column.read != Read::kVector) {
    return InvalidArgument("[import] {}: column '{}' should be a single value, is {}",
                           TableName(table), name, type);
  }
  return CheckIdType(table, column, type);
}

// The kind to declare for a column of the type, "" when none fits.
std::string KindFor(schema::Entity entity, std::string_view type) {
  if (type == "BOOLEAN") return "flag";
  if (IsTimestamp(type)) return "time";
  if (IsNumber(type)) return "number";
  if (IsText(type) || type == "UUID") return "category";
  if (!IsList(type) || entity == schema::Entity::kRequest) return "";
  const size_t open = type.find('[');
  const std::string_view element = type.substr(0, open), width = type.substr(open + 1);
  if (IsText(element)) return "categories";
  if (!IsNumber(element)) return "";
  return fmt::format("vector({})", width == "]" ? "N" : width.substr(0, width.size() - 1));
}

// The column's name as one that can be declared.
std::string Identifier(std::string_view name) {
  std::string identifier = base::LowerCase(name);
  for (char& c : identifier) {
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return identifier;
}

// What to add to the project file so that the column is taken.
std::string LineToAdd(Table table, const Column& column) {
  const std::string kind = KindFor(EntityOf(table), column.type);
  if (kind.empty()) {
    return fmt::format("leave it out of the SELECT: an attribute cannot have the type {}",
                       column.type);
  }
  const std::string name = Identifier(column.name);
  return fmt::format(
      "to keep it as an attribute, add to the project file: [schema.{}] {} = \"{}\"{}",
      schema::EntityName(EntityOf(table)), name, kind,
      name == base::LowerCase(column.name) ? "" : fmt::format(", and select it AS {}", name));
}

}  // namespace

std::string_view TableName(Table table) {
  switch (table) {
    case Table::kEvents:
      return "events";
    case Table::kItems:
      return "items";
    case Table::kUsers:
      return "users";
  }
  return "";
}

schema::Entity EntityOf(Table table) {
  switch (table) {
    case Table::kItems:
      return schema::Entity::kItem;
    case Table::kUsers:
      return schema::Entity::kUser;
    case Table::kEvents:
      break;
  }
  return schema::Entity::kRequest;
}

bool IsText(std::string_view type) {
  return type == "VARCHAR" || type == "JSON" || type.starts_with("ENUM");
}

bool IsFraction(std::string_view type) {
  return type == "FLOAT" || type == "DOUBLE" ||
         (type.starts_with("DECIMAL") && !type.ends_with(",0)"));
}

bool IsNumber(std::string_view type) {
  static constexpr std::string_view kNumbers[] = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                                  "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                                  "UBIGINT", "UHUGEINT", "FLOAT",     "DOUBLE"};
  return std::ranges::find(kNumbers, type) != std::end(kNumbers) ||
         (type.starts_with("DECIMAL") && type.ends_with(")"));
}

bool IsTimestamp(std::string_view type) { return type.starts_with("TIMESTAMP") || type == "DATE"; }

TableColumns::TableColumns(Table table, const schema::Schema& schema) : table_(table) {
  const auto add = [&](std::string_view name, Read read, bool needed = false) {
    columns_.push_back({{.name = std::string(name)}, read, needed});
  };
  if (table == Table::kEvents) {
    add("user", Read::kId, true);
    add("item", Read::kId, true);
    add("time", Read::kTime, true);
    add("type", Read::kType, true);
    columns_.push_back({schema::ValueColumn(), Read::kNumber});
    add("request", Read::kId);
    add("id", Read::kId);
  } else {
    add(table == Table::kItems ? "item" : "user", Read::kId, true);
  }
  for (const Attribute& attribute : schema.attributes(EntityOf(table))) {
    columns_.push_back({attribute, ReadOf(EntityOf(table), attribute)});
  }
  add("file", Read::kPlace);
  add("line", Read::kPlace);
}

std::vector<std::string> TableColumns::Names() const {
  std::vector<std::string> names;
  for (const TableColumn& column : columns_) names.push_back(column.attribute.name);
  return names;
}

const Column* TableColumns::Given(std::span<const Column> given, std::string_view name) {
  const Column* found = Find(given, name);
  for (const auto& [other, canonical] : kOtherNames) {
    if (found == nullptr && name == canonical) found = Find(given, other);
  }
  return found;
}

Status TableColumns::CheckUnknown(std::span<const std::string> unknown,
                                  std::span<const Column> given) const {
  const std::vector<std::string> known = Names();
  for (const std::string& name : unknown) {
    const std::string twice = Repeated(name, known);
    if (twice.empty()) continue;
    return InvalidArgument(
        "[import] {}: the SELECT gives the column '{}' twice; keep one of them, e.g. with SELECT * "
        "EXCLUDE (...)",
        TableName(table_), twice);
  }
  if (unknown.empty()) return Ok();
  return InvalidArgument("[import] {}: unknown column '{}'{} (the columns are {}); {}",
                         TableName(table_), unknown.front(),
                         base::DidYouMean(base::LowerCase(unknown.front()), known), Joined(known),
                         LineToAdd(table_, *Find(given, base::LowerCase(unknown.front()))));
}

Status TableColumns::Check(std::span<const Column> given) const {
  const std::vector<std::string> known = Names();
  std::vector<std::string> names, unknown;
  for (const Column& column : given) {
    names.push_back(column.name);
    const std::string name = base::LowerCase(column.name);
    const bool other = std::ranges::any_of(kOtherNames, [&](const auto& pair) {
      return pair.first == name && std::ranges::find(known, pair.second) != known.end();
    });
    if (!other && std::ranges::find(known, name) == known.end()) unknown.push_back(column.name);
  }
  for (const TableColumn& column : columns_) {
    const std::string& name = column.attribute.name;
    if (const Column* found = Given(given, name); found != nullptr) {
      UPNEXT_RETURN_IF_ERROR(CheckType(table_, column, found->type));
    } else if (column.needed) {
      std::string near = base::Nearest(name, unknown);
      for (const std::string& other : unknown) {
        if (near.empty() && base::LowerCase(other).find(name) != std::string::npos) near = other;
      }
      return InvalidArgument("[import] {}: the SELECT should give a column '{}', it gives {}{}",
                             TableName(table_), name, Joined(names),
                             near.empty() ? fmt::format("; add '... AS {}'", name)
                                          : fmt::format("; did you mean '{} AS {}'?", near, name));
    }
  }
  if (Find(given, "seed") != nullptr && Find(given, "current_item") != nullptr) {
    return InvalidArgument(
        "[import] {}: the SELECT gives both 'current_item' and 'seed', its old name; keep one",
        TableName(table_));
  }
  return CheckUnknown(unknown, given);
}

}  // namespace upnext::import
