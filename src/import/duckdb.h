// A thin owner of DuckDB's C API: run SQL, read result columns, get errors as Status. The only
// header of the project that knows DuckDB; import and the simulator use it.
//
//   UPNEXT_ASSIGN_OR_RETURN(Database db, Database::Open({.threads = 2, .memory_limit_mb = 2048}));
//   UPNEXT_RETURN_IF_ERROR(db.Run("CREATE TABLE t AS SELECT 1 AS x"));
//   UPNEXT_RETURN_IF_ERROR(db.Query("SELECT x FROM t", [](const Chunk& chunk) { ...; return Ok();
//   }));
//
// SQL may use one function more than DuckDB has: has_control_bytes(VARCHAR), which is
// HasControlBytes (schema.h).
//
// One thread at a time per Database.
#ifndef UPNEXT_IMPORT_DUCKDB_H_
#define UPNEXT_IMPORT_DUCKDB_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace upnext::import {

struct DatabaseOptions {
  std::filesystem::path file = {};            // empty: in memory
  std::filesystem::path temp_directory = {};  // where big sorts spill; empty: DuckDB's choice
  int threads = 0;                            // 0: as many as the machine has
  int memory_limit_mb = 0;                    // 0: DuckDB's default
  bool load_extensions = false;               // when a statement needs them; may download them
};

// A batch of result rows, column by column. Valid during the callback only.
class Chunk {
 public:
  size_t rows() const;
  size_t columns() const;
  bool valid(size_t column, size_t row) const;  // false: NULL
  // Typed views of a column; the type must be the column's own (cast in SQL to be sure).
  template <typename T>
  std::span<const T> Values(size_t column) const {
    return {static_cast<const T*>(Data(column)), rows()};
  }
  std::string_view Text(size_t column, size_t row) const;  // VARCHAR
  // A whole VARCHAR column; NULL: a view whose data() is null.
  void Texts(size_t column, std::vector<std::string_view>& texts) const;
  std::vector<std::string_view> TextList(size_t column, size_t row) const;  // VARCHAR[]
  template <typename T>
  std::span<const T> List(size_t column, size_t row) const {  // T[] without NULL inside
    const auto [data, offset, size] = ListData(column, row);
    return {static_cast<const T*>(data) + offset, size};
  }

 private:
  friend class Database;
  struct ListPlace {
    const void* data;
    size_t offset, size;
  };
  const void* Data(size_t column) const;
  ListPlace ListData(size_t column, size_t row) const;
  void* chunk_ = nullptr;  // duckdb_data_chunk
};

struct Column {
  std::string name, type;  // type in SQL's words: VARCHAR, DOUBLE, VARCHAR[]
};

class Database {
 public:
  static Result<Database> Open(const DatabaseOptions& options);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  Status Run(std::string_view sql);
  Status Query(std::string_view sql, const std::function<Status(const Chunk&)>& on_chunk);
  // The output columns of a query, without running it.
  Result<std::vector<Column>> Describe(std::string_view sql);
  // Progress of the running statement in [0, 1], or < 0 when unknown; callable from another thread.
  double progress() const;
  void Interrupt();  // from another thread: the running statement fails with kCancelled
  // Makes the SQL function `name`(): true for each row that passes it, and an error with `message`
  // once more than `limit` rows have. kInternal when the name is taken.
  Status AddRowLimit(std::string_view name, uint64_t limit, std::string_view message);

  void* connection() const;  // duckdb_connection, for duckdb_table.cc

 private:
  friend class Appender;
  Database();
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

// Bulk insertion into an existing table, column values in order, then EndRow. Close before reading.
//   UPNEXT_ASSIGN_OR_RETURN(Appender rows, Appender::Create(db, "t"));
//   rows.Add(int64_t{1}); rows.Add("text"); UPNEXT_RETURN_IF_ERROR(rows.EndRow()); ...
//   rows.Close();
class Appender {
 public:
  static Result<Appender> Create(Database& database, std::string_view table);
  Appender(Appender&&) noexcept;
  ~Appender();
  void Add(int64_t value);
  void Add(double value);
  void Add(bool value);
  void Add(std::string_view value);
  void Add(const char* value) { Add(std::string_view(value)); }  // else it would become a bool
  void AddNull();
  Status EndRow();  // the first error of the row
  Status Close();   // flushes

 private:
  Appender();
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

std::string QuoteSql(std::string_view text);  // 'it''s'

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_DUCKDB_H_
