// Rows that a program makes, as a table that DuckDB reads while they are made: no staging, no SQL
// to turn numbers into names.
//
//   uint32_t n = 0;
//   UPNEXT_RETURN_IF_ERROR(AddTable(db, "numbers", {{"n", "BIGINT"}}, [&](ChunkWriter& chunk) {
//     size_t row = 0;
//     for (; row < chunk.capacity() && n < 1000; ++row) chunk.Values<int64_t>(0)[row] = n++;
//     return row;
//   }));
//   UPNEXT_RETURN_IF_ERROR(db.Run("COPY (SELECT * FROM numbers()) TO 'numbers.parquet'"));
//
// A statement reads such a table from one thread, which in a database of one thread is the
// caller's.
#ifndef UPNEXT_IMPORT_DUCKDB_TABLE_H_
#define UPNEXT_IMPORT_DUCKDB_TABLE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "import/duckdb.h"

namespace upnext::import {

// Room for the next rows of a table, column by column.
class ChunkWriter {
 public:
  size_t capacity() const;  // rows, about two thousand
  // The values of a column, whose type must be T: int64_t for BIGINT, and for TIMESTAMP in
  // microseconds; int32_t INTEGER, double DOUBLE, float FLOAT, bool BOOLEAN.
  template <typename T>
  std::span<T> Values(size_t column) {
    return {static_cast<T*>(Data(column)), capacity()};
  }
  void SetText(size_t column, size_t row, std::string_view text);  // VARCHAR; copied
  void SetNull(size_t column, size_t row);
  // Of a list, INTEGER[] of int32_t or FLOAT[] of float; each row once.
  template <typename T>
  void SetList(size_t column, size_t row, std::span<const T> values) {
    std::ranges::copy(values, static_cast<T*>(AddList(column, row, values.size())));
  }

 private:
  friend struct TableFunction;
  void* Data(size_t column) const;
  void* AddList(size_t column, size_t row, size_t size);  // the place of its values
  void* chunk_ = nullptr;                                 // duckdb_data_chunk
  std::vector<void*> vectors_;                            // duckdb_vector of each column
  std::vector<uint64_t*> validity_;  // of each column; null: nothing is NULL yet
};

// Fills the first rows of the chunk and returns their number; 0: there are no more.
using FillChunk = std::function<size_t(ChunkWriter& chunk)>;

// Makes the table function `name`(), whose rows `fill` makes once; what it captures must live as
// long as the database. kInvalidArgument for a type that ChunkWriter does not write, kInternal when
// the name is taken.
Status AddTable(Database& database, std::string_view name, std::vector<Column> columns,
                FillChunk fill);

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_DUCKDB_TABLE_H_
