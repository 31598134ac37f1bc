// Imports under a declared schema: what CSV files hold comes out of the log, and equals the log that
// the same rows give in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "import/random_site.h"
#include "import/test_import.h"
#include "log/test_log_text.h"
#include "schema/schema.h"

namespace upnext::import {
namespace {

using schema::Entity;
using ::testing::AllOf;
using ::testing::HasSubstr;

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
