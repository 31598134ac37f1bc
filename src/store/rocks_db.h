// RocksDB as the store uses it: how a database is opened, read, and how its errors are those of
// upnext.
//
//   UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<RocksDb> db, RocksDb::Open(directory));
//   UPNEXT_RETURN_IF_ERROR(db->Write(&batch));
//   UPNEXT_RETURN_IF_ERROR(db->VisitPrefix("e", "e", [&](std::string_view key,
//                                                        std::string_view value) { return Ok(); }));
//
// Any number of threads. After the first failed write a database takes no other and is to be opened
// again, next to this one (ReopeningDb); reads continue to work.
#ifndef UPNEXT_STORE_ROCKS_DB_H_
#define UPNEXT_STORE_ROCKS_DB_H_

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>

#include <cstdarg>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "store/freezing_file_system.h"

namespace upnext::store {

// In place of RocksDB's own log file, which would grow. What fails is returned as a status.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

std::unexpected<Error> FromRocks(const rocksdb::Status& status, std::string_view doing);

class RocksDb {
 public:
  // Without compression, automatic recovery and a log file of its own. `on_failure` is called once,
  // on any thread, when a write fails; it only takes notice.
  static Result<std::unique_ptr<RocksDb>> Open(
      const std::filesystem::path& directory, std::function<void()> on_failure = [] {});

  // What the database has on disk now, for another process than the one that writes to it: takes no lock and changes
  // nothing.
  static Result<std::unique_ptr<RocksDb>> OpenSnapshot(const std::filesystem::path& directory);

  // On disk when it returns; without `waits`, as soon as a later write is, or the system gets to it: a crash of the
  // machine may lose it, one of the process does not. One thread at a time.
  Status Write(rocksdb::WriteBatch* batch, bool waits = true);
  Status failure() const;  // why nothing can be written any more

  Result<std::optional<std::string>> Get(const std::string& key) const;
  Result<uint64_t> Number(const std::string& key) const;  // 0 when absent
  // Which of the keys are there, by place.
  Result<std::vector<bool>> Has(std::span<const std::string_view> keys) const;
  // The first key that starts with `prefix`, from `from` on.
  Result<std::optional<std::string>> FirstKey(const std::string& prefix,
                                              const std::string& from) const;
  // Writes the files that may have keys of the ranges anew, so that what was deleted there is no
  // longer in any of them. Takes as long as that; others read and write meanwhile.
  Status Purge(std::span<const std::pair<std::string, std::string>> ranges) const;
  // Of the cache of blocks and the write buffers.
  uint64_t memory_bytes() const;
  // The database as it is now, in a new folder on the same file system (Store::Checkpoint). Others read
  // and write meanwhile.
  Status Checkpoint(const std::filesystem::path& folder) const;
  // Visits keys that start with `prefix`, from `from` on, in ascending order; on_entry(key, value)
  // returns a Status, and the first error ends the visit.
  template <typename F>
  Status VisitPrefix(const std::string& prefix, const std::string& from, F&& on_entry) const {
    const auto view = [](const rocksdb::Slice& s) { return std::string_view(s.data(), s.size()); };
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    for (it->Seek(from); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      UPNEXT_RETURN_IF_ERROR(on_entry(view(it->key()), view(it->value())));
    }
    if (!it->status().ok()) return FromRocks(it->status(), "scan");
    return Ok();
  }

 private:
  explicit RocksDb(std::function<void()> on_failure);
  // In the order in which they depend on each other.
  const std::shared_ptr<FreezingFileSystem> files_;
  const std::unique_ptr<rocksdb::Env> env_;
  std::unique_ptr<rocksdb::DB> db_;
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_ROCKS_DB_H_
