// Imports under a declared schema: what CSV files hold comes out of the log, and equals the log that
// the same rows give in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"
#include "import/columns.h"
#include "import/test_import.h"
#include "log/test_log_text.h"
#include "schema/values.h"

namespace upnext::import {
namespace {

using schema::Entity;
using schema::Kind;
using ::testing::AllOf;
using ::testing::HasSubstr;

using Fields = std::map<std::string, std::string>;

// Random rows of a schema, as raw rows and as CSV.
class RandomSite {
 public:
  RandomSite(schema::Schema schema, uint64_t seed, size_t items, size_t users, size_t events)
      : schema_(std::move(schema)), rng_(seed) {
    for (size_t i = 0; i < items; ++i) AddItem(fmt::format("i{}", i));
    for (size_t i = 0; i < users; ++i) AddUser(fmt::format("u{}", i));
    for (size_t i = 0; i < events; ++i) AddEvent(items + 2, users + 2);
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
  ImportOptions Options(const std::filesystem::path& folder) const {
    return {.events_sql = WriteCsv(folder, Table::kEvents),
            .items_sql = WriteCsv(folder, Table::kItems),
            .users_sql = WriteCsv(folder, Table::kUsers),
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
  static std::string Quoted(std::string_view field) {
    std::string quoted = "\"";
    for (const char c : field) quoted += c == '"' ? "\"\"" : std::string(1, c);
    return quoted + "\"";
  }
  bool Sometimes() { return rng_.Below(3) != 0; }
  std::string Name(std::string_view prefix) { return fmt::format("{}{}", prefix, rng_.Below(12)); }

  // Values of the declared attributes, in a raw row and in the fields of a line.
  void AddDeclared(Entity entity, schema::RawAttributes* attributes, Fields* fields) {
    for (size_t i = schema_.built_in(entity); i < schema_.attributes(entity).size(); ++i) {
      if (!Sometimes()) continue;
      const schema::Attribute& attribute = schema_.attributes(entity)[i];
      const auto number = static_cast<uint32_t>(i);
      std::string& field = (*fields)[attribute.name];
      if (attribute.kind == Kind::kCategories) {
        for (size_t n = rng_.Below(4); n > 0; --n) {
          attributes->emplace_back(number, Name("t"));
          field += (field.empty() ? "" : "|") + attributes->back().second;
        }
        continue;
      }
      if (attribute.kind == Kind::kVector) {
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
      case Kind::kFlag:
        return rng_.Below(2) == 0 ? "true" : "false";
      case Kind::kNumber:
        return fmt::format("{}", Eighths());
      case Kind::kTime:
        return fmt::format("{}.25", rng_.Below(1'000'000'000));
      case Kind::kText:
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
    AddDeclared(Entity::kItem, &item.attributes, &fields);
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
    AddDeclared(Entity::kUser, &user.attributes, &fields);
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
    AddDeclared(Entity::kRequest, &event.attributes, &fields);
    events_.push_back(event);
    rows_[static_cast<size_t>(Table::kEvents)].push_back(fields);
  }

  const schema::Schema schema_;
  base::Rng rng_;
  std::vector<schema::RawItem> items_;
  std::vector<schema::RawUser> users_;
  std::vector<schema::RawEvent> events_;
  std::array<std::vector<Fields>, kTables.size()> rows_;
};

// `types` event types and `attributes` attributes of the site's own, of all roles and kinds.
schema::Schema RandomSchema(uint64_t seed, size_t types, size_t attributes) {
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
    const auto entity = static_cast<Entity>(rng.Below(3));
    const bool request = entity == Entity::kRequest;
    toml += fmt::format("schema.{}.x{} = '{}'\n", schema::EntityName(entity), i,
                        kinds[rng.Below(request ? 5 : std::size(kinds))]);
  }
  return schema::Schema::Parse(toml).value();
}

class SchemaImportTest : public ImportTest {
 protected:
  void ExpectEqualLogs(const RandomSite& site) {
    const log::EventLog imported = RunAndOpen(site.Options(folder_.path()));
    const log::EventLog in_memory = site.InMemory(folder_ / "memory");
    ASSERT_EQ(log::ItemsOf(imported), log::ItemsOf(in_memory));
    ASSERT_EQ(log::UsersOf(imported), log::UsersOf(in_memory));
    ASSERT_EQ(log::TextOf(imported), log::TextOf(in_memory));
    EXPECT_EQ(imported.content_digest(), in_memory.content_digest()) << "to the byte";
  }
};

TEST_F(SchemaImportTest, AHundredTypesAndTwoHundredAndFiftyAttributesComeOutOfTheLog) {
  const schema::Schema schema = RandomSchema(1, 100, 250);
  EXPECT_EQ(schema.event_types().size(), 118u);
  ExpectEqualLogs(RandomSite(schema, 1, 40, 20, 600));
}

TEST_F(SchemaImportTest, RandomSchemasGiveTheLogThatTheSameRowsGiveInMemory) {
  base::Rng rng(7);
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const schema::Schema schema = RandomSchema(seed, rng.Below(12), rng.Below(16));
    ExpectEqualLogs(RandomSite(schema, seed, 1 + rng.Below(20), rng.Below(10), 30 + rng.Below(99)));
    ASSERT_TRUE(base::RemoveAll(folder_ / "memory"));
  }
}

TEST_F(SchemaImportTest, AnAppendNeedsTheSameSchemaAndAddsAttributes) {
  const schema::Schema schema = schema::Schema::Parse("schema.items.price = 'number'").value();
  ImportOptions options = {.events_sql = std::string(kRows),
                           .items_sql = "SELECT 'a' AS item, 1.5 AS price",
                           .schema = schema};
  options.append = true;
  RunAndOpen(options);
  options.items_sql = "SELECT 'b' AS item, 2.5 AS price";
  const log::EventLog log = RunAndOpen(options);
  EXPECT_TRUE(report_.appended);
  const uint32_t price = *schema.FindAttribute(Entity::kItem, "price");
  EXPECT_EQ(log.Value(Entity::kItem, price, 0).number, 1.5f);
  EXPECT_EQ(log.Value(Entity::kItem, price, 1).number, 2.5f);
  options.schema = {};
  options.items_sql.clear();
  EXPECT_THAT(
      Refused(options).message,
      AllOf(HasSubstr("the log declares `schema.items.price = \"number\"`, the project file "
                      "does not"),
            HasSubstr("run the import without --append")));
}

TEST_F(SchemaImportTest, ReadsEveryKindFromTypedColumns) {
  const schema::Schema schema =
      schema::Schema::Parse(
          "schema.items.stock = 'flag'\nschema.items.price = 'number'\nschema.items.listed = "
          "'time'\nschema.items.brand = 'category'\nschema.items.tags = 'categories'\n"
          "schema.items.body = 'text'\nschema.items.vector = 'vector(2)'\n"
          "schema.items.x = 'vector(2)'\n")
          .value();
  const log::EventLog log = RunAndOpen(
      {.events_sql = std::string(kRows),
       .items_sql = "SELECT 'a' AS item, 1 AS stock, 12.50::DECIMAL(9, 2) AS price, "
                    "TIMESTAMP '2024-01-01 00:00:01' AS listed, 42 AS brand, ['s', 't'] AS tags, "
                    "'B' AS Body, [1.5, 2]::DOUBLE[2] AS vector, []::FLOAT[] AS x",
       .schema = schema});
  EXPECT_EQ(log::DeclaredText(log, Entity::kItem, 0),
            " stock true price 12.5 listed 1704067201.000 brand 42 tags s t body B vector 1.5 2");
}

TEST_F(SchemaImportTest, ValuesThatDoNotFitAreRejectedWithWhatWasExpected) {
  const schema::Schema schema =
      schema::Schema::Parse(
          "schema.items.stock = 'flag'\nschema.items.price = 'number'\n"
          "schema.items.brand = 'category'\nschema.items.body = 'text'\n"
          "schema.items.vector = 'vector(2)'\nschema.requests.depth = 'number'\n")
          .value();
  const auto why = [&](std::string_view column) {
    return Refused({.events_sql = std::string(kRows),
                    .items_sql = fmt::format("SELECT 'a' AS item, {}", column),
                    .schema = schema})
        .message;
  };
  EXPECT_THAT(why("'maybe' AS stock"), HasSubstr("stock maybe is neither true nor false"));
  EXPECT_THAT(why("'3 euro' AS price"), HasSubstr("price 3 euro is no number"));
  EXPECT_THAT(why("'inf'::FLOAT AS price"), HasSubstr("price inf should be a finite number"));
  EXPECT_THAT(why("'a' || chr(10) AS brand"), HasSubstr("brand has a control character"));
  EXPECT_THAT(why("repeat('x', 1048577) AS body"), HasSubstr("body is longer than 1048576 bytes"));
  EXPECT_THAT(why("[1.0] AS vector"), HasSubstr("should be a list of 2 finite numbers"));
  EXPECT_THAT(why("[1.0, NULL] AS vector"), HasSubstr("should be a list of 2 finite numbers"));
  EXPECT_THAT(why("[1.0, 'inf'::FLOAT] AS vector"), HasSubstr("a list of 2 finite numbers"));
  EXPECT_THAT(why("'one two' AS vector"), HasSubstr("vector one two should be a list of 2"));
  EXPECT_THAT(why("1 AS vector"), HasSubstr("'vector' should be a list of numbers, is INTEGER"));
  EXPECT_THAT(Refused({.events_sql = "SELECT 'u' AS \"user\", 'i' AS item, 1 AS time, 'click' AS "
                                     "type, 'deep' AS depth",
                       .schema = schema})
                  .message,
              HasSubstr("depth deep is no number"));
}

TEST_F(SchemaImportTest, RulesGoByTheRoleOfATypeOfTheSite) {
  const schema::Schema schema =
      schema::Schema::Parse("schema.events.voice = 'search'\nschema.events.dwell = 'strength'\n")
          .value();
  const auto why = [&](std::string_view type, std::string_view more) {
    return Refused({.events_sql = fmt::format("SELECT 'u' AS \"user\", 1 AS time, '{}' AS type, {}",
                                              type, more),
                    .schema = schema})
        .message;
  };
  EXPECT_THAT(why("voice", "'i' AS item, 'q' AS query"), HasSubstr("a search has no item"));
  EXPECT_THAT(why("voice", "NULL AS item, NULL AS query"), HasSubstr("a search needs a query"));
  EXPECT_THAT(why("dwell", "'i' AS item"), HasSubstr("a dwell needs a value (number)"));
  EXPECT_THAT(why("dwell", "NULL AS item, 1 AS value"), HasSubstr("item is missing"));
  EXPECT_THAT(why("dwel", "'i' AS item"),
              AllOf(HasSubstr("type dwel is unknown"), HasSubstr("subscribe, voice, dwell"),
                    HasSubstr("another type is a line of [schema.events]")));
}

TEST_F(SchemaImportTest, AColumnThatIsNotDeclaredIsAnErrorWithTheLineToAdd) {
  const auto items = [&](std::string_view column) {
    return Refused({.events_sql = std::string(kRows),
                    .items_sql = fmt::format("SELECT 'a' AS item, {}", column)})
        .message;
  };
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"1.5 AS price", "[schema.items] price = \"number\""},
      {"true AS in_stock", "[schema.items] in_stock = \"flag\""},
      {"'x' AS brand", "[schema.items] brand = \"category\""},
      {"DATE '2024-01-01' AS listed", "[schema.items] listed = \"time\""},
      {"['x'] AS tags", "[schema.items] tags = \"categories\""},
      {"[1, 2, 3]::FLOAT[3] AS vector", "[schema.items] vector = \"vector(3)\""},
      {"[1.5] AS vector", "[schema.items] vector = \"vector(N)\""},
      {"1.5 AS \"Unit Price\"",
       "[schema.items] unit_price = \"number\", and select it AS unit_price"},
      {"{'a': 1} AS details", "leave it out of the SELECT"},
      {"'x' AS langauge", "unknown column 'langauge'; did you mean 'language'?"},
  };
  for (const auto& [column, line] : cases) {
    EXPECT_THAT(items(column), HasSubstr(std::string(line))) << column;
  }
  EXPECT_THAT(Refused({.events_sql = fmt::format("SELECT *, 3 AS depth FROM ({})", kRows)}).message,
              HasSubstr("[schema.requests] depth = \"number\""));
  EXPECT_THAT(
      Refused({.events_sql = fmt::format("SELECT *, ['x'] AS tags FROM ({})", kRows)}).message,
      HasSubstr("leave it out of the SELECT"));
  EXPECT_THAT(Refused({.events_sql = std::string(kRows),
                       .users_sql = "SELECT 'u' AS \"user\", 'pro' AS plan"})
                  .message,
              HasSubstr("[schema.users] plan = \"category\""));
}

}  // namespace
}  // namespace upnext::import
