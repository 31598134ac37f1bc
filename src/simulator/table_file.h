// One file from rows that a function writes: Parquet, or CSV by its extension. Only this room
// includes it.
//
//   return WriteTable(file, {{"user", "VARCHAR"}}, "*", users, [&](ChunkWriter& chunk, size_t i, size_t row) {
//     chunk.SetText(0, row, name(i));
//   });
//
// Through its own database with one thread, so that the bytes depend only on the rows. Any number of
// threads at once.
#ifndef UPNEXT_SIMULATOR_TABLE_FILE_H_
#define UPNEXT_SIMULATOR_TABLE_FILE_H_

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "import/duckdb.h"
#include "import/duckdb_table.h"

namespace upnext::simulator {

inline void TextOrNull(import::ChunkWriter& chunk, size_t column, size_t row, std::string_view text,
                       bool null) {
  null ? chunk.SetNull(column, row) : chunk.SetText(column, row, text);
}

template <typename T>
void ValueOrNull(import::ChunkWriter& chunk, size_t column, size_t row, T value, bool null) {
  null ? chunk.SetNull(column, row) : void(chunk.Values<T>(column)[row] = value);
}

// Writes the result of `sql` over rows() to `file`. `write_row(chunk, i, row)` writes row i of
// `count` to the chunk's row.
template <typename WriteRow>
Status WriteTable(const std::filesystem::path& file, std::vector<import::Column> columns,
                  std::string_view sql, size_t count, WriteRow write_row) {
  UPNEXT_ASSIGN_OR_RETURN(import::Database db, import::Database::Open({.threads = 1}));
  size_t done = 0;
  UPNEXT_RETURN_IF_ERROR(
      import::AddTable(db, "rows", std::move(columns), [&](import::ChunkWriter& chunk) {
        const size_t rows = std::min(chunk.capacity(), count - done);
        for (size_t row = 0; row < rows; ++row) write_row(chunk, done + row, row);
        done += rows;
        return rows;
      }));
  const char* const format =
      file.extension() == ".csv" ? "FORMAT csv, HEADER" : "FORMAT parquet, COMPRESSION zstd";
  return db.Run(fmt::format("COPY (SELECT {} FROM rows()) TO {} ({})", sql,
                            import::QuoteSql(file.string()), format));
}

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_TABLE_FILE_H_
