#include "import/import_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/test_import.h"
#include "log/event_log.h"

namespace upnext::import {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kTenEvents =
    "SELECT 'u' || range AS \"user\", (1000 + range)::VARCHAR AS item, 1700000000 + range AS time, "
    "'click' AS type FROM range(10)";

TEST_F(ImportTest, CountsTheEventsWhoseItemTheTableDescribes) {
  const auto warnings = [&](std::string_view items, std::string_view users = "") {
    RunAndOpen({.events_sql = std::string(kTenEvents),
                .items_sql = std::string(items),
                .users_sql = std::string(users)});
    return report_.warnings;
  };
  EXPECT_THAT(warnings("SELECT '0' || (1000 + range) AS item FROM range(20)"),
              ElementsAre(AllOf(HasSubstr("items: 0 of 10 events (0.0 %)"),
                                HasSubstr("0 of its 20 rows occur in events"),
                                HasSubstr("'1000' in events and '01000' in the table"))));
  EXPECT_THAT(
      warnings("SELECT 1000 + range AS item FROM range(4)"),
      ElementsAre(AllOf(HasSubstr("4 of 10 events (40.0 %)"), HasSubstr("'1004' in events. If"))));
  EXPECT_THAT(warnings("SELECT 1000 + range AS item FROM range(5, 200)"), IsEmpty());
  EXPECT_THAT(
      warnings("SELECT 1 AS item WHERE false", "SELECT 'U' || range AS \"user\" FROM range(9)"),
      ElementsAre(HasSubstr("users: 0 of 10 events (0.0 %) have a user"), HasSubstr("case")));
}

TEST_F(ImportTest, AnAppendMayDescribeTheNewItemsAlone) {
  RunAndOpen({.events_sql = std::string(kTenEvents)});
  RunAndOpen(
      {.events_sql = fmt::format("SELECT * REPLACE (time + 1 AS time) FROM ({})", kTenEvents),
       .items_sql = "SELECT 1000 AS item",
       .append = true});
  EXPECT_TRUE(report_.appended);
  EXPECT_THAT(report_.warnings, IsEmpty());
}

TEST_F(ImportTest, CountsTheEventsOfPlaceholdersForNoId) {
  RunAndOpen(
      {.events_sql =
           "SELECT u AS \"user\", i AS item, 1700000000 + row_number() OVER () AS time, 'click' "
           "AS type FROM (VALUES ('NULL', 'a'), ('(not set)', 'b'), ('NULL', 'c'), ('ann', "
           "'\\N'), ('nullable', 'none'), ('-1', 'na1')) t(u, i)"});
  EXPECT_THAT(
      report_.warnings,
      ElementsAre(
          AllOf(HasSubstr("users: 4 of 6 events (66.7 %)"),
                HasSubstr("'NULL' (2), '(not set)' (1), '-1' (1)."), Not(HasSubstr("nullable"))),
          AllOf(HasSubstr("items: 2 of 6 events"), HasSubstr("'\\N' (1), 'none' (1)"))));
}

TEST(IsPlaceholder, KnowsTheWordsAndNothingElse) {
  for (const char* name :
       {"NULL", "null", "undefined", "nan", "NaN", "None", "(not set)", "\\N", "<NA>", " n/a ",
        "Unknown", "[object Object]", "00000000-0000-0000-0000-000000000000"}) {
    EXPECT_TRUE(IsPlaceholder(name)) << name;
  }
  for (const char* name : {"", "0", "1", "nina", "nulls", "unknown soldier", "()", "N", "none1"}) {
    EXPECT_FALSE(IsPlaceholder(name)) << name;
  }
}

TEST_F(ImportTest, ListsOfStructuresAndListsAsTextSayHowToUnnestThem) {
  const auto message = [&](std::string_view topics) {
    return Refused({.events_sql = std::string(kTenEvents),
                    .items_sql = fmt::format("SELECT 'i' AS item, {} AS topics", topics)})
        .message;
  };
  EXPECT_THAT(message("[{'name': 'a', 'score': 1}]"),
              HasSubstr("list_transform(..., x -> x.FIELD) AS topics"));
  EXPECT_THAT(message("{'name': 'a'}"), HasSubstr("(...).FIELD AS topics"));
  EXPECT_THAT(message("[['a'], ['b']]"), HasSubstr("flatten(...) AS topics"));
  EXPECT_THAT(message("'[\"a\", \"b\"]'"),
              AllOf(HasSubstr("1 of 1 rows were rejected"), HasSubstr("... ->> '$[*]'")));
  for (const char* text : {"'{\"name\": \"a\"}'", "'[]'", "['[{\"a\": 1}]']", "'[''a'', ''b'']'",
                           "'[{\"name\": 1}]'::JSON"}) {
    EXPECT_THAT(message(text), HasSubstr("is the text of a list or an object")) << text;
  }
  EXPECT_THAT(Refused({.events_sql = std::string(kTenEvents),
                       .items_sql = "SELECT 'i' AS item, '{\"id\": 7}'::JSON AS channel"})
                  .message,
              HasSubstr("channel {\"id\":7} is a JSON list or object"));
  // What the messages say to write.
  const auto topics = [&](std::string_view sql) {
    const log::EventLog log =
        RunAndOpen({.events_sql = std::string(kTenEvents),
                    .items_sql = fmt::format("SELECT 1000 AS item, {} AS topics", sql)});
    std::vector<std::string> names;
    for (const uint32_t topic :
         log.item(log.dictionary(schema::IdSpace::kItem).Find("1000")).topics) {
      names.emplace_back(log.dictionary(schema::IdSpace::kTopic).name(topic));
    }
    return names;
  };
  EXPECT_THAT(topics("'[\"a\", \"b\"]' ->> '$[*]'"), ElementsAre("a", "b"));
  EXPECT_THAT(topics("'[{\"name\": \"a\"}, {\"name\": \"b\"}]' ->> '$[*].name'"),
              ElementsAre("a", "b"));
  EXPECT_THAT(topics("replace('[''a'', ''b'']', '''', '\"') ->> '$[*]'"), ElementsAre("a", "b"));
  EXPECT_THAT(topics("list_transform([{'name': 'a'}], x -> x.name)"), ElementsAre("a"));
  EXPECT_THAT(topics("'[live]'"), ElementsAre("[live]"));
}

}  // namespace
}  // namespace upnext::import
