// Random rows of a random schema, for tests of what sites declare.
//
//   const RandomSite site(RandomSchema(seed, 8, 12), seed, /*items=*/20, /*users=*/5, /*events=*/99);
//   Import(site.Options(folder, RandomSite::Format::kParquet), ...);
#ifndef UPNEXT_IMPORT_RANDOM_SITE_H_
#define UPNEXT_IMPORT_RANDOM_SITE_H_

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "import/columns.h"
#include "import/duckdb.h"
#include "import/import.h"
#include "log/event_log.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "schema/values.h"

namespace upnext::import {

// Random rows of a schema, as raw rows and as files.
class RandomSite {
 public:
  enum class Format : uint8_t { kCsv, kParquet, kJson };

  RandomSite(schema::Schema schema, uint64_t seed, size_t items, size_t users, size_t events)
      : schema_(std::move(schema)), rng_(seed) {
    for (size_t i = 0; i < items; ++i) AddItem(fmt::format("i{}", i));
    for (size_t i = 0; i < users; ++i) AddUser(fmt::format("u{}", i));
    for (size_t i = 0; i < events; ++i) AddEvent(items + 2, users + 2);
  }

  const schema::Schema& schema() const { return schema_; }
  const std::vector<schema::RawEvent>& events() const { return events_; }

  // Gives the events times in the order in which they stand, half an hour apart.
  void SetTimesInOrder() {
    constexpr int64_t kApartMs = 1'700'500;
    for (size_t i = 0; i < events_.size(); ++i) {
      events_[i].time_ms = static_cast<int64_t>(i) * kApartMs;
      rows_[static_cast<size_t>(Table::kEvents)][i]["time"] =
          fmt::format("{}.{:03}", events_[i].time_ms / 1000, events_[i].time_ms % 1000);
    }
  }
  // The site when these events, by their index, had happened. All events happen to the user `other`
  // too, so that every part of a site has the same names.
  RandomSite Part(std::span<const size_t> events, const std::string& other) const {
    RandomSite part(*this);
    part.events_.clear();
    std::vector<Fields>& rows = part.rows_[static_cast<size_t>(Table::kEvents)];
    const std::vector<Fields> all = std::exchange(rows, {});
    const auto add = [&](size_t i, const std::string& user) {
      part.events_.push_back(events_[i]);
      part.events_.back().user = user;
      rows.push_back(all[i]);
      rows.back()["user"] = user;
    };
    for (const size_t i : events) add(i, events_[i].user);
    for (size_t i = 0; i < events_.size(); ++i) add(i, other);
    return part;
  }

  // Writes NAME.csv and returns a SELECT that reads it.
  std::string WriteCsv(const std::filesystem::path& folder, Table table) const {
    const std::vector<Fields>& rows = rows_[static_cast<size_t>(table)];
    const TableColumns columns(table, schema_);
    std::string text, lists;
    for (const TableColumn& column : columns.all()) {
      const std::string& name = column.attribute.name;
      text += (text.empty() ? "" : ",") + Quoted(name);
      if (column.read == Read::kIds) {
        lists += fmt::format("{}string_split(\"{}\", '|') AS \"{}\"", lists.empty() ? "" : ", ",
                             name, name);
      }
    }
    text += '\n';
    for (const Fields& row : rows) {
      std::string line;
      for (const TableColumn& column : columns.all()) {
        const auto field = row.find(column.attribute.name);
        line += (line.empty() ? "" : ",") + Quoted(field == row.end() ? "" : field->second);
      }
      text += line + '\n';
    }
    const std::string file = fmt::format("{}.csv", TableName(table));
    EXPECT_TRUE(base::WriteFileAtomic(folder / file, text));
    return fmt::format(
        "SELECT *{} FROM read_csv('{{data}}/{}', header = true, delim = ',', "
        "quote = '\"', escape = '\"', all_varchar = true)",
        lists.empty() ? "" : fmt::format(" REPLACE ({})", lists), file);
  }
  // Writes NAME.FORMAT and returns a SELECT that reads it.
  std::string Write(const std::filesystem::path& folder, Table table, Format format) const {
    std::string csv = WriteCsv(folder, table);
    if (format == Format::kCsv) return csv;
    constexpr std::string_view kData = "{data}";
    csv.replace(csv.find(kData), kData.size(), folder.string());
    const bool json = format == Format::kJson;
    const std::string file = fmt::format("{}.{}", TableName(table), json ? "json" : "parquet");
    auto db = Database::Open({.threads = 1});
    EXPECT_TRUE(db) << db.error().message;
    const Status written = db->Run(fmt::format(
        "COPY ({}) TO '{}' (FORMAT {})", csv, (folder / file).string(), json ? "json" : "parquet"));
    EXPECT_TRUE(written) << written.error().message;
    // Without types, a column that is always absent would be of DuckDB's type JSON.
    std::string types;
    const TableColumns columns(table, schema_);
    for (const TableColumn& column : columns.all()) {
      types += fmt::format("{}'{}': '{}'", types.empty() ? "" : ", ", column.attribute.name,
                           column.read == Read::kIds ? "VARCHAR[]" : "VARCHAR");
    }
    return json ? fmt::format("SELECT * FROM read_json('{{data}}/{}', columns = {{{}}})", file,
                              types)
                : fmt::format("SELECT * FROM read_parquet('{{data}}/{}')", file);
  }
  ImportOptions Options(const std::filesystem::path& folder, Format format = Format::kCsv) const {
    return {.events_sql = Write(folder, Table::kEvents, format),
            .items_sql = Write(folder, Table::kItems, format),
            .users_sql = Write(folder, Table::kUsers, format),
            .max_rejects = 0,
            .shards = 2,
            .schema = schema_};
  }
  log::EventLog InMemory(const std::filesystem::path& folder) const {
    EXPECT_TRUE(base::MakeDirectories(folder));
    const Status written = log::WriteEventLog(folder, events_, items_, users_, 2, schema_);
    EXPECT_TRUE(written) << written.error().message;
    return log::EventLog::Open(folder).value();
  }

 private:
  using Fields = std::map<std::string, std::string>;

  static std::string Quoted(std::string_view field) {
    std::string quoted = "\"";
    for (const char c : field) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
  }
  bool Sometimes() { return rng_.Below(3) != 0; }
  std::string Name(std::string_view prefix) { return fmt::format("{}{}", prefix, rng_.Below(12)); }

  // Values of the declared attributes, in a raw row and in the fields of a line.
  void AddDeclared(schema::Entity entity, schema::RawAttributes* attributes, Fields* fields) {
    for (size_t i = schema_.built_in(entity); i < schema_.attributes(entity).size(); ++i) {
      if (!Sometimes()) continue;
      const schema::Attribute& attribute = schema_.attributes(entity)[i];
      const auto number = static_cast<uint32_t>(i);
      std::string& field = (*fields)[attribute.name];
      if (attribute.kind == schema::Kind::kCategories) {
        for (size_t n = rng_.Below(4); n > 0; --n) {
          attributes->emplace_back(number, Name("t"));
          field += (field.empty() ? "" : "|") + attributes->back().second;
        }
        continue;
      }
      if (attribute.kind == schema::Kind::kVector) {
        std::vector<float> values(attribute.width);
        for (float& value : values) value = Eighths();
        attributes->emplace_back(number, schema::TextOf(values));
        field = fmt::format("[{}]", fmt::join(values, ", "));
        continue;
      }
      field = ValueOf(attribute);
      attributes->emplace_back(number, field);
    }
  }
  float Eighths() { return static_cast<float>(rng_.Below(1000)) / 8 - 50; }
  std::string ValueOf(const schema::Attribute& attribute) {
    switch (attribute.kind) {
      case schema::Kind::kFlag:
        return rng_.Below(2) == 0 ? "true" : "false";
      case schema::Kind::kNumber:
        return fmt::format("{}", Eighths());
      case schema::Kind::kTime:
        return fmt::format("{}.25", rng_.Below(1'000'000'000));
      case schema::Kind::kText:
        return fmt::format("text \"{}\",\nof ü", rng_.Below(100));
      default:
        return Name("c ");
    }
  }
  void AddItem(const std::string& id) {
    schema::RawItem item = {.item = id};
    Fields fields = {{"item", id}};
    if (Sometimes()) fields["channel"] = item.channel = Name("channel");
    if (Sometimes()) fields["title"] = item.title = Name("Title ");
    if (Sometimes()) fields["duration"] = fmt::format("{}", item.duration_s = 50 + Eighths());
    item.removed = !Sometimes();
    fields["removed"] = item.removed ? "true" : "";
    AddDeclared(schema::Entity::kItem, &item.attributes, &fields);
    items_.push_back(item);
    rows_[static_cast<size_t>(Table::kItems)].push_back(fields);
  }
  void AddUser(const std::string& id) {
    schema::RawUser user = {.user = id};
    Fields fields = {{"user", id}};
    if (Sometimes()) fields["region"] = user.region = Name("r");
    if (Sometimes()) {
      user.logged_in = 1;
      fields["logged_in"] = "yes";
    }
    AddDeclared(schema::Entity::kUser, &user.attributes, &fields);
    users_.push_back(user);
    rows_[static_cast<size_t>(Table::kUsers)].push_back(fields);
  }
  void AddEvent(size_t items, size_t users) {
    const size_t type = rng_.Below(schema_.event_types().size());
    const schema::EventTypeInfo& info = schema_.event_types()[type];
    schema::RawEvent event = {.user = fmt::format("u{}", rng_.Below(users)),
                              .time_ms = static_cast<int64_t>(rng_.Below(500) * 1000),
                              .type = static_cast<schema::EventType>(type + 1)};
    Fields fields = {{"user", event.user},
                     {"time", fmt::format("{}", event.time_ms / 1000)},
                     {"type", info.name}};
    if (info.role == schema::Role::kSearch) {
      fields["query"] = event.query = Name("query\t");
    } else {
      fields["item"] = event.item = fmt::format("i{}", rng_.Below(items));
    }
    if (info.needs_value || !Sometimes()) {
      fields["value"] = fmt::format("{}", event.value = 50 + Eighths());
    }
    if (Sometimes()) fields["device"] = event.device = Name("d");
    if (!Sometimes()) fields["current_item"] = event.current_item = Name("i");
    if (!Sometimes()) fields["position"] = fmt::format("{}", event.position = 7);
    AddDeclared(schema::Entity::kRequest, &event.attributes, &fields);
    events_.push_back(event);
    rows_[static_cast<size_t>(Table::kEvents)].push_back(fields);
  }

  schema::Schema schema_;
  base::Rng rng_;
  std::vector<schema::RawItem> items_;
  std::vector<schema::RawUser> users_;
  std::vector<schema::RawEvent> events_;
  std::array<std::vector<Fields>, kTables.size()> rows_;
};

// `types` event types and `attributes` attributes of the site's own, of all roles and kinds.
inline schema::Schema RandomSchema(uint64_t seed, size_t types, size_t attributes) {
  base::Rng rng(seed);
  std::string toml;
  for (size_t i = 0; i < types; ++i) {
    toml +=
        fmt::format("schema.events.type_{} = {{ role = '{}', value = {} }}\n", i,
                    schema::RoleName(static_cast<schema::Role>(rng.Below(6))), rng.Below(4) == 0);
  }
  const std::string_view kinds[] = {"number",           "flag",       "time", "category",
                                    "category(topics)", "categories", "text", "vector(5)",
                                    "category(items)"};
  for (size_t i = 0; i < attributes; ++i) {
    const auto entity = static_cast<schema::Entity>(rng.Below(3));
    const bool request = entity == schema::Entity::kRequest;
    toml += fmt::format("schema.{}.x{} = '{}'\n", schema::EntityName(entity), i,
                        kinds[rng.Below(request ? 5 : std::size(kinds))]);
  }
  return schema::Schema::Parse(toml).value();
}

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_RANDOM_SITE_H_
