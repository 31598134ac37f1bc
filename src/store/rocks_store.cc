// RocksDB behind store::Store. Keys, in order of their first byte (docs/formats/store.md):
//   d USER ID     an event id that was seen            e USER SEQUENCE   an event
//   m NAME        state tag, next sequence, counts    n INDEX           an added name
//   s USER        a user state
// USER within a longer key is written as its length (u32, big-endian) and its bytes, so that no
// user is a prefix of another; numbers are big-endian, so that order of keys is order of arrival.
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>

#include <cstdarg>
#include <memory>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/lock_file.h"
#include "base/mutex.h"
#include "schema/raw_event.h"
#include "store/event_codec.h"
#include "store/store.h"

namespace upnext::store {
namespace {

constexpr char kTagKey[] = "m/tag", kSequenceKey[] = "m/sequence", kNamesKey[] = "m/names";

std::string BigEndian(uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift & 0xff));
  }
  return out;
}

std::string UserPrefix(char kind, std::string_view user) {
  std::string key(1, kind);
  key += BigEndian(user.size(), 4);
  key += user;
  return key;
}

std::unexpected<Error> FromRocks(const rocksdb::Status& status, std::string_view doing) {
  const std::string text = fmt::format("store: {}: {}", doing, status.ToString());
  if (status.IsNoSpace()) return ResourceExhausted("{}; free some disk space", text);
  if (status.IsCorruption()) return DataLoss("{}", text);
  if (text.find("File too large") != std::string::npos) return ResourceExhausted("{}", text);
  return Unavailable("{}", text);
}

// RocksDB would try by itself to go on after a full disk, which ends as ~RocksStore says.
class NoRecovery : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

// In place of RocksDB's own log file, which aborts the process in the same way once the disk is
// full. What goes wrong comes back as a status all the same.
class NoLog : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

class RocksStore : public Store {
 public:
  RocksStore(base::LockFile lock, std::unique_ptr<rocksdb::DB> db)
      : lock_(std::move(lock)), db_(std::move(db)) {}

  // RocksDB aborts the process when it closes a log file that a write to has failed. Such a
  // database is left to the end of the process instead; what was acknowledged is on disk.
  ~RocksStore() override {
    // Reachable to the very end, so no leak.
    static auto& abandoned = *new std::vector<rocksdb::DB*>();
    if (!broken_.ok()) abandoned.push_back(db_.release());
  }

  Status Load() {
    base::MutexLock lock(mutex_);
    UPNEXT_ASSIGN_OR_RETURN(sequence_, Number(kSequenceKey));
    UPNEXT_ASSIGN_OR_RETURN(names_, Number(kNamesKey));
    return Ok();
  }

  Status Commit(const WriteBatch& batch) override {
    base::MutexLock lock(mutex_);
    if (!broken_.ok()) {
      return FromRocks(broken_, "an earlier write failed; make room and restart the server");
    }
    rocksdb::WriteBatch out;
    uint64_t sequence = sequence_, names = names_;
    for (const WriteBatch::NewEvent& e : batch.events) {
      out.Put(UserPrefix('e', e.event.user) + BigEndian(sequence++, 8), EncodeEvent(e.event));
      if (!e.id.empty()) out.Put(UserPrefix('d', e.event.user) + e.id, "");
    }
    for (const WriteBatch::State& state : batch.states)
      out.Put(std::string("s").append(state.user), state.bytes);
    for (const WriteBatch::Name& name : batch.names) {
      out.Put(std::string("n").append(BigEndian(names++, 8)),
              std::string(1, static_cast<char>(name.space)) + name.name);
    }
    out.Put(kSequenceKey, BigEndian(sequence, 8));
    out.Put(kNamesKey, BigEndian(names, 8));
    rocksdb::WriteOptions options;
    options.sync = true;  // acknowledged means on disk
    broken_ = db_->Write(options, &out);
    if (!broken_.ok()) return FromRocks(broken_, "write");
    sequence_ = sequence;
    names_ = names;
    return Ok();
  }

  Result<bool> HasEvent(std::string_view user, std::string_view id) const override {
    UPNEXT_ASSIGN_OR_RETURN(const auto value, Get(UserPrefix('d', user).append(id)));
    return value.has_value();
  }

  Result<std::optional<std::string>> State(std::string_view user) const override {
    return Get(std::string("s").append(user));
  }

  Status EventsOf(std::string_view user,
                  const std::function<void(const schema::RawEvent&)>& visit) const override {
    return VisitEvents(UserPrefix('e', user), visit);
  }

  Status AllEvents(const std::function<void(const schema::RawEvent&)>& visit) const override {
    return VisitEvents("e", visit);
  }

  Status Names(const std::function<void(schema::IdSpace, std::string_view)>& visit) const override {
    return Visit("n", [&](std::string_view value) -> Status {
      const auto space = value.empty() ? schema::kIdSpaces : static_cast<unsigned char>(value[0]);
      if (space >= schema::kIdSpaces) return DataLoss("store: a stored name has no id space");
      visit(static_cast<schema::IdSpace>(space), value.substr(1));
      return Ok();
    });
  }

  uint64_t events() const override {
    base::MutexLock lock(mutex_);
    return sequence_;
  }

  Result<uint64_t> StateTag() const override { return Number(kTagKey); }

  Status ResetFor(uint64_t tag) override {
    base::MutexLock lock(mutex_);
    rocksdb::WriteBatch out;
    out.DeleteRange("n", "o");
    out.DeleteRange("s", "t");
    out.Put(kNamesKey, BigEndian(0, 8));
    out.Put(kTagKey, BigEndian(tag, 8));
    rocksdb::WriteOptions options;
    options.sync = true;
    broken_ = db_->Write(options, &out);
    if (!broken_.ok()) return FromRocks(broken_, "reset");
    names_ = 0;
    return Ok();
  }

 private:
  Result<std::optional<std::string>> Get(const std::string& key) const {
    std::string value;
    const rocksdb::Status s = db_->Get(rocksdb::ReadOptions(), key, &value);
    if (s.IsNotFound()) return std::optional<std::string>();
    if (!s.ok()) return FromRocks(s, "read");
    return std::optional<std::string>(std::move(value));
  }

  Result<uint64_t> Number(const std::string& key) const {  // 0 when absent
    UPNEXT_ASSIGN_OR_RETURN(const auto value, Get(key));
    if (!value) return uint64_t{0};
    if (value->size() != 8) return DataLoss("store: {} is not a number", key);
    uint64_t number = 0;
    for (const char c : *value) number = number << 8 | static_cast<unsigned char>(c);
    return number;
  }

  template <typename F>
  Status Visit(const std::string& prefix, F&& on_value) const {
    std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    for (it->Seek(prefix); it->Valid() && it->key().starts_with(prefix); it->Next()) {
      UPNEXT_RETURN_IF_ERROR(on_value(std::string_view(it->value().data(), it->value().size())));
    }
    if (!it->status().ok()) return FromRocks(it->status(), "scan");
    return Ok();
  }

  Status VisitEvents(const std::string& prefix,
                     const std::function<void(const schema::RawEvent&)>& visit) const {
    return Visit(prefix, [&](std::string_view value) -> Status {
      UPNEXT_ASSIGN_OR_RETURN(const schema::RawEvent event, DecodeEvent(value));
      visit(event);
      return Ok();
    });
  }

  const base::LockFile lock_;
  std::unique_ptr<rocksdb::DB> db_;
  mutable base::Mutex mutex_;
  rocksdb::Status broken_;  // of the first write that failed; none is tried after it
  uint64_t sequence_ UPNEXT_GUARDED_BY(mutex_) = 0, names_ UPNEXT_GUARDED_BY(mutex_) = 0;
};

}  // namespace

Result<std::unique_ptr<Store>> OpenRocksStore(const std::filesystem::path& directory) {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(directory));
  // RocksDB's own lock does not say who holds it.
  Result<base::LockFile> lock = base::LockFile::Acquire(directory / "holder");
  if (!lock) {
    return WithContext(std::move(lock).error(),
                       "store: a server has it; stop that one, or use its HTTP interface");
  }
  rocksdb::Options options;
  options.create_if_missing = true;
  options.info_log = std::make_shared<NoLog>();
  options.write_buffer_size = 32 << 20;
  options.compression = rocksdb::kNoCompression;
  options.listeners.push_back(std::make_shared<NoRecovery>());
  rocksdb::DB* db = nullptr;
  if (rocksdb::Status s = rocksdb::DB::Open(options, directory.string(), &db); !s.ok()) {
    return FromRocks(s, fmt::format("open {}", directory.string()));
  }
  auto store = std::make_unique<RocksStore>(*std::move(lock), std::unique_ptr<rocksdb::DB>(db));
  UPNEXT_RETURN_IF_ERROR(store->Load());
  return store;
}

}  // namespace upnext::store
