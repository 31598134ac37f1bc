// RocksDB behind store::Store; the keys are in rocks_keys.h.
#include <rocksdb/write_batch.h>

#include <atomic>
#include <limits>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/lock_file.h"
#include "base/mutex.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "store/event_codec.h"
#include "store/rocks_db.h"
#include "store/rocks_keys.h"
#include "store/rocks_names.h"
#include "store/store.h"

namespace upnext::store {
namespace {

constexpr uint64_t kFormat = kStoreFormat;

// Not 0, which means none.
uint64_t RandomId() {
  std::random_device random;
  return uint64_t{random()} << 32 | random() | 1;
}

class RocksStore : public Store {
 public:
  RocksStore(base::LockFile lock, std::unique_ptr<rocksdb::DB> db, const schema::Schema& schema)
      : lock_(std::move(lock)), schema_(schema), db_(std::move(db)), names_(*db_) {}

  // RocksDB aborts the process when it closes a log file that a write to has failed. Such a
  // database is left to the end of the process instead; what was acknowledged is on disk.
  ~RocksStore() override {
    // Reachable to the very end, so no leak.
    static auto& abandoned = *new std::vector<rocksdb::DB*>();
    if (!broken_.ok()) abandoned.push_back(db_.release());
  }

  Status Load(const std::filesystem::path& directory) {
    UPNEXT_ASSIGN_OR_RETURN(const uint64_t format, Number(kFormatKey));
    if (format != kFormat) UPNEXT_RETURN_IF_ERROR(BeginFormat(directory, format));
    UPNEXT_ASSIGN_OR_RETURN(id_, Number(kStoreKey));
    UPNEXT_ASSIGN_OR_RETURN(sequence_, Number(kSequenceKey));
    return Ok();
  }

  Result<uint64_t> Commit(const WriteBatch& batch) override {
    rocksdb::WriteBatch out;
    const uint64_t first = sequence_.fetch_add(batch.events.size()) + 1;
    uint64_t next = first;
    for (const WriteBatch::NewEvent& e : batch.events) {
      out.Put(UserPrefix('e', e.event->user) + BigEndian(next++),
              EncodeEvent(schema_, *e.event, e.id));
      if (!e.id.empty()) out.Put(UserPrefix('d', e.event->user).append(e.id), "");
    }
    if (!batch.events.empty()) out.Merge(kSequenceKey, BigEndian(next - 1));
    for (const WriteBatch::NewState& s : batch.states) {
      out.Put(TagPrefix('s', s.tag).append(s.user), BigEndian(s.state.through) + s.state.bytes);
    }
    const RocksNames::Waiting names = names_.waiting();
    for (const auto& [key, id] : names) out.Put(key, BigEndian(id, 4));
    UPNEXT_RETURN_IF_ERROR(Write(&out));
    names_.SetWritten(names);
    return first;
  }

  Result<std::vector<uint32_t>> Intern(const Numbering& numbering, schema::IdSpace space,
                                       std::span<const std::string_view> names) override {
    return names_.Intern(numbering, space, names);
  }

  Status Names(const Numbering& numbering, const RocksNames::Visitor& visit) const override {
    return names_.Visit(numbering, visit);
  }

  Result<bool> HasEvent(std::string_view user, std::string_view id) const override {
    UPNEXT_ASSIGN_OR_RETURN(const auto value, GetValue(*db_, UserPrefix('d', user).append(id)));
    return value.has_value();
  }

  Result<std::optional<SavedState>> State(uint64_t tag, std::string_view user) const override {
    UPNEXT_ASSIGN_OR_RETURN(auto value, GetValue(*db_, TagPrefix('s', tag).append(user)));
    if (!value) return std::optional<SavedState>();
    const auto through = TakeBigEndian(*value);
    if (!through) return DataLoss("store: a saved state of {} bytes is cut short", value->size());
    return std::optional(SavedState{*through, value->substr(8)});
  }

  Status EventsOf(
      std::string_view user, uint64_t after,
      const std::function<void(uint64_t, const schema::RawEvent&)>& visit) const override {
    if (after == std::numeric_limits<uint64_t>::max()) return Ok();
    const std::string prefix = UserPrefix('e', user);
    return VisitPrefix(*db_, prefix, prefix + BigEndian(after + 1),
                       [&](std::string_view key, std::string_view value) -> Status {
                         const auto sequence = TakeBigEndian(key.substr(prefix.size()));
                         if (!sequence) return DataLoss("store: an event has no sequence number");
                         UPNEXT_ASSIGN_OR_RETURN(const auto event, DecodeEvent(schema_, value));
                         if (event) visit(*sequence, *event);
                         return Ok();
                       });
  }

  Status AllEvents(const std::function<void(const schema::RawEvent&)>& visit) const override {
    return VisitPrefix(*db_, "e", "e", [&](std::string_view, std::string_view value) -> Status {
      UPNEXT_ASSIGN_OR_RETURN(const auto event, DecodeEvent(schema_, value));
      if (event) visit(*event);
      return Ok();
    });
  }

  uint64_t id() const override { return id_; }
  uint64_t last_sequence() const override { return sequence_; }

  Status DropOthers(uint64_t log, uint64_t state_tag) override {
    rocksdb::WriteBatch out;
    for (const auto& [kind, tag] : {std::pair('n', log), std::pair('s', state_tag)}) {
      const auto end = std::string(1, static_cast<char>(kind + 1));
      out.DeleteRange(std::string(1, kind), TagPrefix(kind, tag));
      if (tag != std::numeric_limits<uint64_t>::max()) {
        out.DeleteRange(TagPrefix(kind, tag + 1), end);
      }
    }
    UPNEXT_RETURN_IF_ERROR(Write(&out));
    names_.KeepOnly(log);
    return Ok();
  }

 private:
  // A new store is marked with the format; one that was written in another is refused.
  Status BeginFormat(const std::filesystem::path& directory, uint64_t found) {
    const std::unique_ptr<rocksdb::Iterator> it(db_->NewIterator(rocksdb::ReadOptions()));
    it->SeekToFirst();
    if (it->Valid()) {
      return FailedPrecondition(
          "{}: expected a store of format {}, found {}; move the folder away, so that a new one is "
          "made: states are folded from the log again, but events that were posted and not imported "
          "stay behind",
          directory.string(), kFormat, found == 0 ? "an older one" : fmt::format("{}", found));
    }
    if (!it->status().ok()) return FromRocks(it->status(), "scan");
    rocksdb::WriteBatch out;
    out.Put(kFormatKey, BigEndian(kFormat));
    out.Put(kStoreKey, BigEndian(RandomId()));
    return Write(&out);
  }

  // Acknowledged means on disk. Calls that come while RocksDB writes wait for it and share the next
  // write: the first of them writes for all.
  Status Write(rocksdb::WriteBatch* batch) {
    {
      base::MutexLock lock(mutex_);
      if (!broken_.ok()) {
        return FromRocks(broken_, "an earlier write failed; make room and restart the server");
      }
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status written = db_->Write(options, batch);
    if (written.ok()) return Ok();
    base::MutexLock lock(mutex_);
    broken_ = written;
    return FromRocks(written, "write");
  }

  Result<uint64_t> Number(const std::string& key) const {  // 0 when absent
    UPNEXT_ASSIGN_OR_RETURN(const auto value, GetValue(*db_, key));
    if (!value) return uint64_t{0};
    const auto number = TakeBigEndian(*value);
    if (!number) return DataLoss("store: {} is not a number", key);
    return *number;
  }

  const base::LockFile lock_;
  const schema::Schema schema_;
  std::unique_ptr<rocksdb::DB> db_;
  RocksNames names_;
  uint64_t id_ = 0;
  std::atomic<uint64_t> sequence_{0};  // the largest that was given to an event
  base::Mutex mutex_;
  rocksdb::Status broken_ UPNEXT_GUARDED_BY(mutex_);  // the first write that failed; the last tried
};

}  // namespace

Result<std::unique_ptr<Store>> OpenRocksStore(const std::filesystem::path& directory,
                                              const schema::Schema& schema) {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(directory));
  // RocksDB's own lock does not name its holder.
  Result<base::LockFile> lock = base::LockFile::Acquire(directory / "holder");
  if (!lock) {
    return WithContext(std::move(lock).error(),
                       "store: a server has it; stop that one, or use its HTTP interface");
  }
  UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<rocksdb::DB> db, OpenRocksDb(directory));
  auto store = std::make_unique<RocksStore>(*std::move(lock), std::move(db), schema);
  UPNEXT_RETURN_IF_ERROR(store->Load(directory));
  return store;
}

}  // namespace upnext::store
