#include "import/text_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "import/test_import.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class TextIdsTest : public ImportTest {
 protected:
  void SetUp() override {
    // Three thousand rows with plain numbers, which are all that sample_size = 1 looks at.
    std::string events = "user,item,time,n\n", items = "item,title,age\n5,1984,3\n";
    for (int i = 0; i < 3000; ++i) {
      events += "7,5,1,1\n";
      items += fmt::format("{},1984,3\n", 100'000 + i);
    }
    Write("e.csv", events + "007,0x10,2,2\n12.6,1e1,3,3\n13,16,4,4\n");
    Write("i.csv", items + "0x10,007,4\n");
  }
  // Of a first import: a later one would keep the names of the one before it.
  log::EventLog RunAndOpen(const ImportOptions& options) {
    std::filesystem::remove_all(log_root());
    return ImportTest::RunAndOpen(options);
  }
  std::vector<std::string> Names(const log::EventLog& log, schema::IdSpace space) {
    std::vector<std::string> names;
    const log::Dictionary& dictionary = log.dictionary(space);
    for (uint32_t id = 0; id < dictionary.size(); ++id) names.emplace_back(dictionary.name(id));
    return names;
  }
  std::vector<std::string> Users(std::string_view select, std::string_view items = "") {
    const log::EventLog log =
        RunAndOpen({.events_sql = std::string(select), .items_sql = std::string(items)});
    return Names(log, schema::IdSpace::kUser);
  }
};

TEST_F(TextIdsTest, IdsOfACsvFileAreTheTextOfTheirCells) {
  for (
      const std::string_view from :
      {"SELECT \"user\", item, time, 'click' AS type FROM read_csv('{data}/e.csv', sample_size = 1)",
       "SELECT * EXCLUDE (n), 'click' AS type FROM read_csv('{data}/e.csv', sample_size = 1)",
       "SELECT \"user\" AS \"user\", t.item, time, 'click' AS type FROM (SELECT u AS \"user\", i AS "
       "item, time FROM read_csv_auto('{data}/e.csv', sample_size = 1) r(u, i, time, n)) t",
       "WITH e AS (FROM read_csv('{data}/e.csv', sample_size = 1, types = {'n': 'BIGINT'})) SELECT "
       "concat(\"user\", '') AS \"user\", CASE WHEN n > 0 THEN item END AS item, time, 'click' AS type "
       "FROM e WHERE \"user\" <> 9 AND n < 5 AND \"user\" IN (7, 12, 13)",
       "SELECT \"user\", item, time, 'click' AS type FROM read_csv('{data}/e.csv', sample_size = 1) "
       "WHERE n < 2 UNION ALL SELECT \"user\", item, time, 'click' FROM read_csv('{data}/e.csv', "
       "sample_size = 1) WHERE n > 1"}) {
    const log::EventLog log = RunAndOpen({.events_sql = std::string(from)});
    EXPECT_THAT(Names(log, schema::IdSpace::kUser), ElementsAre("7", "13", "007", "12.6")) << from;
    EXPECT_THAT(Names(log, schema::IdSpace::kItem), ElementsAre("5", "16", "1e1", "0x10")) << from;
  }
}

TEST_F(TextIdsTest, ItIsSoForAFileInThePlaceOfATableToo) {
  std::string csv = "user,item,time\n";
  for (int i = 0; i < 21'000; ++i) csv += fmt::format("{},1,{}\n", 7 + i % 2, i);
  Write("big.csv", csv + "007,1,21000\n");
  EXPECT_THAT(Users("SELECT big.\"user\", item, time, 'click' AS type FROM '{data}/big.csv'"),
              ElementsAre("7", "8", "007"));
}

TEST_F(TextIdsTest, TitlesTopicsAndJoinedColumnsKeepTheirTextToo) {
  const log::EventLog log = RunAndOpen(
      {.events_sql =
           "SELECT e.\"user\", e.item, time, 'click' AS type FROM read_csv('{data}/e.csv', "
           "sample_size = 1) e JOIN read_csv('{data}/i.csv', sample_size = 1) i ON e.item "
           "= i.item",
       .items_sql = "SELECT item, title, [title] AS topics, age * 2 AS duration FROM "
                    "read_csv('{data}/i.csv', sample_size = 1)"});
  EXPECT_THAT(Names(log, schema::IdSpace::kUser), ElementsAre("7", "007"));
  EXPECT_THAT(Names(log, schema::IdSpace::kTopic), ElementsAre("007", "1984"));
  EXPECT_EQ(log.item(1).title, "007");
  EXPECT_EQ(log.item(1).duration_s, 8);
}

TEST_F(TextIdsTest, ATypeThatTheSelectGivesIsKept) {
  EXPECT_THAT(
      Users("SELECT \"user\", item, time, 'click' AS type FROM read_csv('{data}/e.csv', types "
            "= {'user': 'BIGINT'}, sample_size = 1) WHERE n <> 3"),
      ElementsAre("7", "13"));
  EXPECT_THAT(Users("SELECT CAST(\"user\" AS BIGINT) % 5 AS \"user\", item, time, 'click' AS type "
                    "FROM read_csv('{data}/e.csv', sample_size = 1)"),
              ElementsAre("2", "3"));
}

TEST_F(TextIdsTest, IdsOfAJsonFileAreAsItsReaderSeesThem) {
  Write("e.json",
        "{\"user\": 7, \"item\": \"10-03-2024\", \"time\": 1, \"type\": \"click\"}\n"
        "{\"user\": \"ann\", \"item\": \"550E8400-E29B-41D4-A716-446655440000\", \"time\": 2, "
        "\"type\": \"click\"}\n"
        "{\"user\": 12.0, \"item\": \"11-03-2024\", \"time\": 3, \"type\": \"click\"}\n");
  const log::EventLog log = RunAndOpen({.events_sql = "FROM read_json('{data}/e.json')"});
  EXPECT_THAT(Names(log, schema::IdSpace::kUser), ElementsAre("7", "ann", "12.0"));
  EXPECT_THAT(Names(log, schema::IdSpace::kItem),
              ElementsAre("10-03-2024", "11-03-2024", "550E8400-E29B-41D4-A716-446655440000"));
  Write("d.json",
        "[{\"user\": \"u\", \"item\": \"10-03-2024\", \"time\": 1, \"type\": \"click\"},\n"
        "{\"user\": \"u\", \"item\": \"11-03-2024\", \"time\": 2, \"type\": \"click\"}]\n");
  EXPECT_THAT(Names(RunAndOpen({.events_sql = "FROM '{data}/d.json'"}), schema::IdSpace::kItem),
              ElementsAre("10-03-2024", "11-03-2024"));
}

TEST_F(TextIdsTest, IdsOfTheTypeJsonHaveNoQuotes) {
  const log::EventLog log = RunAndOpen(
      {.events_sql =
           "SELECT x::JSON AS \"user\", '\"i\"'::JSON AS item, '5'::JSON AS time, 'click' AS "
           "type FROM (VALUES ('\"ann\"'), ('12')) v(x)",
       .items_sql = "SELECT 'i' AS item, '[\"a\", 7]'::JSON AS topics UNION ALL SELECT 'j', "
                    "'\"b\"'::JSON"});
  EXPECT_THAT(Names(log, schema::IdSpace::kUser), ElementsAre("12", "ann"));
  EXPECT_THAT(Names(log, schema::IdSpace::kItem), ElementsAre("i", "j"));
  EXPECT_THAT(Names(log, schema::IdSpace::kTopic), ElementsAre("7", "a", "b"));
  EXPECT_THAT(Names(RunAndOpen({.events_sql = std::string(kRows),
                                .items_sql = "SELECT 'a' AS item, ['\"x\"'::JSON, '1'] AS topics"}),
                    schema::IdSpace::kTopic),
              ElementsAre("1", "x"));
}

TEST_F(ImportTest, AnIdOfAnAmbiguousTypeStopsWithTheCastToWrite) {
  const auto message = [&](std::string_view item) {
    return Refused({.events_sql = fmt::format(
                        "SELECT 'u' AS \"user\", {} AS item, 1 AS time, 'click' AS type", item)})
        .message;
  };
  EXPECT_THAT(message("'a\\xFF'::BLOB"),
              AllOf(HasSubstr("'item'"), HasSubstr("decode(...)"), HasSubstr("hex(...)")));
  EXPECT_THAT(message("DATE '2024-03-10'"), HasSubstr("strftime(..., '%Y-%m-%d') AS item"));
  EXPECT_THAT(message("TIMESTAMPTZ '2024-03-10 00:00:00+00'"), HasSubstr("strftime("));
  EXPECT_THAT(message("INTERVAL 1 DAY"), HasSubstr("CAST(... AS VARCHAR) AS item"));
  EXPECT_THAT(Refused({.events_sql = std::string(kRows),
                       .items_sql = "SELECT 'a' AS item, 'x'::BLOB AS title"})
                  .message,
              AllOf(HasSubstr("'title'"), HasSubstr("decode(...)")));
}

TEST_F(ImportTest, AdviceForNumbersWithAFractionNeverMergesIds) {
  const auto message = [&](std::string_view type, std::string_view values) {
    return Refused({.events_sql = fmt::format(
                        "SELECT x::{} AS \"user\", 1 AS item, 1 AS time, 'click' AS type FROM "
                        "(VALUES {}) v(x)",
                        type, values)})
        .message;
  };
  EXPECT_THAT(message("DOUBLE", "(12), (13), (NULL)"),
              AllOf(HasSubstr("all 2 ids"), HasSubstr("CAST(... AS BIGINT) AS user")));
  for (const auto& [type, values] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"DOUBLE", "(12), (12.6)"},
           {"DOUBLE", "(12), (9007199254740992)"},
           {"DOUBLE", "(12), ('nan'::DOUBLE)"},
           {"FLOAT", "(12), (16777216)"},
           {"DECIMAL(9, 2)", "(12), (12.6)"}}) {
    EXPECT_THAT(message(type, values),
                AllOf(HasSubstr("1 of 2 ids"), HasSubstr("AS VARCHAR) AS user"),
                      Not(HasSubstr("AS BIGINT"))))
        << type << values;
  }
  EXPECT_THAT(Refused({.events_sql = std::string(kRows),
                       .items_sql = "SELECT 'a' AS item, [1.0::DOUBLE, 2.0] AS topics"})
                  .message,
              HasSubstr("list_transform(..., x -> CAST(x AS BIGINT)) AS topics"));
}

TEST_F(TextIdsTest, PartsAgreeOnAUserWhoseIdIsJsonInOneTable) {
  uint64_t users = 0;
  for (uint32_t part = 1; part <= 4; ++part) {
    const log::EventLog log = RunAndOpen(
        {.events_sql = "SELECT ('\"u' || range || '\"')::JSON AS \"user\", 'i' AS item, 1 AS time, "
                       "'click' AS type FROM range(40)",
         .users_sql = "SELECT 'u' || range AS \"user\", 'x' AS region FROM range(40)",
         .part = part,
         .parts = 4});
    users += log.users();
    EXPECT_EQ(log.users(), log.events());
  }
  EXPECT_EQ(users, 40u);
}

TEST_F(TextIdsTest, WhatCannotBeTextIsReported) {
  Database db = Database::Open({}).value();
  const std::string select = fmt::format(
      "SELECT list_sum([\"user\"]) AS \"user\", \"user\" AS item FROM read_csv({}, sample_size = 1)",
      QuoteSql((folder_ / "e.csv").string()));
  const TextIds ids = ReadIdsAsText(db, select, db.Describe(select).value(), {"user", "item"});
  EXPECT_EQ(ids.sql, select);
  EXPECT_THAT(ids.guessed, Contains("user (BIGINT)"));
}

}  // namespace
}  // namespace upnext::import
