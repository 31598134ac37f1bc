#include "import/arrow_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "import/test_arrow.h"
#include "import/test_import.h"
#include "log/event_log.h"

namespace upnext::import {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Batches = std::vector<std::vector<TestArrowColumn>>;

class ArrowTableTest : public ::testing::Test {
 protected:
  // Makes the view t.
  void Add(Batches batches) {
    stream_ = std::make_unique<TestArrowStream>(std::move(batches));
    auto table = ArrowTable::Take("t", stream_->get());
    ASSERT_TRUE(table) << table.error().message;
    const Status added = AddArrowTable(db_, *std::move(table));
    ASSERT_TRUE(added) << added.error().message;
  }
  std::string WhyNot(Batches batches) {
    TestArrowStream stream(std::move(batches));
    const auto table = ArrowTable::Take("t", stream.get());
    EXPECT_EQ(stream.streams_released, 1);
    return table ? "" : table.error().message;
  }
  // Of a statement of texts, columns separated by |.
  std::vector<std::string> Rows(const std::string& sql) {
    std::vector<std::string> rows;
    const Status status = db_.Query(sql, [&](const Chunk& chunk) {
      for (size_t row = 0; row < chunk.rows(); ++row) {
        std::string text;
        for (size_t column = 0; column < chunk.columns(); ++column) {
          if (column > 0) text += '|';
          text += chunk.valid(column, row) ? std::string(chunk.Text(column, row)) : "NULL";
        }
        rows.push_back(text);
      }
      return Ok();
    });
    if (!status) rows.push_back("error: " + status.error().message);
    return rows;
  }

  std::unique_ptr<TestArrowStream> stream_;
  Database db_ = Database::Open({}).value();
};

// One of three: DuckDB's own scan of Arrow gives the bytes of another column.
TEST_F(ArrowTableTest, AStatementMayReadSomeColumnsInAnyOrderAndChooseRows) {
  Add({{ArrowTexts("name", {"a", "b", "c"}), ArrowNumbers<int64_t>("n", "l", {1, 2, 3}),
        ArrowNumbers<double>("x", "g", {.5, 1.5, 2.5})}});
  EXPECT_THAT(Rows("SELECT x::VARCHAR FROM t"), ElementsAre("0.5", "1.5", "2.5"));
  EXPECT_THAT(Rows("SELECT x::VARCHAR, name FROM t WHERE n = 2"), ElementsAre("1.5|b"));
  EXPECT_THAT(Rows("SELECT name FROM t WHERE name > 'a'"), ElementsAre("b", "c"));
  EXPECT_THAT(Rows("SELECT count(*)::VARCHAR FROM t"), ElementsAre("3"));
}

TEST_F(ArrowTableTest, TheSameTableIsReadSeveralTimesInOneStatement) {
  Add({{ArrowNumbers<int32_t>("n", "i", {1, 2})}, {ArrowNumbers<int32_t>("n", "i", {3})}});
  EXPECT_THAT(Rows("SELECT (a.n * 10 + b.n)::VARCHAR FROM t a, t b WHERE a.n < b.n ORDER BY 1"),
              ElementsAre("12", "13", "23"));
}

TEST_F(ArrowTableTest, RowsKeepTheirOrderOverChunksAndBatches) {
  Batches batches;
  int32_t next = 0;
  for (const int size : {5000, 0, 1, 3000}) {
    std::vector<int32_t> numbers;
    for (int i = 0; i < size; ++i) numbers.push_back(next++);
    batches.push_back({ArrowNumbers<int32_t>("n", "i", numbers)});
  }
  Add(std::move(batches));
  int32_t expected = 0;
  ASSERT_TRUE(db_.Query("SELECT n FROM t", [&](const Chunk& chunk) {
    for (const int32_t n : chunk.Values<int32_t>(0)) EXPECT_EQ(n, expected++);
    return Ok();
  }));
  EXPECT_EQ(expected, 8001);
}

TEST_F(ArrowTableTest, EveryKindOfNumberKeepsItsValues) {
  Add({{ArrowNumbers<int8_t>("a", "c", {-5}), ArrowNumbers<uint8_t>("b", "C", {250}),
        ArrowNumbers<int16_t>("c", "s", {-500}), ArrowNumbers<uint16_t>("d", "S", {65000}),
        ArrowNumbers<int32_t>("e", "i", {-70000}), ArrowNumbers<uint32_t>("f", "I", {4000000000}),
        ArrowNumbers<int64_t>("g", "l", {INT64_MIN}),
        ArrowNumbers<uint64_t>("h", "L", {UINT64_MAX}), ArrowNumbers<float>("i", "f", {.25f}),
        ArrowNumbers<uint8_t>("j", "b", {1}), ArrowNumbers<int64_t>("k", "d:4,1", {-15, -1}),
        ArrowNumbers<int64_t>("l", "d:9,2", {12345, 0}),
        ArrowNumbers<int64_t>("m", "d:18,3", {5, 0}),
        ArrowNumbers<int64_t>("n", "d:38,0,128", {-7, -1}),
        ArrowNumbers<int32_t>("o", "tdD", {19000}), ArrowNumbers<int64_t>("p", "tdm", {-1})}});
  EXPECT_THAT(Rows("SELECT CAST(COLUMNS(*) AS VARCHAR) FROM t LIMIT 1"),
              ElementsAre("-5|250|-500|65000|-70000|4000000000|-9223372036854775808|"
                          "18446744073709551615|0.25|true|-1.5|123.45|0.005|-7|2022-01-08|"
                          "1969-12-31"));
}

TEST_F(ArrowTableTest, TimestampsOfEveryUnitAreTheSameTime) {
  Add({{ArrowNumbers<int64_t>("s", "tss:", {-1, 90}),
        ArrowNumbers<int64_t>("ms", "tsm:", {-1000, 90'000}),
        ArrowNumbers<int64_t>("us", "tsu:", {-1'000'000, 90'000'000}),
        ArrowNumbers<int64_t>("ns", "tsn:", {-999'999'999, 90'000'000'999}),
        ArrowNumbers<int64_t>("z", "tsn:Europe/Berlin", {-999'999'999, INT64_MIN})}});
  EXPECT_THAT(Rows("SELECT epoch_us(s)::VARCHAR, epoch_us(ms)::VARCHAR, epoch_us(us)::VARCHAR, "
                   "epoch_us(ns)::VARCHAR, epoch_us(z)::VARCHAR FROM t"),
              ElementsAre("-1000000|-1000000|-1000000|-1000000|-1000000",
                          "90000000|90000000|90000000|90000000|NULL"));
  EXPECT_THAT(Rows("SELECT typeof(s), typeof(z) FROM t LIMIT 1"),
              ElementsAre("TIMESTAMP|TIMESTAMP WITH TIME ZONE"));
}

TEST_F(ArrowTableTest, NullsAndOffsetsAreThoseOfEachColumn) {
  TestArrowColumn numbers = ArrowNumbers<int64_t>("n", "l", {9, 1, 2, 3});
  numbers.buffers[0] = BytesOf<uint8_t>({0b0'1011});  // the third is null
  numbers.offset = 1;
  numbers.length = 3;
  TestArrowColumn flags = ArrowNumbers<uint8_t>("b", "b", {0b0101'0100});
  flags.offset = 2;
  flags.length = 3;
  TestArrowColumn texts = ArrowTexts("t", {"x", "first text, long", "", "last"});
  texts.buffers[0] = BytesOf<uint8_t>({0b0'1110});
  texts.offset = 1;
  texts.length = 3;
  Add({{numbers, flags, texts, {.name = "none", .format = "n", .length = 3}}});
  EXPECT_THAT(Rows("SELECT n::VARCHAR, b::VARCHAR, t, none FROM t"),
              ElementsAre("1|true|first text, long|NULL", "NULL|false||NULL", "3|true|last|NULL"));
}

TEST_F(ArrowTableTest, TextsOfEveryLayout) {
  TestArrowColumn large = ArrowTexts("large", {"ab", "twelve bytes and more"});
  large.format = "U";
  large.buffers[1] = BytesOf<int64_t>({0, 2, 23});
  const std::string bytes = "....twelve bytes and more";
  std::string views(32, '\0');
  const auto put = [&](size_t at, int32_t value) { std::memcpy(&views[at], &value, 4); };
  put(0, 2);
  views[4] = 'a';
  views[5] = 'b';
  put(16, 21);
  std::memcpy(&views[20], "twel", 4);
  put(24, 1);  // of the second buffer
  put(28, 4);
  const TestArrowColumn view = {
      .name = "view", .format = "vu", .length = 2, .buffers = {"", views, "other", bytes, ""}};
  TestArrowColumn words = ArrowNumbers<uint8_t>("words", "C", {1, 0});
  words.dictionary = {ArrowTexts("", {"twelve bytes and more", "ab"})};
  Add({{large, view, words}});
  EXPECT_THAT(Rows("SELECT * FROM t"), ElementsAre("ab|ab|ab",
                                                   "twelve bytes and more|twelve bytes and more|"
                                                   "twelve bytes and more"));
}

TEST_F(ArrowTableTest, ListsOfEveryLayout) {
  TestArrowColumn list = {.name = "list",
                          .format = "+l",
                          .length = 3,
                          .buffers = {BytesOf<uint8_t>({0b101}), BytesOf<int32_t>({1, 3, 3, 4})},
                          .children = {ArrowTexts("item", {"-", "a", "b", "c"})}};
  TestArrowColumn large = {.name = "large",
                           .format = "+L",
                           .length = 3,
                           .buffers = {"", BytesOf<int64_t>({0, 0, 1, 2})},
                           .children = {ArrowNumbers<int32_t>("item", "i", {7, 8})}};
  TestArrowColumn fixed = {
      .name = "fixed",
      .format = "+w:2",
      .length = 3,
      .buffers = {""},
      .offset = 1,
      .children = {ArrowNumbers<float>("item", "f", {0, 0, .5f, 1, 2, 3, 4, 5})}};
  Add({{list, large, fixed}});
  EXPECT_THAT(Rows("SELECT list::VARCHAR, large::VARCHAR, fixed::VARCHAR FROM t"),
              ElementsAre("[a, b]|[]|[0.5, 1.0]", "NULL|[7]|[2.0, 3.0]", "[c]|[8]|[4.0, 5.0]"));
}

TEST_F(ArrowTableTest, WhatIsNoTextOrNoIndexIsAnErrorThatNamesTheColumn) {
  for (const char* bytes : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe6\xbc"}) {
    Database db = Database::Open({}).value();
    TestArrowStream stream({{ArrowTexts("name", {"fine", std::string("12345678") + bytes})}});
    ASSERT_TRUE(AddArrowTable(db, ArrowTable::Take("t", stream.get()).value()));
    const Status read = db.Run("SELECT * FROM t");
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().message, HasSubstr("table t, column 'name': a text is not UTF-8"));
  }
  Add({{ArrowTexts("name", {"na\u00efve \u6f22\u5b57 \U0001f600"})}});
  EXPECT_THAT(Rows("SELECT * FROM t"), ElementsAre("na\u00efve \u6f22\u5b57 \U0001f600"));
  TestArrowColumn words = ArrowNumbers<int32_t>("word", "i", {0, 1});
  words.dictionary = {ArrowTexts("", {"only"})};
  Database db = Database::Open({}).value();
  TestArrowStream stream({{words}});
  ASSERT_TRUE(AddArrowTable(db, ArrowTable::Take("t", stream.get()).value()));
  const Status read = db.Run("SELECT * FROM t");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message,
              HasSubstr("column 'word': an index is outside of its dictionary"));
}

TEST_F(ArrowTableTest, TypesThatNoImportReadsAreRefusedByName) {
  EXPECT_THAT(WhyNot({{ArrowNumbers<int8_t>("ok", "c", {1}),
                       {.name = "raw", .format = "z", .buffers = {"", "", ""}}}}),
              AllOf(HasSubstr("table t: column 'raw'"), HasSubstr("'z'"), HasSubstr("cast it")));
  for (const char* format : {"+s", "+m", "tDs", "ttm", "w:16", "d:76,2,256", "d:5", "e", "", "?"}) {
    EXPECT_THAT(WhyNot({{{.name = "x", .format = format}}}), HasSubstr("column 'x'")) << format;
  }
}

TEST_F(ArrowTableTest, EverythingIsReleasedOnceAlsoAfterAnError) {
  {
    TestArrowStream stream(
        {{ArrowNumbers<int8_t>("n", "c", {1})}, {ArrowNumbers<int8_t>("n", "c", {2})}});
    const auto table = ArrowTable::Take("t", stream.get());
    ASSERT_TRUE(table);
    EXPECT_EQ(stream.streams_released, 1);
    EXPECT_EQ(stream.arrays_released, 0);
  }
  TestArrowStream whole({{ArrowNumbers<int8_t>("n", "c", {1})}});
  ArrowTable::Take("t", whole.get()).value().reset();
  EXPECT_EQ(whole.arrays_released, 1);
  TestArrowStream broken({{ArrowNumbers<int8_t>("n", "c", {1})}, {}});
  broken.FailAfter(1);
  const auto failed = ArrowTable::Take("t", broken.get());
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("fails after 1 rows: the disk is gone"));
  EXPECT_EQ(broken.streams_released, 1);
  EXPECT_EQ(broken.arrays_released, 1);
  TestArrowStream named({{ArrowNumbers<int8_t>("n", "c", {1})}});
  EXPECT_FALSE(ArrowTable::Take("a\"b", named.get()));
  EXPECT_EQ(named.streams_released, 1);
}

class ArrowImportTest : public ImportTest {};

TEST_F(ArrowImportTest, ATableIsImportedAsAFileIs) {
  TestArrowStream stream(
      {{ArrowTexts("user", {"u2", "u1", "u1"}), ArrowTexts("item", {"a", "b", "a"}),
        ArrowNumbers<double>("time", "g", {7.5, 3, 1}),
        ArrowTexts("type", {"click", "Watch", "IMPRESSION"}),
        ArrowNumbers<double>("value", "g", {1, 12.25, 2})}});
  ImportOptions options = {.events_sql =
                               "SELECT * REPLACE (CASE WHEN type = 'Watch' THEN value "
                               "END AS value) FROM events"};
  options.tables.push_back(ArrowTable::Take("events", stream.get()).value());
  const log::EventLog log = RunAndOpen(options);
  EXPECT_THAT(Lines(log), ElementsAre("u1 a 1000 impression nan", "u1 b 3000 watch 12.25",
                                      "u2 a 7500 click nan"));
  options.tables.push_back(options.tables.front());
  EXPECT_THAT(Refused(options).message, HasSubstr("two tables with the name events"));
}

TEST_F(ArrowImportTest, BadRowsOfATableAreRejectedWithTheirNumbers) {
  TestArrowStream stream({{ArrowTexts("user", {"u", "", "u"}), ArrowTexts("item", {"a", "b", "c"}),
                           ArrowNumbers<int64_t>("time", "tsm:", {1000, 2000, 3000}),
                           ArrowTexts("type", {"click", "click", "clack"})}});
  ImportOptions options = {.events_sql = "SELECT * FROM events", .max_rejects = 1};
  options.tables.push_back(ArrowTable::Take("events", stream.get()).value());
  const log::EventLog log = RunAndOpen(options);
  EXPECT_THAT(Lines(log), ElementsAre("u a 1000 click nan"));
  EXPECT_THAT(Rejects(), AllOf(HasSubstr("events,,,2,user is missing"),
                               HasSubstr("events,,,3,\"type clack is unknown")));
}

}  // namespace
}  // namespace upnext::import
