#include "import/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "import/test_import.h"
#include "log/test_log_text.h"
#include "schema/raw_event.h"

namespace upnext::import {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

TEST_F(ImportTest, ReadsEveryFileFormat) {
  struct Format {
    std::string_view file, copy, read;
  };
  const std::vector<Format> formats = {
      {"e.csv", "FORMAT csv, HEADER", "read_csv"},
      {"e.tsv", "FORMAT csv, HEADER, DELIMITER '\t'", "read_csv"},
      {"e.csv.gz", "FORMAT csv, HEADER, COMPRESSION gzip", "read_csv"},
      {"e.csv.zst", "FORMAT csv, HEADER, COMPRESSION zstd", "read_csv"},
      {"e.jsonl", "FORMAT json", "read_json"},
      {"e.jsonl.gz", "FORMAT json, COMPRESSION gzip", "read_json"},
      {"e.parquet", "FORMAT parquet", "read_parquet"},
  };
  Database db = Database::Open({}).value();
  for (const Format& format : formats) {
    const std::string path = (folder_ / format.file).string();
    const Status copied =
        db.Run(fmt::format("COPY ({}) TO {} ({})", kRows, QuoteSql(path), format.copy));
    ASSERT_TRUE(copied) << format.file << ": " << copied.error().message;
    const log::EventLog log = RunAndOpen(
        {.events_sql = fmt::format("SELECT * FROM {}('{{data}}/{}');", format.read, format.file)});
    EXPECT_THAT(Lines(log), ElementsAre("u1 a 1000 impression nan", "u1 b 3000 watch 12.25",
                                        "u2 a 7500 click nan"))
        << format.file;
  }
}

TEST_F(ImportTest, ReadsManyFilesByPattern) {
  for (int i = 0; i < 5; ++i) {
    Write(fmt::format("day{}.csv", i), fmt::format("user,item,time,type\nu,i{},{},click\n", i, i));
  }
  const log::EventLog log = RunAndOpen({.events_sql = "FROM read_csv('{data}/day*.csv')"});
  EXPECT_EQ(log.events(), 5u);
}

TEST_F(ImportTest, GivesTheSameLogAsWriteEventLog) {
  const log::EventLog log = RunAndOpen({
      .events_sql =
          "SELECT * FROM (VALUES ('u', 'i', 2, 'impression', 'r1', 3, 'fresh', 0.5, 'tv', 'NZ', "
          "'s', "
          "true, NULL, 1, -31.5), ('u', NULL, 1, 'search', NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
          "NULL, "
          "'cat videos', NULL, NULL), ('10', 'i', 2, 'watch', '', NULL, '', NULL, '', '', '', false, '', "
          "9, NULL), "
          "('9', 'i', 2, 'rating', NULL, NULL, '', NULL, '', '', '', false, '', 4, NULL)) t(\"user\", "
          "item, "
          "time, type, request, position, source, propensity, device, region, current_item, off_site, "
          "query, "
          "value, source_score)",
      .items_sql =
          "SELECT * FROM (VALUES ('i', -1, 60, 'c', ['z', 'y', 'z', '', NULL], 'mi', 'Tï', "
          "false), ('only here', NULL, NULL, NULL, NULL, NULL, NULL, true)) t(item, created, "
          "duration, channel, topics, language, title, removed)",
      .users_sql = "SELECT * FROM (VALUES ('u', 'NZ', 'mi', 30, 0.5, true), ('silent', NULL, NULL, "
                   "NULL, NULL, NULL)) t(\"user\", region, language, age, gender, logged_in)",
      .shards = 3,
  });
  const std::vector<schema::RawEvent> events = {
      {.user = "u",
       .item = "i",
       .time_ms = 2000,
       .value = 1,
       .request = "r1",
       .source = "fresh",
       .device = "tv",
       .region = "NZ",
       .current_item = "s",
       .position = 3,
       .propensity = 0.5f,
       .source_score = -31.5f,
       .off_site = true},
      {.user = "u", .time_ms = 1000, .type = schema::EventType::kSearch, .query = "cat videos"},
      {.user = "10", .item = "i", .time_ms = 2000, .type = schema::EventType::kWatch, .value = 9},
      {.user = "9", .item = "i", .time_ms = 2000, .type = schema::EventType::kRating, .value = 4}};
  const std::vector<schema::RawItem> items = {{.item = "i",
                                               .created_ms = -1000,
                                               .duration_s = 60,
                                               .channel = "c",
                                               .language = "mi",
                                               .title = "Tï",
                                               .topics = {"z", "y"}},
                                              {.item = "only here", .removed = true}};
  const std::vector<schema::RawUser> users = {
      {.user = "u", .region = "NZ", .language = "mi", .age = 30, .gender = 0.5f, .logged_in = 1},
      {.user = "silent"}};
  fs::create_directories(folder_ / "expected");
  ASSERT_TRUE(log::WriteEventLog(folder_ / "expected", events, items, users, 3));
  int files = 0;
  for (const auto& entry : fs::directory_iterator(folder_ / "expected")) {
    ++files;
    EXPECT_EQ(base::ReadFile(entry.path()).value(),
              base::ReadFile(log.directory() / entry.path().filename()).value())
        << entry.path().filename();
  }
  EXPECT_EQ(files, 7);
}

TEST_F(ImportTest, KeepsTheOrderOfArrivalWithinATime) {
  const log::EventLog log = RunAndOpen(
      {.events_sql =
           "SELECT 'u' || range % 3 AS \"user\", range AS item, 5 AS time, 'click' AS type "
           "FROM range(300000)",
       .threads = 2});
  for (uint32_t user = 0; user < 3; ++user) {
    uint64_t next = user;
    for (uint64_t row = log.begin(user); row < log.end(user); ++row, next += 3) {
      ASSERT_EQ(log.dictionary(schema::IdSpace::kItem).name(log.item_of(row)),
                fmt::format("{}", next));
    }
  }
}

TEST_F(ImportTest, UnderstandsEveryKindOfTime) {
  const auto time_of = [&](std::string_view expression) {
    const log::EventLog log = RunAndOpen(
        {.events_sql = fmt::format(
             "SELECT 'u' AS \"user\", 'i' AS item, {} AS time, 'click' AS type", expression)});
    return log.time_ms(0);
  };
  constexpr int64_t kExpected = 1'700'000'000'500;
  EXPECT_EQ(time_of("1700000000"), 1'700'000'000'000);
  EXPECT_EQ(time_of("1700000000.5"), kExpected);
  EXPECT_EQ(time_of("1700000000.5::DOUBLE"), kExpected);
  EXPECT_EQ(time_of("'1700000000.5'"), kExpected);
  EXPECT_EQ(time_of("TIMESTAMP '2023-11-14 22:13:20.5'"), kExpected);
  EXPECT_EQ(time_of("TIMESTAMPTZ '2023-11-14 23:13:20.5+01'"), kExpected);
  EXPECT_EQ(time_of("'2023-11-14T22:13:20.5Z'"), kExpected);
  EXPECT_EQ(time_of("'2023-11-15 00:13:20.5+02:00'"), kExpected);
  EXPECT_EQ(time_of("DATE '2023-11-14'"), 1'699'920'000'000);
}

TEST_F(ImportTest, NoRowsIsAnError) {
  const Error error =
      Refused({.events_sql = "SELECT 'u' AS \"user\", 'i' AS item, 1 AS time, 'click' "
                             "AS type WHERE false"});
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("no row"));
  EXPECT_THAT(Refused({}).message, HasSubstr("[import]"));
}

TEST_F(ImportTest, NamesTheNearestRightColumn) {
  const auto message = [&](std::string_view columns) {
    const Error error = Refused({.events_sql = fmt::format("SELECT {}", columns)});
    EXPECT_EQ(error.code, Code::kInvalidArgument);
    return error.message;
  };
  EXPECT_THAT(message("1 AS usr, 1 AS item, 1 AS time, 'click' AS type"),
              AllOf(HasSubstr("events"), HasSubstr("'user'"), HasSubstr("usr AS user")));
  EXPECT_THAT(message("1 AS \"user\", 1 AS video_item, 1 AS time, 'click' AS type"),
              HasSubstr("video_item AS item"));
  EXPECT_THAT(message("1 AS \"user\", 1 AS item, 1 AS time"), HasSubstr("'type'"));
  EXPECT_THAT(message("1 AS \"user\", 1 AS item, 1 AS time, 'click' AS type, 1 AS postion"),
              AllOf(HasSubstr("'postion'"), HasSubstr("did you mean 'position'")));
  EXPECT_THAT(message("1 AS \"user\", 1 AS item, 1 AS time, 'click' AS type, [1] AS device"),
              HasSubstr("single value"));
  EXPECT_THAT(message("1.5::DOUBLE AS \"user\", 1 AS item, 1 AS time, 'click' AS type"),
              AllOf(HasSubstr("'user'"), HasSubstr("CAST(... AS VARCHAR) AS user")));
}

TEST_F(ImportTest, KeepsDuckDbsWordsAndSaysWhichSelect) {
  const ImportOptions good = {
      .events_sql = "SELECT 'u' AS \"user\", 'i' AS item, 1 AS time, 'click' AS type"};
  ImportOptions options = good;
  options.items_sql = "SELECT itm FROM (SELECT 1 AS item)";
  Error error = Refused(options);
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, AllOf(HasSubstr("[import] items"), HasSubstr("itm")));
  options.items_sql = "SELECT * FROM read_csv('{data}/missing.csv')";
  error = Refused(options);
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_THAT(error.message, AllOf(HasSubstr("missing.csv"), HasSubstr(folder_.path().string()),
                                   HasSubstr("UPNEXT_DATA")));
  Write("broken.csv", "user,item,time,type\nu,i,1,click\nu,i,1,click,2,3\nu,i,x,click\n");
  options = {.events_sql =
                 "SELECT * FROM read_csv('{data}/broken.csv', columns = {'user': 'VARCHAR', "
                 "'item': 'VARCHAR', 'time': 'BIGINT', 'type': 'VARCHAR'}, header = true, "
                 "delim = ',', auto_detect = false)"};
  error = Refused(options);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("broken.csv"), HasSubstr("Line: 3"), HasSubstr("store_rejects")));
}

TEST_F(ImportTest, ReadsTheItemBeingWatchedUnderItsOldNameToo) {
  ImportOptions options = {.events_sql =
                               "SELECT 'u' AS \"user\", 'i' AS item, 1 AS time, 'click' AS "
                               "type, 'j' AS Seed"};
  const log::EventLog log = RunAndOpen(options);
  EXPECT_EQ(log.dictionary(schema::IdSpace::kItem).name(log.event(0).current_item), "j");
  options.events_sql += ", 'k' AS current_item";
  EXPECT_THAT(Refused(options).message, HasSubstr("both 'current_item' and 'seed'"));
}

TEST_F(ImportTest, CountsTheUsersAndItemsOfTheLog) {
  RunAndOpen({.events_sql = "SELECT range % 3 AS \"user\", range AS item, 1 AS time, 'click' AS "
                            "type, 77 AS current_item FROM range(5)",
              .users_sql = "SELECT 1 AS \"user\" UNION SELECT 9"});
  EXPECT_EQ(report_.users, 2u) << "rows of the users' table";
  EXPECT_EQ(report_.log_users, 4u);
  EXPECT_EQ(report_.log_items, 6u);
}

TEST_F(ImportTest, PartsHoldEveryUserOnceWithAllOfTheirEvents) {
  ImportOptions options = {
      .events_sql =
          "SELECT 'u' || range % 50 AS \"User\", range % 7 AS item, range AS time, "
          "'click' AS type FROM range(600)",
      .items_sql = "SELECT range AS item FROM range(9)",
      .users_sql = "SELECT 'u' || range AS \"user\" FROM range(60)"};
  const std::vector<std::string> whole = TextOf(RunAndOpen(options));
  options.parts = 3;
  std::vector<std::string> together;
  uint64_t users = 0;
  for (options.part = 1; options.part <= 3; ++options.part) {
    const log::EventLog log = RunAndOpen(options);
    EXPECT_EQ(log.items(), 9u) << "items belong to every part";
    EXPECT_LT(log.events(), 400u);
    users += log.users();
    for (std::string& line : TextOf(log)) together.push_back(std::move(line));
  }
  EXPECT_EQ(users, 60u);
  EXPECT_THAT(together, ::testing::UnorderedElementsAreArray(whole));
  const auto wrong = Import(options, log_root(), base::NoProgress());
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("part 4 of 3: expected 1 to 3"));
}

// Both parts together reject what the whole would, once.
TEST_F(ImportTest, ARowWithoutAUserBelongsToTheFirstPart) {
  ImportOptions options = {
      .events_sql =
          "SELECT nullif(range, 3) AS \"user\", 1 AS item, range AS time, 'click' AS "
          "type FROM range(20)",
      .max_rejects = 0.5,
      .parts = 2};
  RunAndOpen(options);
  EXPECT_EQ(report_.rejected_events, 1u);
  options.part = 2;
  RunAndOpen(options);
  EXPECT_EQ(report_.rejected_events, 0u);
}

TEST_F(ImportTest, NeedsADataDirectoryOnlyWhenTheSqlNamesIt) {
  const auto report = Import({.events_sql = "SELECT * FROM read_csv('{data}/x.csv')"}, log_root(),
                             base::NoProgress());
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, AllOf(HasSubstr("{data}"), HasSubstr("--data")));
}

TEST_F(ImportTest, ADataDirectoryMayHaveAQuoteInItsName) {
  fs::create_directories(folder_ / "it's");
  Write("it's/e.csv", "user,item,time,type\nu,i,1,click\n");
  const auto report =
      Import({.events_sql = "FROM read_csv('{data}/e.csv')", .data = folder_ / "it's"}, log_root(),
             base::NoProgress());
  EXPECT_TRUE(report) << report.error().message;
}

TEST_F(ImportTest, SpillsToDiskWithinASmallMemoryBudget) {
  const log::EventLog log = RunAndOpen(
      {.events_sql =
           "SELECT 'user number ' || (range * 7919) % 100003 AS \"user\", 'item number ' || "
           "range % 50021 AS item, range % 1000 AS time, 'watch' AS type, 1.5 AS value, "
           "'request ' || range AS request FROM range(1000000)",
       .shards = 4,
       .threads = 2,
       .memory_limit_mb = 150});
  EXPECT_EQ(log.events(), 1'000'000u);
  EXPECT_EQ(log.users(), 100'003u);
}

class StoppedProgress : public base::Progress {
 public:
  explicit StoppedProgress(int after) : left_(after) {}
  void Begin(std::string_view, std::string_view, uint64_t) override {
    if (left_-- <= 0) stop_ = true;
  }
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
  bool stop_requested() const override { return stop_; }

 private:
  int left_;
  std::atomic<bool> stop_ = false;
};

TEST_F(ImportTest, StopsWhenAskedAtAnyStageAndPublishesNothing) {
  for (int after = 0; after < 8; ++after) {
    StoppedProgress progress(after);
    const auto report = Import(
        {.events_sql = "SELECT range AS \"user\", range AS item, range AS time, 'click' AS type "
                       "FROM range(1000)"},
        log_root(), progress);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().code, Code::kCancelled) << report.error().message;
    EXPECT_TRUE(base::VersionedRoot(log_root()).Versions().value().empty());
  }
}

TEST(ImportOptions, ComeFromTheProjectFile) {
  const base::Config config = base::Config::Parse(
                                  "[import]\n"
                                  "events = 'SELECT 1'\n"
                                  "users = 'SELECT 2'\n"
                                  "max_rejects = 0.5\n"
                                  "shards = 4\n"
                                  "allow_remote = true\n"
                                  "max_days_ahead = 7\n"
                                  "max_days_behind = 8\n",
                                  "p.toml")
                                  .value();
  const ImportOptions options = ImportOptions::FromConfig(config);
  EXPECT_TRUE(config.Check());
  EXPECT_EQ(options.events_sql, "SELECT 1");
  EXPECT_EQ(options.items_sql, "");
  EXPECT_EQ(options.users_sql, "SELECT 2");
  EXPECT_EQ(options.max_rejects, 0.5);
  EXPECT_EQ(options.shards, 4u);
  EXPECT_TRUE(options.allow_remote);
  EXPECT_EQ(options.time_limits.days_ahead, 7);
  EXPECT_EQ(options.time_limits.days_behind, 8);
  const base::Config wrong = base::Config::Parse("[import]\nmax_rejects = 2\n", "p.toml").value();
  ImportOptions::FromConfig(wrong);
  EXPECT_FALSE(wrong.Check());
}

}  // namespace
}  // namespace upnext::import
