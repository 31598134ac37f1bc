// Rows that do not fit: which ones, what is said of them, and when nothing is published.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/versioned_root.h"
#include "import/import.h"
#include "import/test_import.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

TEST_F(ImportTest, RejectsTimesOfAWrongUnitAndSaysSo) {
  const auto reason = [&](std::string_view expression) {
    const Error error = Refused(
        {.events_sql = fmt::format(
             "SELECT 'u' AS \"user\", 'i' AS item, {} AS time, 'click' AS type", expression)});
    EXPECT_EQ(error.code, Code::kInvalidArgument);
    return error.message;
  };
  EXPECT_THAT(reason("1700000000000"),
              AllOf(HasSubstr("milliseconds"), HasSubstr("divide it by 1000.0"),
                    HasSubstr("1700000000000")));
  EXPECT_THAT(reason("1700000000000000"), HasSubstr("microseconds"));
  EXPECT_THAT(reason("'1700000000000'"), HasSubstr("milliseconds"));
  EXPECT_THAT(reason("9e300"), HasSubstr("is no time"));
  EXPECT_THAT(reason("'infinity'::TIMESTAMP"), HasSubstr("is no time"));
  EXPECT_THAT(reason("'yesterday'"), HasSubstr("is no time"));
  EXPECT_THAT(reason("TIMESTAMP '2300-01-01'"), HasSubstr("1900 and 2200"));
  EXPECT_THAT(reason("-9e9"), HasSubstr("1900 and 2200"));
  EXPECT_THAT(reason("NULL::BIGINT"), HasSubstr("time is missing"));
  EXPECT_THAT(reason("INTERVAL 1 DAY"), AllOf(HasSubstr("'time'"), HasSubstr("INTERVAL")));
}

TEST_F(ImportTest, SetsBadRowsAsideWithFileLineReasonAndText) {
  Write("e.csv",
        "who,what,when_s,kind,secs\n"
        "u,i,1,click,\n"
        ",i,2,click,\n"
        "u,,3,click,\n"
        "u,i,,click,\n"
        "u,i,5,wtach,\n"
        "u,i,6,watch,-4\n"
        "u,i,7,watch,many\n"
        "u,i,8,watch,\"it's,1\"\n"
        "u,i,9,watch,4\n");
  const log::EventLog log = RunAndOpen(
      {.events_sql = "SELECT who AS \"user\", what AS item, when_s AS time, kind AS type, secs AS "
                     "value, filename AS file, row_number() OVER () + 1 AS line FROM "
                     "read_csv('{data}/e.csv', filename = true, all_varchar = true)",
       .max_rejects = 0.8});
  EXPECT_THAT(Lines(log), ElementsAre("u i 1000 click nan", "u i 9000 watch 4"));
  EXPECT_EQ(report_.events, 2u);
  EXPECT_EQ(report_.rejected_events, 7u);
  EXPECT_EQ(report_.rejects_file, log_root() / "rejects.csv");
  // Read back by a second reader, so that quoting is right too.
  Database db = Database::Open({}).value();
  std::vector<std::string> lines;
  ASSERT_TRUE(db.Query(
      fmt::format("SELECT \"table\" || '|' || parse_filename(file) || '|' || line || '|' || reason "
                  "|| '|' || (text LIKE '%who%' OR text LIKE '%user%') FROM read_csv({})",
                  QuoteSql((log_root() / "rejects.csv").string())),
      [&](const Chunk& chunk) {
        for (size_t row = 0; row < chunk.rows(); ++row) lines.emplace_back(chunk.Text(0, row));
        return Ok();
      }));
  ASSERT_EQ(lines.size(), 7u);
  EXPECT_EQ(lines[0], "events|e.csv|3|user is missing|true");
  EXPECT_EQ(lines[1], "events|e.csv|4|item is missing|true");
  EXPECT_EQ(lines[2], "events|e.csv|5|time is missing|true");
  EXPECT_THAT(lines[3], AllOf(HasSubstr("|6|type wtach is unknown"), HasSubstr("watch")));
  EXPECT_EQ(lines[4], "events|e.csv|7|value -4 should be a number in [0, 1e9]|true");
  EXPECT_EQ(lines[5], "events|e.csv|8|value many is no number|true");
  EXPECT_THAT(lines[6], HasSubstr("|9|value it's,1 is no number"));
}

TEST_F(ImportTest, ChecksItemsAndUsersToo) {
  const ImportOptions options = {
      .events_sql = "SELECT 'u' AS \"user\", 'i' AS item, 1 AS time, 'click' AS type",
      .items_sql =
          "SELECT * FROM (VALUES ('a', 1.0, 'x'), ('b', -1.0, 'y'), ('a', 2.0, 'z'), (NULL, "
          "1.0, 'q')) t(item, duration, topics)",
      .users_sql =
          "SELECT * FROM (VALUES ('u', 20, 'F', 'yes'), ('v', 200, '1', 'no'), ('w', 20, "
          "'0.5', 'perhaps'), ('x', 20, '0', 'true')) t(\"user\", age, gender, logged_in)",
      .max_rejects = 0.75};
  const log::EventLog log = RunAndOpen(options);
  EXPECT_EQ(report_.items, 1u);
  EXPECT_EQ(report_.rejected_items, 3u);
  EXPECT_EQ(report_.users, 1u);
  EXPECT_EQ(report_.rejected_users, 3u);
  EXPECT_THAT(Rejects(), AllOf(HasSubstr("items,,,2,duration -1.0 should be"),
                               HasSubstr("items,,,3,\"repeats a, which"),
                               HasSubstr("items,,,4,item is missing"),
                               HasSubstr("users,,,1,gender F is no number"),
                               HasSubstr("users,,,2,\"age 200 should be a number in [0, 150]"),
                               HasSubstr("users,,,3,logged_in perhaps is neither")));
  const schema::Item a = log.item(log.dictionary(schema::IdSpace::kItem).Find("a"));
  EXPECT_EQ(a.duration_s, 1) << "the first row for an item counts";
  ASSERT_EQ(a.topics.size(), 1u) << "a text is a list of one";
  EXPECT_EQ(log.dictionary(schema::IdSpace::kTopic).name(a.topics[0]), "x");
  EXPECT_EQ(log.dictionary(schema::IdSpace::kItem).Find("b"), schema::kNone)
      << "bad rows leave no name behind";
}

TEST_F(ImportTest, PublishesNothingWhenTooManyRowsAreBad) {
  const auto select = [](int bad) {
    return fmt::format(
        "SELECT 'u' AS \"user\", range AS item, CASE WHEN range < {} THEN NULL ELSE 1 END AS time, "
        "'click' AS type FROM range(1000)",
        bad);
  };
  const log::EventLog first = RunAndOpen({.events_sql = select(1)});
  EXPECT_EQ(report_.rejected_events, 1u) << "0.1 % is just allowed";
  const Error error = Refused({.events_sql = select(5)});
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, AllOf(HasSubstr("5 of 1000"), HasSubstr("0.50 %"), HasSubstr("0.001"),
                                   HasSubstr("row 1: time is missing"), HasSubstr("row 3: "),
                                   Not(HasSubstr("row 4: ")), HasSubstr("rejects.csv")));
  EXPECT_EQ(base::VersionedRoot(log_root()).Current().value(), report_.version);
  EXPECT_THAT(Rejects(), HasSubstr("events,,,5,time is missing"));
  RunAndOpen({.events_sql = select(0)});
  EXPECT_FALSE(fs::exists(log_root() / "rejects.csv")) << "an old rejects file would mislead";
  EXPECT_EQ(report_.version, "v000002");
  EXPECT_TRUE(log::EventLog::Open(log_root() / "v000001"))
      << "older versions stay for their bundles";
}

TEST_F(ImportTest, SpeaksOfStoreRejectsOnlyWhenALineOfACsvIsWrong) {
  Write("half.json", "{\"user\":");
  const auto message = [&](std::string_view sql) {
    const std::string text = Refused({.events_sql = std::string(sql)}).message;
    EXPECT_THAT(text, Not(HasSubstr("store_rejects"))) << sql;
    return text;
  };
  const std::string syntax = message("SELECT 1\nFORM x");
  const size_t place = syntax.find("LINE 2: FORM x\n");
  ASSERT_NE(place, std::string::npos) << "the line of the user's SELECT: " << syntax;
  EXPECT_EQ(syntax.find("LINE", place + 1), std::string::npos) << "once: " << syntax;
  EXPECT_THAT(message("SELECT usr FROM (SELECT 1 AS u)"), HasSubstr("LINE 1: SELECT usr"));
  EXPECT_THAT(message("FROM read_json('{data}/half.json')"), HasSubstr("Malformed JSON"));
  const std::string late = message(
      "SELECT range AS \"user\", 'i' AS item, 'click' AS type,\n"
      "CAST(CASE WHEN range > 5 THEN 'x' END AS BIGINT) AS time FROM range(9)");
  EXPECT_THAT(late, AllOf(HasSubstr("Could not convert"), HasSubstr("LINE 2: CAST")));
  message("SELECT 1 AS usr, 1 AS item, 1 AS time, 'click' AS type");
}

TEST_F(ImportTest, ADamagedFileIsNamedInALineWithoutTheSettingsOfItsReader) {
  Write("bytes.csv", std::string("user,item\n\xff\xfe\x01,\n"));
  Write("short.parquet", "PAR1xx");
  for (const char* sql :
       {"FROM read_csv('{data}/bytes.csv')", "FROM read_parquet('{data}/short.parquet')"}) {
    const std::string text = Refused({.events_sql = sql}).message;
    EXPECT_THAT(text,
                AllOf(HasSubstr("[import] events: the SELECT fails: "),
                      HasSubstr(std::string(sql).contains("bytes") ? "bytes.csv" : "short.parquet"),
                      HasSubstr("\n(fix the ")));
    EXPECT_EQ(std::ranges::count(text, '\n'), 1) << text;
  }
}

TEST_F(ImportTest, RefusesWhatTheServerRefusesToo) {
  const auto reason = [&](std::string_view type, std::string_view more) {
    return Refused({.events_sql =
                        fmt::format("SELECT * REPLACE ({}) FROM (SELECT 'u' AS \"user\", 'i' AS "
                                    "item, 1 AS time, '{}' AS type, 1.0 AS value, 1 AS position, "
                                    "'r' AS request)",
                                    more, type)})
        .message;
  };
  EXPECT_THAT(reason("rating", "NULL::DOUBLE AS value"), HasSubstr("a rating needs a value"));
  EXPECT_THAT(reason("watch", "NULL::DOUBLE AS value"), HasSubstr("a watch needs a value"));
  for (const std::string_view value : {"'nan'::DOUBLE", "'inf'::FLOAT", "1.1e9", "-1", "'NaN'"}) {
    EXPECT_THAT(reason("click", fmt::format("{} AS value", value)),
                HasSubstr("should be a number in [0, 1e9]"))
        << value;
  }
  for (const std::string_view position : {"0", "65536", "-1", "'first'"}) {
    EXPECT_THAT(reason("click", fmt::format("{} AS position", position)), HasSubstr("[1, 65535]"))
        << position;
  }
  for (const std::string_view column : {"\"user\"", "item", "request"}) {
    EXPECT_THAT(reason("click", fmt::format("repeat('x', 513) AS {}", column)),
                HasSubstr("is longer than 512 bytes"));
    EXPECT_THAT(reason("click", fmt::format("'a' || chr(9) || 'b' AS {}", column)),
                HasSubstr("control character"));
    EXPECT_THAT(reason("click", fmt::format("'a' || chr(127) AS {}", column)),
                HasSubstr("control character"));
  }
  RunAndOpen({.events_sql = "SELECT repeat('ü', 256) AS \"user\", 'i' AS item, 1 AS time, 'rating' "
                            "AS type, 1e9 AS value, 65535 AS position"});
  const Error error = Refused(
      {.events_sql = "SELECT 'u' AS \"user\", 'i' AS item, 1 AS time, 'click' AS type",
       .items_sql = "SELECT 'i' AS item, 'two' || chr(10) || 'lines' AS title, ['a', 'b' || "
                    "chr(10)] AS topics"});
  EXPECT_THAT(error.message, HasSubstr("row 1: topics has a control character"));
}

TEST_F(ImportTest, TakesTheFilenameOfDuckDbsReaders) {
  Write("e.csv", "user,item,time,type\nu,i,1,click\nu,,2,click\n");
  RunAndOpen({.events_sql = "FROM read_csv('{data}/e.csv', filename = true)", .max_rejects = 0.5});
  EXPECT_THAT(Rejects(), AllOf(HasSubstr("table,file,line,row,reason,text\n"),
                               HasSubstr("e.csv,,2,item is missing,")));
}

TEST_F(ImportTest, TakesWhatTheReaderItselfSetAside) {
  Write("broken.csv", "user,item,time,type\nu,i,1,click\nu,i,1,click,2,3\nu,i,x,click\n");
  const log::EventLog log = RunAndOpen(
      {.events_sql = "SELECT * FROM read_csv('{data}/broken.csv', columns = {'user': 'VARCHAR', "
                     "'item': 'VARCHAR', 'time': 'BIGINT', 'type': 'VARCHAR'}, header = true, "
                     "delim = ',', store_rejects = true)",
       .max_rejects = 0.7});
  EXPECT_EQ(log.events(), 1u);
  EXPECT_EQ(report_.rejected_events, 2u);
  EXPECT_THAT(Rejects(), AllOf(HasSubstr("broken.csv,3,"), HasSubstr("broken.csv,4,"),
                               HasSubstr("u,i,x,click")));
  EXPECT_EQ(std::ranges::count(Rejects(), '\n'), 3) << "a header and one line per bad row";
}

}  // namespace
}  // namespace upnext::import
