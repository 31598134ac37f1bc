#include "events/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/file.h"
#include "base/test_folder.h"
#include "events/duckdb.h"
#include "events/event_log.h"

namespace upnext::events {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class ImportTest : public ::testing::Test {
 protected:
  fs::path log_root() const { return folder_ / "log"; }
  void Write(std::string_view name, std::string_view text) {
    ASSERT_TRUE(base::WriteFileAtomic(folder_ / name, text));
  }
  Result<ImportReport> Run(ImportOptions options) {
    options.data = folder_.path();
    return Import(options, log_root(), base::NoProgress());
  }
  EventLog RunAndOpen(const ImportOptions& options) {
    const Result<ImportReport> report = Run(options);
    if (!report) {
      ADD_FAILURE() << report.error().message;
      throw std::runtime_error("no log");
    }
    report_ = *report;
    EXPECT_EQ(base::VersionedRoot(log_root()).Current().value(), report->version);
    return EventLog::Open(log_root() / report->version).value();
  }
  // The SELECT fails to import; returns why, having seen that nothing was published.
  Error Refused(const ImportOptions& options) {
    const auto before = base::VersionedRoot(log_root()).Versions().value();
    const Result<ImportReport> report = Run(options);
    EXPECT_FALSE(report);
    EXPECT_EQ(base::VersionedRoot(log_root()).Versions().value(), before);
    if (fs::exists(log_root())) {
      for (const auto& entry : fs::directory_iterator(log_root())) {
        EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr(".new"))) << "leftover";
      }
    }
    return report ? Error{} : report.error();
  }
  std::string Rejects() { return base::ReadFile(log_root() / "rejects.csv").value(); }

  base::TestFolder folder_;
  ImportReport report_;
};

// What an event looks like from outside, for comparisons: user item ms type value.
std::vector<std::string> Lines(const EventLog& log) {
  std::vector<std::string> lines;
  for (uint32_t user = 0; user < log.users(); ++user) {
    for (uint64_t row = log.begin(user); row < log.end(user); ++row) {
      const Event event = log.event(row);
      lines.push_back(
          fmt::format("{} {} {} {} {}", log.dictionary(IdSpace::kUser).name(user),
                      event.item == kNone ? "-" : log.dictionary(IdSpace::kItem).name(event.item),
                      event.time_ms, EventTypeName(event.type), event.value));
    }
  }
  return lines;
}

constexpr std::string_view kRows =
    "SELECT * FROM (VALUES ('u2', 'a', 7.5, 'click', NULL), ('u1', 'b', 3, 'Watch', 12.25), "
    "('u1', 'a', 1, 'IMPRESSION', NULL)) t(\"user\", item, time, type, value)";

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
    const EventLog log = RunAndOpen(
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
  const EventLog log = RunAndOpen({.events_sql = "FROM read_csv('{data}/day*.csv')"});
  EXPECT_EQ(log.events(), 5u);
}

TEST_F(ImportTest, GivesTheSameLogAsWriteEventLog) {
  const EventLog log = RunAndOpen({
      .events_sql =
          "SELECT * FROM (VALUES ('u', 'i', 2, 'impression', 'r1', 3, 'fresh', 0.5, 'tv', 'NZ', "
          "'s', "
          "true, NULL, 1), ('u', NULL, 1, 'search', NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
          "NULL, "
          "'cat videos', NULL), ('10', 'i', 2, 'watch', '', NULL, '', NULL, '', '', '', false, '', "
          "9), "
          "('9', 'i', 2, 'rating', NULL, NULL, '', NULL, '', '', '', false, '', 4)) t(\"user\", "
          "item, "
          "time, type, request, position, source, propensity, device, region, seed, off_site, "
          "query, "
          "value)",
      .items_sql =
          "SELECT * FROM (VALUES ('i', -1, 60, 'c', ['z', 'y', 'z', '', NULL], 'mi', 'Tï', "
          "false), ('only here', NULL, NULL, NULL, NULL, NULL, NULL, true)) t(item, created, "
          "duration, channel, topics, language, title, removed)",
      .users_sql = "SELECT * FROM (VALUES ('u', 'NZ', 'mi', 30, 0.5, true), ('silent', NULL, NULL, "
                   "NULL, NULL, NULL)) t(\"user\", region, language, age, gender, logged_in)",
      .shards = 3,
  });
  const std::vector<RawEvent> events = {
      {.user = "u",
       .item = "i",
       .time_ms = 2000,
       .value = 1,
       .request = "r1",
       .source = "fresh",
       .device = "tv",
       .region = "NZ",
       .seed = "s",
       .position = 3,
       .propensity = 0.5f,
       .off_site = true},
      {.user = "u", .time_ms = 1000, .type = EventType::kSearch, .query = "cat videos"},
      {.user = "10", .item = "i", .time_ms = 2000, .type = EventType::kWatch, .value = 9},
      {.user = "9", .item = "i", .time_ms = 2000, .type = EventType::kRating, .value = 4}};
  const std::vector<RawItem> items = {{.item = "i",
                                       .created_ms = -1000,
                                       .duration_s = 60,
                                       .channel = "c",
                                       .language = "mi",
                                       .title = "Tï",
                                       .topics = {"z", "y"}},
                                      {.item = "only here", .removed = true}};
  const std::vector<RawUser> users = {
      {.user = "u", .region = "NZ", .language = "mi", .age = 30, .gender = 0.5f, .logged_in = 1},
      {.user = "silent"}};
  fs::create_directories(folder_ / "expected");
  ASSERT_TRUE(WriteEventLog(folder_ / "expected", events, items, users, 3));
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
  const EventLog log = RunAndOpen(
      {.events_sql =
           "SELECT 'u' || range % 3 AS \"user\", range AS item, 5 AS time, 'click' AS type "
           "FROM range(300000)",
       .threads = 2});
  for (uint32_t user = 0; user < 3; ++user) {
    uint64_t next = user;
    for (uint64_t row = log.begin(user); row < log.end(user); ++row, next += 3) {
      ASSERT_EQ(log.dictionary(IdSpace::kItem).name(log.item_of(row)), fmt::format("{}", next));
    }
  }
}

TEST_F(ImportTest, UnderstandsEveryKindOfTime) {
  const auto time_of = [&](std::string_view expression) {
    const EventLog log = RunAndOpen(
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
  const EventLog log = RunAndOpen(
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
  EXPECT_EQ(lines[4], "events|e.csv|7|value -4 should be finite and in [0, 1e9]|true");
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
  const EventLog log = RunAndOpen(options);
  EXPECT_EQ(report_.items, 1u);
  EXPECT_EQ(report_.rejected_items, 3u);
  EXPECT_EQ(report_.users, 1u);
  EXPECT_EQ(report_.rejected_users, 3u);
  EXPECT_THAT(Rejects(), AllOf(HasSubstr("items,,,2,\"duration -1.0 should be"),
                               HasSubstr("items,,,3,\"repeats a, which"),
                               HasSubstr("items,,,4,item is missing"),
                               HasSubstr("users,,,1,gender F is no number"),
                               HasSubstr("users,,,2,\"age 200 should be in [0, 150]"),
                               HasSubstr("users,,,3,logged_in perhaps is neither")));
  const Item a = log.item(log.dictionary(IdSpace::kItem).Find("a"));
  EXPECT_EQ(a.duration_s, 1) << "the first row for an item counts";
  ASSERT_EQ(a.topics.size(), 1u) << "a text is a list of one";
  EXPECT_EQ(log.dictionary(IdSpace::kTopic).name(a.topics[0]), "x");
  EXPECT_EQ(log.dictionary(IdSpace::kItem).Find("b"), kNone) << "bad rows leave no name behind";
}

TEST_F(ImportTest, PublishesNothingWhenTooManyRowsAreBad) {
  const auto select = [](int bad) {
    return fmt::format(
        "SELECT 'u' AS \"user\", range AS item, CASE WHEN range < {} THEN NULL ELSE 1 END AS time, "
        "'click' AS type FROM range(1000)",
        bad);
  };
  const EventLog first = RunAndOpen({.events_sql = select(1)});
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
  EXPECT_TRUE(EventLog::Open(log_root() / "v000001")) << "older versions stay for their bundles";
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
              AllOf(HasSubstr("'user'"), HasSubstr("CAST(... AS BIGINT)")));
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
                HasSubstr("should be finite and in [0, 1e9]"))
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

TEST_F(ImportTest, CountsTheUsersAndItemsOfTheLog) {
  RunAndOpen({.events_sql = "SELECT range % 3 AS \"user\", range AS item, 1 AS time, 'click' AS "
                            "type, 77 AS seed FROM range(5)",
              .users_sql = "SELECT 1 AS \"user\" UNION SELECT 9"});
  EXPECT_EQ(report_.users, 2u) << "rows of the users' table";
  EXPECT_EQ(report_.log_users, 4u);
  EXPECT_EQ(report_.log_items, 6u);
}

TEST_F(ImportTest, TakesWhatTheReaderItselfSetAside) {
  Write("broken.csv", "user,item,time,type\nu,i,1,click\nu,i,1,click,2,3\nu,i,x,click\n");
  const EventLog log = RunAndOpen(
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
  const EventLog log = RunAndOpen(
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
                                  "shards = 4\n",
                                  "p.toml")
                                  .value();
  const ImportOptions options = ImportOptions::FromConfig(config.Table("import"));
  EXPECT_TRUE(config.Check());
  EXPECT_EQ(options.events_sql, "SELECT 1");
  EXPECT_EQ(options.items_sql, "");
  EXPECT_EQ(options.users_sql, "SELECT 2");
  EXPECT_EQ(options.max_rejects, 0.5);
  EXPECT_EQ(options.shards, 4u);
  const base::Config wrong = base::Config::Parse("[import]\nmax_rejects = 2\n", "p.toml").value();
  ImportOptions::FromConfig(wrong.Table("import"));
  EXPECT_FALSE(wrong.Check());
}

}  // namespace
}  // namespace upnext::events
