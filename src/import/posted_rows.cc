#include "import/posted_rows.h"

#include <string>
#include <string_view>
#include <utility>

#include "import/columns.h"

namespace upnext::import {
namespace {

using schema::Entity;
using schema::Kind;

// The value of a column, from the texts of one item's or user's attributes (schema/values.h).
std::string ValueSql(const schema::Attribute& attribute, uint32_t number) {
  const std::string text = fmt::format("any_value(value) FILTER (WHERE attribute = {})", number);
  switch (attribute.kind) {
    case Kind::kFlag:
      return fmt::format("CAST({} AS BOOLEAN)", text);
    case Kind::kNumber:
      return fmt::format("CAST({} AS FLOAT)", text);
    case Kind::kTime:
      return fmt::format("CAST(round(CAST({} AS DOUBLE) * 1000) AS BIGINT)", text);
    case Kind::kCategories:
      return fmt::format("list(value ORDER BY place) FILTER (WHERE attribute = {})", number);
    case Kind::kVector:
      return fmt::format("CAST(string_split({}, ' ') AS FLOAT[])", text);
    default:
      return text;
  }
}

}  // namespace

Result<PostedRows> PostedRows::Begin(WatchedDatabase& db, const schema::Schema& schema) {
  UPNEXT_RETURN_IF_ERROR(db.database().Run(
      "CREATE TABLE posted_rows (entity BIGINT, name VARCHAR, attribute BIGINT, place BIGINT, "
      "value VARCHAR)"));
  UPNEXT_ASSIGN_OR_RETURN(Appender appender, Appender::Create(db.database(), "posted_rows"));
  return PostedRows(db, schema, std::move(appender));
}

Status PostedRows::AddValue(Entity entity, const std::string& name, int64_t attribute,
                            const std::string* value) {
  appender_.Add(static_cast<int64_t>(entity));
  appender_.Add(std::string_view(name));
  appender_.Add(attribute);
  appender_.Add(values_++);
  if (value == nullptr) {
    appender_.AddNull();
  } else {
    appender_.Add(std::string_view(*value));
  }
  return appender_.EndRow();
}

Status PostedRows::Add(Entity entity, const schema::RawEntity& row, bool deleted) {
  // Without an attribute, so that there is a row for what has none.
  UPNEXT_RETURN_IF_ERROR(AddValue(entity, row.name, -1, nullptr));
  for (const auto& [number, text] : row.attributes) {
    UPNEXT_RETURN_IF_ERROR(AddValue(entity, row.name, number, &text));
  }
  if (deleted && entity == Entity::kItem) {
    const std::string yes = "true";
    UPNEXT_RETURN_IF_ERROR(AddValue(entity, row.name, schema::item_attribute::kRemoved, &yes));
  }
  ++counts_[static_cast<size_t>(entity)];
  return Ok();
}

Status PostedRows::Finish() {
  UPNEXT_RETURN_IF_ERROR(appender_.Close());
  for (const Table table : {Table::kItems, Table::kUsers}) {
    const Entity entity = EntityOf(table);
    if (count(entity) == 0) continue;
    const std::string_view key = entity == Entity::kItem ? "item" : "user";
    std::string values;
    uint32_t number = 0;
    for (const schema::Attribute& attribute : schema_.attributes(entity)) {
      values += fmt::format(",\n  {} AS \"{}\"", ValueSql(attribute, number++), attribute.name);
    }
    const auto of = static_cast<int>(entity);
    UPNEXT_RETURN_IF_ERROR(db_.database().Run(fmt::format(
        "DELETE FROM in_{0} WHERE upnext_reason IS NULL AND \"{1}\" IN (SELECT name FROM "
        "posted_rows WHERE entity = {2})",
        TableName(table), key, of)));
    UPNEXT_RETURN_IF_ERROR(db_.Run(
        fmt::format("add posted {}", TableName(table)),
        fmt::format("INSERT INTO in_{} BY NAME SELECT name AS \"{}\"{}\nFROM posted_rows WHERE "
                    "entity = {} GROUP BY name ORDER BY name",
                    TableName(table), key, values, of)));
  }
  return Ok();
}

}  // namespace upnext::import
