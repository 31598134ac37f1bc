#include "store/rocks_db.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "store/rocks_keys.h"

namespace upnext::store {
namespace {

constexpr size_t kBlockCacheBytes = 64 << 20;  // of data, indexes and filters
constexpr int kMaxOpenFiles = 512;
constexpr int kTries = 5;  // to open a snapshot
constexpr std::chrono::milliseconds kPause(200);

// A database that fails is opened again in any case.
class NoRecovery : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

rocksdb::Options OptionsOf(rocksdb::Env* env) {
  rocksdb::Options options;
  options.env = env;
  options.create_if_missing = true;
  options.info_log = std::make_shared<NoLog>();
  options.write_buffer_size = 32 << 20;
  options.max_open_files = kMaxOpenFiles;
  options.compression = rocksdb::kNoCompression;
  // The list of files, which has their first and last keys, is written anew with every change of it:
  // what was deleted is then in no older part of it.
  options.max_manifest_file_size = 1;
  options.listeners.push_back(std::make_shared<NoRecovery>());
  // Most ids that are looked up are new, and most users that are looked up have no state: a filter
  // finds that without reading the files.
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  table.cache_index_and_filter_blocks = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

std::unexpected<Error> FromRocks(const rocksdb::Status& status, std::string_view doing) {
  const std::string text = fmt::format("store: {}: {}", doing, status.ToString());
  if (status.IsNoSpace()) return ResourceExhausted("{}; free some disk space", text);
  if (status.IsCorruption()) return DataLoss("{}", text);
  if (text.find("File too large") != std::string::npos) return ResourceExhausted("{}", text);
  return Unavailable("{}", text);
}

RocksDb::RocksDb(std::function<void()> on_failure)
    : files_(std::make_shared<FreezingFileSystem>(std::move(on_failure))),
      env_(rocksdb::NewCompositeEnv(files_)) {}

Result<std::unique_ptr<RocksDb>> RocksDb::Open(const std::filesystem::path& directory,
                                               std::function<void()> on_failure) {
  std::unique_ptr<RocksDb> out(new RocksDb(std::move(on_failure)));
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened =
      rocksdb::DB::Open(OptionsOf(out->env_.get()), directory.string(), &db);
  out->db_.reset(db);
  // What failed first says more than what it led to.
  if (out->files_->frozen()) {
    return FromRocks(out->files_->failure(), fmt::format("open {}", directory.string()));
  }
  if (!opened.ok()) return FromRocks(opened, fmt::format("open {}", directory.string()));
  return out;
}

// The server removes files that it has merged into others. All files are opened at once, so that
// they stay readable; that one goes before it is opened is rare, and then the next try finds the new.
Result<std::unique_ptr<RocksDb>> RocksDb::OpenSnapshot(const std::filesystem::path& directory) {
  std::unique_ptr<RocksDb> out(new RocksDb([] {}));
  rocksdb::Options options;
  options.max_open_files = -1;
  options.info_log = std::make_shared<NoLog>();
  for (int left = kTries;; std::this_thread::sleep_for(kPause)) {
    rocksdb::DB* db = nullptr;
    // The second folder would hold a log file, which is off.
    const rocksdb::Status opened =
        rocksdb::DB::OpenAsSecondary(options, directory.string(), directory.string(), &db);
    out->db_.reset(db);
    if (opened.ok()) return out;
    if (--left == 0) return FromRocks(opened, fmt::format("read {}", directory.string()));
  }
}

Status RocksDb::Write(rocksdb::WriteBatch* batch, bool waits) {
  UPNEXT_RETURN_IF_ERROR(failure());
  rocksdb::WriteOptions options;
  options.sync = waits;
  // An error that no write of ours has had is that of RocksDB's own work, such as a compaction.
  if (const rocksdb::Status written = db_->Write(options, batch); !written.ok()) {
    files_->Freeze(written);
  }
  return failure();
}

Status RocksDb::failure() const {
  if (!files_->frozen()) return Ok();
  return FromRocks(files_->failure(), "write");
}

Result<std::optional<std::string>> RocksDb::Get(const std::string& key) const {
  std::string value;
  const rocksdb::Status s = db_->Get(rocksdb::ReadOptions(), key, &value);
  if (s.IsNotFound()) return std::optional<std::string>();
  if (!s.ok()) return FromRocks(s, "read");
  return std::optional<std::string>(std::move(value));
}

Result<uint64_t> RocksDb::Number(const std::string& key) const {
  UPNEXT_ASSIGN_OR_RETURN(const auto value, Get(key));
  if (!value) return uint64_t{0};
  const auto number = TakeBigEndian(*value);
  if (!number) return DataLoss("store: {} is not a number", key);
  return *number;
}

Result<std::vector<bool>> RocksDb::Has(std::span<const std::string_view> keys) const {
  std::vector<rocksdb::Slice> slices(keys.begin(), keys.end());
  std::vector<rocksdb::PinnableSlice> values(keys.size());
  std::vector<rocksdb::Status> statuses(keys.size());
  db_->MultiGet(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), keys.size(), slices.data(),
                values.data(), statuses.data());
  std::vector<bool> found;
  for (const rocksdb::Status& s : statuses) {
    if (!s.ok() && !s.IsNotFound()) return FromRocks(s, "read");
    found.push_back(s.ok());
  }
  return found;
}

Result<std::optional<std::string>> RocksDb::FirstKey(const std::string& prefix,
                                                     const std::string& from) const {
  const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
  it->Seek(from);
  if (!it->status().ok()) return FromRocks(it->status(), "scan");
  if (!it->Valid() || !it->key().starts_with(prefix)) return std::optional<std::string>();
  return std::optional(it->key().ToString());
}

Status RocksDb::Purge(std::span<const std::pair<std::string, std::string>> ranges) const {
  if (const rocksdb::Status s = db_->Flush(rocksdb::FlushOptions()); !s.ok()) {
    return FromRocks(s, "flush");
  }
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  options.exclusive_manual_compaction = false;
  for (const auto& [begin, end] : ranges) {
    const rocksdb::Slice first(begin), last(end);
    if (const rocksdb::Status s = db_->CompactRange(options, &first, &last); !s.ok()) {
      return FromRocks(s, "compact");
    }
  }
  return Ok();
}

uint64_t RocksDb::memory_bytes() const {
  uint64_t sum = 0, part = 0;
  for (const std::string& property :
       {rocksdb::DB::Properties::kBlockCacheUsage, rocksdb::DB::Properties::kSizeAllMemTables}) {
    if (db_->GetIntProperty(property, &part)) sum += part;
  }
  return sum;
}

Status RocksDb::Checkpoint(const std::filesystem::path& folder) const {
  UPNEXT_RETURN_IF_ERROR(failure());
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status s = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (s.ok()) s = checkpoint->CreateCheckpoint(folder.string());
  if (!s.ok()) return FromRocks(s, "checkpoint");
  // A write that failed meanwhile is reported by the file system alone.
  return failure();
}

}  // namespace upnext::store
