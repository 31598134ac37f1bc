// Runs DuckDB statements as stages of a Progress: shows how far they are, and stops them when the
// user asks to or before they fill the disk. The import and its benchmark include it.
// One thread at a time.
//
//   WatchedDatabase db(std::move(database), progress, work_folder);
//   UPNEXT_RETURN_IF_ERROR(db.Run("read events", sql));
#ifndef UPNEXT_IMPORT_WATCHED_H_
#define UPNEXT_IMPORT_WATCHED_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/progress.h"
#include "base/status.h"
#include "import/duckdb.h"

namespace upnext::import {

// What an import leaves free of the disk of `folder`: 1 GiB, or a twentieth of a small disk. Bytes.
uint64_t DiskReserve(const std::filesystem::path& folder);

class WatchedDatabase {
 public:
  // `folder` is where the statements write; they leave `reserve` bytes of its disk to others.
  WatchedDatabase(Database database, base::Progress& progress, std::filesystem::path folder,
                  uint64_t reserve)
      : database_(std::move(database)),
        progress_(progress),
        folder_(std::move(folder)),
        reserve_(reserve) {}

  // Progress in percent. kCancelled once progress.stop_requested(), kResourceExhausted once the
  // disk is down to the reserve.
  Status Run(std::string_view stage, std::string_view sql);
  // Progress in rows of `total`, or in percent when that is 0: unknown. Percent are DuckDB's, but
  // no more than the share of `expected` rows, if there are any expected.
  Status Query(std::string_view stage, uint64_t total, std::string_view sql,
               const std::function<Status(const Chunk&)>& on_chunk, uint64_t expected = 0);
  // Rows that a SELECT will give where its plan tells: it takes Parquet files as they are, of which
  // the first stands for all. Else 0. DuckDB says 99 % of such a file when it has hardly begun.
  uint64_t ExpectedRows(std::string_view select);
  // A query that gives one row of counts, without a stage of its own.
  Result<std::vector<uint64_t>> Counts(std::string_view sql);

  Database& database() { return database_; }
  base::Progress& progress() { return progress_; }

 private:
  uint64_t Percent() const;
  // Calls `body` while a second thread looks after progress and stopping.
  Status Watch(const std::function<Status()>& body, const std::function<void()>& tick);
  bool DiskIsLow() const;

  Database database_;
  base::Progress& progress_;
  const std::filesystem::path folder_;
  const uint64_t reserve_;  // bytes
};

}  // namespace upnext::import

#endif  // UPNEXT_IMPORT_WATCHED_H_
