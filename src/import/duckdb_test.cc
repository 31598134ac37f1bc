#include "import/duckdb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace upnext::import {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Database OpenInMemory() { return Database::Open({.threads = 2}).value(); }

TEST(Database, ReadsNumbersTextsListsAndNulls) {
  Database db = OpenInMemory();
  ASSERT_TRUE(
      db.Run("CREATE TABLE t AS SELECT 7::BIGINT AS n, 1.5::DOUBLE AS x, "
             "'short' AS s, ['a', NULL, 'a text too long to be inlined'] AS l, "
             "NULL::VARCHAR AS missing"));
  size_t rows = 0;
  const Status status =
      db.Query("SELECT n, x, s, l, missing FROM t", [&](const Chunk& chunk) -> Status {
        rows += chunk.rows();
        EXPECT_EQ(chunk.columns(), 5u);
        EXPECT_EQ(chunk.Values<int64_t>(0)[0], 7);
        EXPECT_EQ(chunk.Values<double>(1)[0], 1.5);
        EXPECT_EQ(chunk.Text(2, 0), "short");
        EXPECT_THAT(chunk.TextList(3, 0), ElementsAre("a", "a text too long to be inlined"));
        EXPECT_TRUE(chunk.valid(2, 0));
        EXPECT_FALSE(chunk.valid(4, 0));
        return Ok();
      });
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(rows, 1u);
}

TEST(Database, StreamsEveryRowInOrder) {
  Database db = OpenInMemory();
  int64_t next = 0;
  const Status status =
      db.Query("SELECT range FROM range(100000) ORDER BY range", [&](const Chunk& chunk) {
        for (const int64_t value : chunk.Values<int64_t>(0)) EXPECT_EQ(value, next++);
        return Ok();
      });
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(next, 100000);
}

TEST(Database, AnErrorOfTheCallbackStopsTheQuery) {
  Database db = OpenInMemory();
  int calls = 0;
  const Status status = db.Query("SELECT * FROM range(100000)", [&](const Chunk&) -> Status {
    ++calls;
    return DataLoss("enough");
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kDataLoss);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(db.Run("SELECT 1")) << "the connection is still of use";
}

TEST(Database, ErrorsKeepDuckDbsWordsAndSayWhatKindTheyAre) {
  Database db = OpenInMemory();
  const auto ignore = [](const Chunk&) { return Ok(); };
  const Status syntax = db.Run("SELEKT 1");
  ASSERT_FALSE(syntax);
  EXPECT_EQ(syntax.error().code, Code::kInvalidArgument);
  EXPECT_THAT(syntax.error().message, HasSubstr("SELEKT"));
  const Status missing = db.Query("SELECT * FROM read_csv('/no/such/file.csv')", ignore);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_THAT(missing.error().message, HasSubstr("/no/such/file.csv"));
  const Status late = db.Query(
      "SELECT CAST(CASE WHEN range = 90000 THEN 'x' ELSE '1' END AS INTEGER) FROM range(100000)",
      ignore);
  ASSERT_FALSE(late) << "an error in the middle of a stream is no end of the stream";
  EXPECT_EQ(late.error().code, Code::kInvalidArgument);
}

TEST(Database, DescribesWithoutRunning) {
  Database db = OpenInMemory();
  const auto columns = db.Describe(
      "SELECT 'a' AS name, ['x'] AS topics, 1.5::DOUBLE AS x, error('not run')::BIGINT AS n");
  ASSERT_TRUE(columns) << columns.error().message;
  ASSERT_EQ(columns->size(), 4u);
  EXPECT_EQ((*columns)[0].name, "name");
  EXPECT_EQ((*columns)[0].type, "VARCHAR");
  EXPECT_EQ((*columns)[1].type, "VARCHAR[]");
  EXPECT_EQ((*columns)[2].type, "DOUBLE");
}

TEST(Database, InterruptEndsTheRunningStatement) {
  Database db = OpenInMemory();
  std::atomic<bool> done = false;
  std::jthread stopper([&] {
    while (!done) {
      db.Interrupt();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  const Status status =
      db.Run("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b");
  done = true;
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kCancelled);
}

TEST(Appender, AddsRowsOfEveryKind) {
  Database db = OpenInMemory();
  ASSERT_TRUE(db.Run("CREATE TABLE t (i BIGINT, d DOUBLE, b BOOLEAN, s VARCHAR)"));
  {
    Result<Appender> appender = Appender::Create(db, "t");
    ASSERT_TRUE(appender) << appender.error().message;
    for (int64_t i = 0; i < 5000; ++i) {
      appender->Add(i);
      appender->Add(0.5);
      appender->Add(i % 2 == 0);
      if (i == 7) {
        appender->AddNull();
      } else {
        appender->Add("it's");
      }
      ASSERT_TRUE(appender->EndRow());
    }
    ASSERT_TRUE(appender->Close());
  }
  const Status status =
      db.Query("SELECT count(*)::BIGINT, sum(i)::BIGINT, count(s)::BIGINT FROM t WHERE d = 0.5",
               [](const Chunk& chunk) {
                 EXPECT_EQ(chunk.Values<int64_t>(0)[0], 5000);
                 EXPECT_EQ(chunk.Values<int64_t>(1)[0], 5000 * 4999 / 2);
                 EXPECT_EQ(chunk.Values<int64_t>(2)[0], 4999);
                 return Ok();
               });
  ASSERT_TRUE(status) << status.error().message;
}

TEST(Appender, NamesTheTableWhenItIsMissingOrARowIsShort) {
  Database db = OpenInMemory();
  const Result<Appender> none = Appender::Create(db, "nothing");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, HasSubstr("nothing"));
  ASSERT_TRUE(db.Run("CREATE TABLE t (i BIGINT, s VARCHAR)"));
  Result<Appender> appender = Appender::Create(db, "t");
  ASSERT_TRUE(appender);
  appender->Add(int64_t{1});
  EXPECT_FALSE(appender->EndRow());
}

TEST(QuoteSql, DoublesQuotes) { EXPECT_EQ(QuoteSql("it's"), "'it''s'"); }

}  // namespace
}  // namespace upnext::import
