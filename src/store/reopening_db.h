// A database that is opened again when a write to it has failed (a full disk, no file descriptors, an
// I/O error), with a growing pause between attempts. Reads continue meanwhile.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto db, ReopeningDb::Open(directory, [&](RocksDb& opened) {
//     return Load(opened);                     also after each reopening
//   }));
//   UPNEXT_RETURN_IF_ERROR(db->Change([&](RocksDb& opened) { return opened.Write(&batch); }));
//   db->get()->Get(key);
//
// Any number of threads; changes take turns. A failed batch may or may not be there after a
// reopening, but never in part. Has a thread of its own.
#ifndef UPNEXT_STORE_REOPENING_DB_H_
#define UPNEXT_STORE_REOPENING_DB_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "base/status.h"
#include "store/rocks_db.h"
#include "store/store.h"

namespace upnext::store {

class ReopeningDb {
 public:
  // Runs before anybody reads or writes what was opened. An error is one of opening.
  using OnOpen = std::function<Status(RocksDb&)>;
  static Result<std::unique_ptr<ReopeningDb>> Open(const std::filesystem::path& directory,
                                                   OnOpen on_open);
  ~ReopeningDb();

  // The database to read from, for the length of a read.
  std::shared_ptr<const RocksDb> get() const;
  // Runs `change` on the database while nobody else writes and while it is not opened again. An error
  // at once when it cannot be written.
  Status Change(const std::function<Status(RocksDb&)>& change);
  WriteHealth health() const;

  static constexpr auto kFirstPause = std::chrono::milliseconds(100);
  static constexpr auto kLongestPause = std::chrono::seconds(10);

 private:
  ReopeningDb(std::filesystem::path directory, OnOpen on_open)
      : directory_(std::move(directory)), on_open_(std::move(on_open)) {}
  Result<std::unique_ptr<RocksDb>> OpenOnce();
  Status Reopen();
  void Run(const std::stop_token& stop);

  const std::filesystem::path directory_;
  const OnOpen on_open_;
  base::Mutex writing_;  // before mutex_
  mutable base::Mutex mutex_;
  std::condition_variable_any failed_;
  uint64_t failures_ UPNEXT_GUARDED_BY(mutex_) = 0;
  bool open_again_ UPNEXT_GUARDED_BY(mutex_) = false;  // db_ has failed
  std::shared_ptr<RocksDb> db_ UPNEXT_GUARDED_BY(mutex_);
  std::jthread thread_;  // the last member: it uses the others
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_REOPENING_DB_H_
