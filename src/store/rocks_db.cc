#include "store/rocks_db.h"

#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <cstdarg>

namespace upnext::store {
namespace {

// RocksDB would attempt to recover by itself after a full disk. That ends in closing a log file that
// a write to has failed, for which RocksDB aborts the process.
class NoRecovery : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

// In place of RocksDB's own log file, which aborts the process in the same way once the disk is
// full. What fails is returned as a status in any case.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// Concurrent commits may reach the disk in another order than their sequence numbers.
class KeepLarger : public rocksdb::AssociativeMergeOperator {
 public:
  const char* Name() const override { return "upnext.larger"; }
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* existing, const rocksdb::Slice& value,
             std::string* out, rocksdb::Logger*) const override {
    const bool keep = existing != nullptr && existing->compare(value) > 0;
    *out = keep ? existing->ToString() : value.ToString();
    return true;
  }
};

}  // namespace

std::unexpected<Error> FromRocks(const rocksdb::Status& status, std::string_view doing) {
  const std::string text = fmt::format("store: {}: {}", doing, status.ToString());
  if (status.IsNoSpace()) return ResourceExhausted("{}; free some disk space", text);
  if (status.IsCorruption()) return DataLoss("{}", text);
  if (text.find("File too large") != std::string::npos) return ResourceExhausted("{}", text);
  return Unavailable("{}", text);
}

Result<std::unique_ptr<rocksdb::DB>> OpenRocksDb(const std::filesystem::path& directory) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.info_log = std::make_shared<NoLog>();
  options.write_buffer_size = 32 << 20;
  options.compression = rocksdb::kNoCompression;
  options.merge_operator = std::make_shared<KeepLarger>();
  // Writers wait for a disk: milliseconds, in which spinning would take the processor from feeds.
  options.enable_write_thread_adaptive_yield = false;
  options.listeners.push_back(std::make_shared<NoRecovery>());
  rocksdb::DB* db = nullptr;
  if (rocksdb::Status s = rocksdb::DB::Open(options, directory.string(), &db); !s.ok()) {
    return FromRocks(s, fmt::format("open {}", directory.string()));
  }
  return std::unique_ptr<rocksdb::DB>(db);
}

Result<std::optional<std::string>> GetValue(const rocksdb::DB& db, const std::string& key) {
  std::string value;
  const rocksdb::Status s = const_cast<rocksdb::DB&>(db).Get(rocksdb::ReadOptions(), key, &value);
  if (s.IsNotFound()) return std::optional<std::string>();
  if (!s.ok()) return FromRocks(s, "read");
  return std::optional<std::string>(std::move(value));
}

}  // namespace upnext::store
