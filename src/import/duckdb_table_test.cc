#include "import/duckdb_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace upnext::import {
namespace {

TEST(AddTable, SqlReadsTheRowsThatAProgramMakes) {
  Result<Database> db = Database::Open({.threads = 1});
  ASSERT_TRUE(db) << db.error().message;
  constexpr int64_t kRows = 10'000;  // several chunks
  int64_t made = 0;
  const Status added = AddTable(
      *db, "made",
      {{"n", "BIGINT"},
       {"half", "DOUBLE"},
       {"even", "BOOLEAN"},
       {"text", "VARCHAR"},
       {"moment", "TIMESTAMP"}},
      [&](ChunkWriter& chunk) {
        size_t row = 0;
        for (; row < chunk.capacity() && made < kRows; ++row, ++made) {
          chunk.Values<int64_t>(0)[row] = made;
          chunk.Values<double>(1)[row] = static_cast<double>(made) / 2;
          chunk.Values<bool>(2)[row] = made % 2 == 0;
          // Shorter and longer than what a vector holds in place.
          if (made % 3 == 0) {
            chunk.SetNull(3, row);
          } else {
            chunk.SetText(3, row,
                          (made % 2 == 0 ? "short " : "rather long text ") + std::to_string(made));
          }
          chunk.Values<int64_t>(4)[row] = made * 1'000'000;
        }
        return row;
      });
  ASSERT_TRUE(added) << added.error().message;
  const Status read = db->Query(
      "SELECT count(*), sum(n), sum(half), count(*) FILTER (even), count(text), "
      "count(*) FILTER (text = CASE WHEN even THEN 'short ' ELSE 'rather long text ' END || n), "
      "epoch_ms(max(moment)) FROM (SELECT * FROM made())",
      [&](const Chunk& chunk) {
        EXPECT_EQ(chunk.Values<int64_t>(0)[0], kRows);
        EXPECT_EQ(chunk.Values<double>(2)[0], (kRows - 1) * kRows / 4.0);
        EXPECT_EQ(chunk.Values<int64_t>(3)[0], kRows / 2);
        EXPECT_EQ(chunk.Values<int64_t>(4)[0], 6666);
        EXPECT_EQ(chunk.Values<int64_t>(5)[0], 6666);
        EXPECT_EQ(chunk.Values<int64_t>(6)[0], (kRows - 1) * 1000);
        return Ok();
      });
  EXPECT_TRUE(read) << read.error().message;
}

TEST(AddTable, ListsKeepTheirValuesThroughSeveralChunks) {
  Result<Database> db = Database::Open({.threads = 1});
  ASSERT_TRUE(db) << db.error().message;
  constexpr int32_t kRows = 5000;
  int32_t made = 0;
  const Status added = AddTable(
      *db, "lists", {{"n", "INTEGER"}, {"ids", "INTEGER[]"}, {"weights", "FLOAT[]"}},
      [&](ChunkWriter& chunk) {
        size_t row = 0;
        for (; row < chunk.capacity() && made < kRows; ++row, ++made) {
          const std::vector<int32_t> ids(static_cast<size_t>(made % 7), made);  // empty ones, too
          const std::vector<float> weights = {0.5f, static_cast<float>(made)};
          chunk.Values<int32_t>(0)[row] = made;
          chunk.SetList<int32_t>(1, row, ids);
          chunk.SetList<float>(2, row, weights);
        }
        return row;
      });
  ASSERT_TRUE(added) << added.error().message;
  const std::string sql = "SELECT n, ids, weights FROM lists()";
  const Status read = db->Query(sql, [&](const Chunk& chunk) -> Status {
    for (size_t row = 0; row < chunk.rows(); ++row) {
      const int32_t n = chunk.Values<int32_t>(0)[row];
      const auto ids = chunk.List<int32_t>(1, row);
      EXPECT_EQ(ids.size(), static_cast<size_t>(n % 7));
      EXPECT_TRUE(std::ranges::all_of(ids, [n](int32_t id) { return id == n; })) << n;
      const auto weights = chunk.List<float>(2, row);
      if (weights.size() != 2) return Internal("expected two weights in row {}", n);
      EXPECT_EQ(weights[0], 0.5f);
      EXPECT_EQ(weights[1], static_cast<float>(n));
    }
    return Ok();
  });
  EXPECT_TRUE(read) << read.error().message;
}

TEST(AddTable, RefusesTypesThatItCannotWrite) {
  Result<Database> db = Database::Open({.threads = 1});
  ASSERT_TRUE(db);
  const Status added =
      AddTable(*db, "lists", {{"l", "VARCHAR[]"}}, [](ChunkWriter&) { return size_t{0}; });
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace upnext::import
