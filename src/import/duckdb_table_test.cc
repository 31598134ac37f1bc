#include "import/duckdb_table.h"

#include <gtest/gtest.h>

#include <string>

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
