// RocksDB behind store::Store; the keys are in rocks_keys.h.
#include <algorithm>
#include <atomic>
#include <limits>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/checksum.h"
#include "base/file.h"
#include "base/lock_file.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "store/commit_queue.h"
#include "store/event_codec.h"
#include "store/pending_commit.h"
#include "store/reopening_db.h"
#include "store/rocks_forget.h"
#include "store/rocks_format.h"
#include "store/rocks_keys.h"
#include "store/rocks_merge.h"
#include "store/rocks_names.h"
#include "store/rocks_records.h"
#include "store/rocks_slates.h"
#include "store/rocks_watches.h"
#include "store/store.h"

namespace upnext::store {
namespace {

constexpr size_t kChangeSlots = 1 << 16;
class RocksStore : public Store {
 public:
  RocksStore(base::LockFile lock, const schema::Schema& schema)
      : lock_(std::move(lock)), schema_(schema), changes_(kChangeSlots) {}

  Status Open(const std::filesystem::path& directory) {
    UPNEXT_ASSIGN_OR_RETURN(db_, ReopeningDb::Open(directory, [this, directory](RocksDb& db) {
                              return Load(db, directory);
                            }));
    return Ok();
  }

  Result<Committed> Commit(const WriteBatch& batch) override {
    PendingCommit pending{.batch = &batch};
    for (const WriteBatch::NewEvent& e : batch.events) {
      const std::string& user = e.event->user;
      pending.events.push_back(
          {.key = UserPrefix('e', user),
           .id_key = e.id.empty() ? std::string() : UserPrefix('d', user).append(e.id),
           .bytes = EncodeEvent(schema_, *e.event, e.id),
           .slot = SlotOf(user)});
    }
    queue_.Run(&pending, [this](std::span<PendingCommit* const> group) { CommitGroup(group); });
    UPNEXT_RETURN_IF_ERROR(pending.status);
    return std::move(pending.committed);
  }

  WriteHealth health() const override { return db_->health(); }
  uint64_t memory_bytes() const override { return db_->get()->memory_bytes(); }

  Status Checkpoint(const std::filesystem::path& folder) const override {
    return db_->get()->Checkpoint(folder);
  }

  Result<std::vector<uint32_t>> Intern(const Numbering& numbering, schema::IdSpace space,
                                       std::span<const std::string_view> names) override {
    return names_.Intern(*db_->get(), numbering, space, names);
  }

  Status Names(const Numbering& numbering, const RocksNames::Visitor& visit) const override {
    return names_.Visit(*db_->get(), numbering, visit);
  }

  uint64_t Changes(std::string_view user) const override {
    return changes_[SlotOf(user)].load(std::memory_order_acquire) +
           opened_.load(std::memory_order_acquire);
  }

  Result<std::optional<SavedState>> State(uint64_t tag, std::string_view user) const override {
    UPNEXT_ASSIGN_OR_RETURN(auto value, db_->get()->Get(TagPrefix('s', tag).append(user)));
    if (!value) return std::optional<SavedState>();
    const auto through = TakeBigEndian(*value);
    if (!through) return DataLoss("store: a saved state of {} bytes is cut short", value->size());
    return std::optional(SavedState{*through, value->substr(8)});
  }

  Status EventsOf(
      std::string_view user, uint64_t after,
      const std::function<Status(uint64_t, const schema::RawEvent&)>& visit) const override {
    if (after == std::numeric_limits<uint64_t>::max()) return Ok();
    const std::string prefix = UserPrefix('e', user);
    return VisitEvents(prefix, prefix + BigEndian(after + 1), visit);
  }

  Status AllEvents(const std::function<void(const schema::RawEvent&)>& visit) const override {
    return VisitEvents("e", "e", [&](uint64_t, const schema::RawEvent& event) {
      visit(event);
      return Ok();
    });
  }

  Status Records(schema::Entity entity, std::string_view after,
                 const std::function<Status(const Record&)>& visit) const override {
    return VisitRecords(*db_->get(), schema_, entity, after, visit);
  }

  Result<std::optional<Record>> RecordOf(schema::Entity entity,
                                         std::string_view name) const override {
    return FindRecord(*db_->get(), schema_, entity, name);
  }

  Status OpenWatchesOf(std::string_view user,
                       const std::function<Status(const schema::RawEvent&)>& visit) const override {
    if (!watches_go_on_) return Ok();
    return VisitOpenWatches(*db_->get(), schema_, user, last_sequence(), visit);
  }

  Result<std::vector<schema::RawEvent>> CloseWatches(int64_t before_ms) override {
    std::vector<schema::RawEvent> closed;
    if (!watches_go_on_) return closed;
    const Status written = db_->Change([&](RocksDb& db) -> Status {
      rocksdb::WriteBatch out;
      uint64_t next = last_sequence() + 1;
      UPNEXT_RETURN_IF_ERROR(EndRested(db, schema_, before_ms, &next, &out, &closed));
      if (out.Count() == 0) return Ok();
      out.Put(kSequenceKey, BigEndian(next - 1));
      UPNEXT_RETURN_IF_ERROR(db.Write(&out));
      sequence_.store(next - 1, std::memory_order_release);
      return Ok();
    });
    UPNEXT_RETURN_IF_ERROR(written);
    for (const schema::RawEvent& event : closed) ++changes_[SlotOf(event.user)];
    return closed;
  }

  Result<std::optional<StoredSlate>> SlateOf(uint64_t request) const override {
    return FindSlate(*db_->get(), request);
  }

  Status SlatesOf(std::string_view user, const SlateVisitor& visit) const override {
    return VisitSlatesOf(*db_->get(), user, last_sequence(), visit);
  }

  Status DropSlatesBefore(int64_t time_ms) override {
    return store::DropSlatesBefore(*db_, time_ms, last_sequence());
  }

  uint64_t id() const override { return id_.load(std::memory_order_relaxed); }
  uint64_t last_sequence() const override { return sequence_.load(std::memory_order_acquire); }

  Status ContinueAfter(uint64_t sequence) override {
    return db_->Change([&](RocksDb& db) -> Status {
      if (sequence <= sequence_.load(std::memory_order_relaxed)) return Ok();
      rocksdb::WriteBatch out;
      out.Put(kSequenceKey, BigEndian(sequence));
      UPNEXT_RETURN_IF_ERROR(db.Write(&out));
      sequence_.store(sequence, std::memory_order_release);
      return Ok();
    });
  }

  Status Forget(std::string_view user, std::vector<std::string>* words) override {
    RocksNames::Queries queries;
    Forgetting done;
    const auto try_once = [&](uint64_t read, bool last_try) {
      return db_->Change([&, read, last_try](RocksDb& db) -> Status {
        const std::string prefix = UserPrefix('e', user);
        UPNEXT_ASSIGN_OR_RETURN(const auto newer,
                                db.FirstKey(prefix, prefix + BigEndian(read + 1)));
        if (newer && !last_try) return Ok();  // which may have queries too
        if (newer) {
          UPNEXT_ASSIGN_OR_RETURN(queries, QueriesOfNobodyBut(user));
        }
        rocksdb::WriteBatch out;
        UPNEXT_ASSIGN_OR_RETURN(done, AddForget(db, names_, user, queries, last_sequence(), &out));
        UPNEXT_RETURN_IF_ERROR(db.Write(&out));
        names_.SetWritten(done.names);
        sequence_.store(done.sequence, std::memory_order_release);
        return Ok();
      });
    };
    for (int left = 2; done.sequence == 0; --left) {
      const uint64_t read = last_sequence();
      UPNEXT_ASSIGN_OR_RETURN(queries, QueriesOfNobodyBut(user));  // while others write
      UPNEXT_RETURN_IF_ERROR(try_once(read, left == 0));
    }
    for (const auto& [text, keys] : queries) words->push_back(text);
    changes_[SlotOf(user)].fetch_add(1, std::memory_order_release);
    return TakeFromFiles(done.ranges);
  }

  Result<uint64_t> ForgottenAt(std::string_view user) const override {
    return db_->get()->Number(DeletionKey(user));
  }
  Status Deletions(const DeletionVisitor& visit) const override {
    return VisitDeletions(*db_->get(), visit);
  }
  Result<uint64_t> Merge(std::string_view from, std::string_view to) override {
    uint64_t events = 0;
    const Status done = db_->Change([&](RocksDb& db) -> Status {
      rocksdb::WriteBatch out;
      UPNEXT_ASSIGN_OR_RETURN(
          const store::Merge merge,
          AddMerge(db, names_, from, to, sequence_.load(std::memory_order_relaxed), &out));
      if (out.Count() > 0) UPNEXT_RETURN_IF_ERROR(db.Write(&out));
      names_.SetWritten(merge.names);
      sequence_.store(merge.last, std::memory_order_release);
      events = merge.events;
      return Ok();
    });
    UPNEXT_RETURN_IF_ERROR(done);
    for (const auto user : {from, to}) changes_[SlotOf(user)].fetch_add(1);
    return events;
  }

  Result<uint64_t> MergedAt(std::string_view user) const override {
    UPNEXT_ASSIGN_OR_RETURN(const MergedUsers merged, ReadMerged(*db_->get(), user));
    return merged.last;
  }

  Status DropOthers(uint64_t log, uint64_t state_tag) override {
    KeyRanges ranges;
    for (const auto& [kind, tag] :
         {std::pair('n', log), std::pair('x', log), std::pair('s', state_tag)}) {
      ranges.emplace_back(std::string(1, kind), TagPrefix(kind, tag));
      if (tag == std::numeric_limits<uint64_t>::max()) continue;
      ranges.emplace_back(TagPrefix(kind, tag + 1), std::string(1, static_cast<char>(kind + 1)));
    }
    UPNEXT_RETURN_IF_ERROR(DeleteRanges(std::move(ranges)));
    names_.KeepOnly(log);
    return Ok();
  }

  Status DropNamesAbove(uint64_t most, uint64_t log) override {
    UPNEXT_ASSIGN_OR_RETURN(const uint64_t ids, RocksNames::Count(*db_->get(), log));
    return ids <= most ? Ok() : DeleteRanges({{"n", "o"}, {"x", "y"}, {"s", "t"}});
  }

 private:
  // Also from the files: names are words of searches, and keys of states are users, which nobody would
  // look for there when one is forgotten.
  Status DeleteRanges(KeyRanges ranges) {
    Status read = Ok();
    std::erase_if(ranges, [&](const auto& range) {
      const auto first = db_->get()->FirstKey(range.first.substr(0, 1), range.first);
      if (!first) read = std::unexpected(first.error());
      return !first || !*first || **first >= range.second;  // empty
    });
    if (!read || ranges.empty()) return read;
    UPNEXT_RETURN_IF_ERROR(db_->Change([&](RocksDb& db) {
      rocksdb::WriteBatch out;
      for (const auto& [begin, end] : ranges) out.DeleteRange(begin, end);
      return db.Write(&out);
    }));
    return TakeFromFiles(ranges);
  }

  // What was deleted from these ranges.
  Status TakeFromFiles(const KeyRanges& ranges) {
    UPNEXT_RETURN_IF_ERROR(db_->get()->Purge(ranges));
    // One more change, so that the list of files is written anew without those that were merged.
    UPNEXT_RETURN_IF_ERROR(db_->Change([](RocksDb& db) {
      rocksdb::WriteBatch out;
      out.Put(kFormatKey, BigEndian(kStoreFormat));
      return db.Write(&out);
    }));
    return db_->get()->Purge({});
  }

  // Those that have an id although no event of another user has them; none when this one has no
  // event.
  Result<RocksNames::Queries> QueriesOfNobodyBut(std::string_view user) const {
    const std::string prefix = UserPrefix('e', user);
    UPNEXT_ASSIGN_OR_RETURN(const auto event_key, db_->get()->FirstKey(prefix, prefix));
    if (!event_key) return RocksNames::Queries();
    UPNEXT_ASSIGN_OR_RETURN(RocksNames::Queries queries, names_.QueryTexts(*db_->get()));
    if (queries.empty()) return queries;
    UPNEXT_RETURN_IF_ERROR(VisitEvents("e", "e", [&](uint64_t, const schema::RawEvent& event) {
      if (event.user != user) queries.erase(event.query);
      return Ok();
    }));
    return queries;
  }

  static size_t SlotOf(std::string_view user) { return base::Fingerprint(user) % kChangeSlots; }

  // Of a database that was opened, at the start or again: events of a failed write may be there.
  Status Load(RocksDb& db, const std::filesystem::path& directory) {
    UPNEXT_ASSIGN_OR_RETURN(const uint64_t format, db.Number(kFormatKey));
    if (format != kStoreFormat) UPNEXT_RETURN_IF_ERROR(BeginFormat(db, directory, format));
    UPNEXT_ASSIGN_OR_RETURN(const uint64_t sequence, db.Number(kSequenceKey));
    UPNEXT_ASSIGN_OR_RETURN(id_, db.Number(kStoreKey));
    UPNEXT_ASSIGN_OR_RETURN(const auto watch, db.FirstKey("w", "w"));
    if (watch) watches_go_on_ = true;
    sequence_.store(sequence, std::memory_order_release);
    opened_.fetch_add(1, std::memory_order_release);
    return Ok();
  }

  // Numbers the new events of a group, in order; `next` is the first number.
  Status AddEvents(RocksDb& db, std::span<PendingCommit* const> group,
                   const std::vector<bool>& seen, DeletionTimes* deletions, uint64_t* next,
                   rocksdb::WriteBatch* out) {
    OpenWatches watches(db, schema_);
    std::unordered_set<std::string_view> ids;
    size_t id = 0;
    for (PendingCommit* pending : group) {
      pending->committed.first = *next;
      for (size_t i = 0; i < pending->events.size(); ++i) {
        const PendingCommit::Event& event = pending->events[i];
        const WriteBatch::NewEvent& posted = pending->batch->events[i];
        if (posted.progress) {  // has an id
          if (seen[id++] || ids.contains(event.id_key)) continue;
          watches_go_on_ = true;
          UPNEXT_ASSIGN_OR_RETURN(const bool later,
                                  watches.Put(*posted.event, posted.id, event.bytes, next, out));
          if (later) pending->committed.accepted.push_back(i);
          continue;
        }
        if (!event.id_key.empty()) {
          if (seen[id++] || !ids.insert(event.id_key).second) continue;
          out->Put(event.id_key, "");
          if (watches_go_on_) watches.End(posted.event->user, posted.id, out);
        }
        UPNEXT_ASSIGN_OR_RETURN(const bool gone,
                                deletions->After(posted.since, posted.event->user));
        if (gone) continue;
        out->Put(event.key + BigEndian((*next)++), event.bytes);
        pending->committed.accepted.push_back(i);
      }
    }
    return Ok();
  }

  static Status AddSlates(PendingCommit* pending, DeletionTimes* deletions, uint64_t* next,
                          rocksdb::WriteBatch* out) {
    const std::vector<WriteBatch::NewSlate>& slates = pending->batch->slates;
    for (size_t i = 0; i < slates.size(); ++i) {
      UPNEXT_ASSIGN_OR_RETURN(const bool gone,
                              deletions->After(slates[i].since, slates[i].slate.user));
      if (gone) continue;
      PutSlate(slates[i].slate, (*next)++, out);
      pending->committed.slates.push_back(i);
    }
    return Ok();
  }

  Status WriteGroup(RocksDb& db, std::span<PendingCommit* const> group) {
    UPNEXT_ASSIGN_OR_RETURN(const std::vector<bool> seen, SeenBefore(db, group));
    rocksdb::WriteBatch out;
    const uint64_t last = sequence_.load(std::memory_order_relaxed);
    uint64_t next = last + 1;
    DeletionTimes deletions(db);
    UPNEXT_RETURN_IF_ERROR(AddEvents(db, group, seen, &deletions, &next, &out));
    RecordChanges records(db, schema_);
    for (PendingCommit* pending : group) {
      UPNEXT_RETURN_IF_ERROR(
          records.Add(pending->batch->records, &next, &out, &pending->committed.records));
    }
    bool waits = false;
    for (PendingCommit* pending : group) {
      waits |= pending->batch->waits;
      UPNEXT_RETURN_IF_ERROR(AddSlates(pending, &deletions, &next, &out));
    }
    if (next > last + 1) out.Put(kSequenceKey, BigEndian(next - 1));
    for (const PendingCommit* pending : group) {
      for (const WriteBatch::NewState& s : pending->batch->states) {
        UPNEXT_ASSIGN_OR_RETURN(const uint64_t deleted, db.Number(DeletionKey(s.user)));
        UPNEXT_ASSIGN_OR_RETURN(const MergedUsers merged, ReadMerged(db, s.user));
        // Of a user who was deleted meanwhile, or who got events of before.
        if (s.state.through < std::max(deleted, merged.last)) continue;
        out.Put(TagPrefix('s', s.tag).append(s.user), BigEndian(s.state.through) + s.state.bytes);
      }
    }
    if (out.Count() == 0) return Ok();  // duplicates alone
    const RocksNames::Waiting names = names_.waiting();
    for (const auto& [key, id] : names) out.Put(key, BigEndian(id, 4));
    UPNEXT_RETURN_IF_ERROR(db.Write(&out, waits));
    names_.SetWritten(names);
    sequence_.store(next - 1, std::memory_order_release);
    return Ok();
  }

  void CommitGroup(std::span<PendingCommit* const> group) {
    const Status written = db_->Change([&](RocksDb& db) { return WriteGroup(db, group); });
    for (PendingCommit* pending : group) {
      pending->status = written;
      if (!written) continue;
      for (const size_t i : pending->committed.accepted) {
        changes_[pending->events[i].slot].fetch_add(1, std::memory_order_release);
      }
    }
  }

  // Events with keys from `from` on that begin with `prefix`. What is not acknowledged has a larger
  // number than what is; the number is read before the events are.
  Status VisitEvents(const std::string& prefix, const std::string& from,
                     const std::function<Status(uint64_t, const schema::RawEvent&)>& visit) const {
    const uint64_t last = last_sequence();
    const auto db = db_->get();
    return db->VisitPrefix(
        prefix, from, [&](std::string_view key, std::string_view value) -> Status {
          const auto sequence =
              TakeBigEndian(key.substr(key.size() - std::min<size_t>(8, key.size())));
          if (!sequence) return DataLoss("store: an event has no sequence number");
          if (*sequence > last) return Ok();
          UPNEXT_ASSIGN_OR_RETURN(const auto event, DecodeEvent(schema_, value));
          return event ? visit(*sequence, *event) : Ok();
        });
  }

  const base::LockFile lock_;
  const schema::Schema schema_;
  CommitQueue<PendingCommit> queue_;
  RocksNames names_;
  std::atomic<uint64_t> sequence_{0};  // of the newest event that is acknowledged
  std::atomic<uint64_t> id_{0};
  std::atomic<bool> watches_go_on_{false};  // one was there since the files were opened
  std::atomic<uint64_t> opened_{0};         // how often the files were opened
  std::vector<std::atomic<uint64_t>> changes_;
  std::unique_ptr<ReopeningDb> db_;  // the last member: opening it again changes the others
};

}  // namespace

Result<std::unique_ptr<Store>> OpenRocksStore(const std::filesystem::path& directory,
                                              const schema::Schema& schema) {
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(directory));
  // It names its holder, and stays while the files are closed and opened again.
  Result<base::LockFile> lock = base::LockFile::Acquire(directory / "holder");
  if (!lock) {
    return WithContext(std::move(lock).error(),
                       "store: a server has it; stop that server, or use its HTTP interface");
  }
  auto store = std::make_unique<RocksStore>(*std::move(lock), schema);
  UPNEXT_RETURN_IF_ERROR(store->Open(directory));
  return store;
}

}  // namespace upnext::store
