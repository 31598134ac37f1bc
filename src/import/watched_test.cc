#include "import/watched.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "base/test_folder.h"

namespace upnext::import {
namespace {

// Told of from the thread that watches the database while the test looks.
class Recorder : public base::Progress {
 public:
  void Begin(std::string_view, std::string_view of_stage, uint64_t) override { unit = of_stage; }
  void Update(uint64_t done, std::string_view) override {
    last = done;
    ++updates;
  }
  void End() override {}
  void Note(std::string_view) override {}
  std::string unit;
  std::atomic<uint64_t> last = 0, updates = 0;
};

class WatchedDatabaseTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* const name : {"a.parquet", "b.parquet", "c.csv"}) {
      const std::string file = (folder_ / name).string();
      ASSERT_TRUE(
          db_.database().Run("COPY (SELECT range AS i FROM range(30000)) TO " + QuoteSql(file)));
    }
  }
  std::string From(const std::string& files) {
    return "(SELECT * FROM " + QuoteSql((folder_ / files).string()) + ")";
  }

  const base::TestFolder folder_;
  Recorder recorder_;
  WatchedDatabase db_{Database::Open({.threads = 2}).value(), recorder_, folder_.path(), 0};
};

TEST_F(WatchedDatabaseTest, ExpectsTheRowsOfParquetFilesThatAreTakenAsTheyAre) {
  EXPECT_EQ(db_.ExpectedRows("SELECT i + 1 AS j FROM " + From("a.parquet")), 30'000u);
  EXPECT_EQ(db_.ExpectedRows("FROM " + From("a.parquet") + " UNION ALL FROM " + From("b.parquet")),
            60'000u);
}

TEST_F(WatchedDatabaseTest, ExpectsNothingWhereOnlyReadingTells) {
  const std::string parquet = From("a.parquet");
  for (const std::string& select :
       {"FROM " + parquet + " WHERE i > 10", "FROM " + parquet + " WHERE i % 3 = 0",
        "FROM " + parquet + " LIMIT 10", "FROM " + From("c.csv"),
        "SELECT a.i FROM " + parquet + " a JOIN " + From("b.parquet") + " b ON a.i = b.i",
        "SELECT unnest([i, i]) FROM " + parquet, std::string("FROM range(10)"),
        std::string("this is no SQL"), std::string()}) {
    EXPECT_EQ(db_.ExpectedRows(select), 0u) << select;
  }
}

TEST_F(WatchedDatabaseTest, PercentGoNoFasterThanTheRowsThatAreExpected) {
  const std::string select = "FROM " + From("a.parquet");
  uint64_t rows = 0;
  const auto slowly = [&](const Chunk& chunk) {
    rows += chunk.rows();
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    // The last report is of these rows or of fewer.
    EXPECT_LE(recorder_.last.load(), rows * 100 / 30'000u);
    return Ok();
  };
  ASSERT_TRUE(db_.Query("read", 0, select, slowly, db_.ExpectedRows(select)));
  EXPECT_EQ(recorder_.unit, "%");
  EXPECT_GT(recorder_.updates.load(), 2u);
  EXPECT_EQ(recorder_.last.load(), 100u);
}

}  // namespace
}  // namespace upnext::import
