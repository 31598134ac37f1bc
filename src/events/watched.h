// Runs DuckDB statements as stages of a Progress: shows how far they are, and stops them when the
// user asks to. Only the import includes it. One thread at a time.
//
//   WatchedDatabase db(std::move(database), progress);
//   UPNEXT_RETURN_IF_ERROR(db.Run("read events", sql));
#ifndef UPNEXT_EVENTS_WATCHED_H_
#define UPNEXT_EVENTS_WATCHED_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string_view>

#include "base/progress.h"
#include "base/status.h"
#include "events/duckdb.h"

namespace upnext::events {

class WatchedDatabase {
 public:
  WatchedDatabase(Database database, base::Progress& progress)
      : database_(std::move(database)), progress_(progress) {}

  // Progress in percent. kCancelled once progress.stop_requested().
  Status Run(std::string_view stage, std::string_view sql);
  // Progress in rows of `total`, with the rate.
  Status Query(std::string_view stage, uint64_t total, std::string_view sql,
               const std::function<Status(const Chunk&)>& on_chunk);
  // A query that gives one row of counts, without a stage of its own.
  Result<std::vector<uint64_t>> Counts(std::string_view sql);

  Database& database() { return database_; }
  base::Progress& progress() { return progress_; }

 private:
  // Calls `body` while a second thread looks after progress and stopping.
  Status Watch(const std::function<Status()>& body, const std::function<void()>& tick);

  Database database_;
  base::Progress& progress_;
};

}  // namespace upnext::events

#endif  // UPNEXT_EVENTS_WATCHED_H_
