// Input as it should not be: each test shows what is said of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/test_folder.h"
#include "import/import.h"
#include "import/test_import.h"
#include "import/watched.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::import {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kOne =
    "SELECT 'u' AS \"user\", 'i' AS item, 1700000000 AS time, 'click' AS type";

// One good event in which one column is replaced.
std::string With(std::string_view expression) {
  return fmt::format("SELECT * REPLACE ({}) FROM ({})", expression, kOne);
}

TEST_F(ImportTest, SaysWhichColumnHasAWrongType) {
  const auto message = [&](std::string_view expression) {
    return Refused({.events_sql = With(expression)}).message;
  };
  EXPECT_THAT(message("[1, 2] AS time"), AllOf(HasSubstr("'time'"), HasSubstr("INTEGER[]")));
  EXPECT_THAT(message("true AS time"), AllOf(HasSubstr("'time'"), HasSubstr("BOOLEAN")));
  EXPECT_THAT(message("1.5::DOUBLE AS item"), AllOf(HasSubstr("'item'"), HasSubstr("CAST(")));
  EXPECT_THAT(message("{'a': 1} AS \"user\""), HasSubstr("should be a single value"));
  EXPECT_THAT(message("7 AS type"), HasSubstr("type 7 is unknown"));
  EXPECT_THAT(message("'soon' AS time"), HasSubstr("time soon is no time"));
}

TEST_F(ImportTest, RefusesNumbersThatAreNone) {
  for (const std::string_view bad : {"'nan'::DOUBLE", "'inf'::DOUBLE", "'-inf'::DOUBLE", "1e300"}) {
    EXPECT_THAT(Refused({.events_sql = With(fmt::format("{} AS time", bad))}).message,
                HasSubstr("is no time: expected seconds since 1970"))
        << bad;
  }
  const auto scored = [&](std::string_view score) {
    return Refused(
               {.events_sql = fmt::format("SELECT *, {} AS source_score FROM ({})", score, kOne)})
        .message;
  };
  for (const std::string_view bad : {"'nan'::DOUBLE", "'NaN'", "'inf'::FLOAT", "'-inf'::DOUBLE"}) {
    const std::string message = scored(bad);
    EXPECT_THAT(message, AllOf(HasSubstr("source_score"), HasSubstr("should be a finite number")))
        << bad;
  }
  EXPECT_THAT(scored("'high'"), HasSubstr("source_score high is no number"));
  EXPECT_THAT(scored("-1e300"), HasSubstr("source_score -1e+300 is no number"));
  const auto duration = [&](std::string_view value) {
    return Refused({.events_sql = std::string(kOne),
                    .items_sql = fmt::format("SELECT 'i' AS item, {} AS duration", value)})
        .message;
  };
  EXPECT_THAT(duration("'inf'::DOUBLE"), HasSubstr("should be a finite number of at least 0"));
  EXPECT_THAT(duration("-0.5"), HasSubstr("duration -0.5 should be a finite number"));
  EXPECT_THAT(duration("'long'"), HasSubstr("duration long is no number"));
}

TEST_F(ImportTest, SaysThatMillisecondsAreNoSecondsAndTheOtherWayRound) {
  EXPECT_THAT(Refused({.events_sql = With("1700000000000 AS time")}).message,
              AllOf(HasSubstr("looks like milliseconds"), HasSubstr("divide it by 1000.0")));
  RunAndOpen({.events_sql = With("1700000000 / 1000 AS time")});
  EXPECT_THAT(report_.warnings,
              ElementsAre(AllOf(HasSubstr("all 1 times lie in 1970, from 1970-01-20 16:13:20"),
                                HasSubstr("divided by 1000"))));
  RunAndOpen({.events_sql = fmt::format("{} UNION ALL {}", With("5 AS time"), kOne)});
  EXPECT_THAT(report_.warnings, IsEmpty()) << "one time like that is no pattern";
}

TEST_F(ImportTest, TenMegabytesOfTextAreNoIdAndNoTitle) {
  constexpr std::string_view kLong = "repeat('x', 10485760)";
  for (const std::string_view column : {"\"user\"", "item", "type"}) {
    const std::string said =
        Refused({.events_sql = With(fmt::format("{} AS {}", kLong, column))}).message;
    EXPECT_LT(said.size(), 1000u) << "the text itself is not printed";
    EXPECT_THAT(said, HasSubstr(column == "type" ? "is unknown" : "is longer than 512 bytes"));
    EXPECT_LT(Rejects().size(), 4000u);
  }
  const std::string said =
      Refused({.events_sql = std::string(kOne),
               .items_sql = fmt::format("SELECT 'i' AS item, {} AS title", kLong)})
          .message;
  EXPECT_THAT(said, HasSubstr("title is longer than 4096 bytes"));
  Write("long.csv", "user,item,time,type\nu," + std::string(10 << 20, 'x') + ",1700000000,click\n");
  EXPECT_THAT(Refused({.events_sql = "FROM '{data}/long.csv'"}).message,
              AllOf(HasSubstr("long.csv"), HasSubstr("Maximum line size")));
}

TEST_F(ImportTest, SaysWhereTextIsNotUtf8) {
  Write("latin.csv", "user,item,time,type\nu,caf\xe9,1700000000,click\n");
  EXPECT_THAT(Refused({.events_sql = "FROM '{data}/latin.csv'"}).message,
              AllOf(HasSubstr("latin.csv"), HasSubstr("utf-8")));
}

TEST_F(ImportTest, SaysThatAFileIsEmpty) {
  Write("nothing.csv", "");
  Write("header.csv", "user,item,time,type\n");
  Write("nothing.json", "");
  Write("nothing.parquet", "");
  const auto message = [&](std::string_view file) {
    return Refused({.events_sql = fmt::format("FROM '{{data}}/{}'", file)}).message;
  };
  EXPECT_THAT(message("nothing.csv"), HasSubstr("should give a column"));
  EXPECT_THAT(message("header.csv"), HasSubstr("the SELECT gives no row"));
  EXPECT_THAT(message("nothing.json"), HasSubstr("should give a column"));
  EXPECT_THAT(message("nothing.parquet"), AllOf(HasSubstr("nothing.parquet"), HasSubstr("small")));
  EXPECT_THAT(message("absent.csv"), AllOf(HasSubstr("absent.csv"), HasSubstr("UPNEXT_DATA")));
}

TEST_F(ImportTest, TakesAUserWithVeryManyEventsAndAnItemInEveryEvent) {
  const log::EventLog log = RunAndOpen(
      {.events_sql = "SELECT 'u' AS \"user\", 'i' AS item, 1700000000 + (range * 7919) % 200000 AS "
                     "time, 'click' AS type FROM range(200000)"});
  EXPECT_EQ(log.users(), 1u);
  EXPECT_EQ(log.items(), 1u);
  ASSERT_EQ(log.end(0) - log.begin(0), 200'000u);
  for (uint64_t row = log.begin(0); row < log.end(0); ++row) {
    ASSERT_EQ(log.event(row).time_ms, 1'700'000'000'000 + static_cast<int64_t>(row) * 1000);
  }
}

TEST_F(ImportTest, KeepsIdsApartThatDifferByCaseOrBlanksAndSaysSo) {
  const log::EventLog log = RunAndOpen(
      {.events_sql = "SELECT col0 AS \"user\", col1 AS item, 1700000000 AS time, 'click' AS "
                     "type FROM (VALUES ('ann', 'a'), ('Ann', 'b'), (' ann', 'c'), ('Bob', 'a b'), "
                     "('eve', 'A B'))"});
  EXPECT_EQ(log.users(), 5u);
  EXPECT_THAT(report_.warnings,
              ElementsAre(AllOf(HasSubstr("users: 3 ids"), HasSubstr("' ann' and 'ann'"),
                                HasSubstr("kept apart"), Not(HasSubstr("Bob"))),
                          AllOf(HasSubstr("items: 2 ids"), HasSubstr("'A B' and 'a b'"))));
}

TEST_F(ImportTest, SaysThatAColumnIsThereTwice) {
  const auto message = [&](std::string_view more) {
    return Refused({.events_sql = fmt::format("SELECT *, {} FROM ({})", more, kOne)}).message;
  };
  EXPECT_THAT(message("2 AS item"), HasSubstr("gives the column 'item' twice"));
  EXPECT_THAT(message("2 AS ITEM"), HasSubstr("gives the column 'item' twice"));
  EXPECT_THAT(message("2 AS item_x"), HasSubstr("unknown column 'item_x'"));
}

TEST_F(ImportTest, StopsASelectThatRunsAway) {
  const std::string endless =
      "SELECT a.range AS \"user\", b.range AS item, 1700000000 AS time, 'click' AS type FROM "
      "range(100000) a, range(100000) b LIMIT 1000000000";
  EXPECT_THAT(Refused({.events_sql = endless, .max_rows = 20'000}).message,
              AllOf(HasSubstr("[import] events: the SELECT fails"), HasSubstr("more than 20000"),
                    HasSubstr("max_rows"), HasSubstr("LIMIT")));
  RunAndOpen({.events_sql = std::string(kOne), .max_rows = 1});
  EXPECT_THAT(Refused({.events_sql = std::string(kOne),
                       .items_sql = "SELECT range AS item FROM range(1000000000)",
                       .max_rows = 100'000})
                  .message,
              HasSubstr("[import] items: the SELECT fails"));
}

TEST(WatchedDatabase, StopsBeforeTheDiskIsFull) {
  const base::TestFolder folder;
  // No disk has so much left, so it counts as full at once.
  WatchedDatabase db(Database::Open({}).value(), base::NoProgress(), folder.path(), UINT64_MAX);
  const Status status = db.Run("read", "CREATE TABLE t AS SELECT * FROM range(1000000000000)");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kResourceExhausted);
  EXPECT_THAT(status.error().message, HasSubstr("Free some space"));
}

}  // namespace
}  // namespace upnext::import
