#include "store/snapshot_store.h"

#include <algorithm>
#include <system_error>

#include "store/event_codec.h"
#include "store/rocks_forget.h"
#include "store/rocks_format.h"
#include "store/rocks_keys.h"
#include "store/rocks_merge.h"
#include "store/rocks_records.h"
#include "store/rocks_slates.h"

namespace upnext::store {
namespace {

std::unexpected<Error> ReadOnly() {
  return FailedPrecondition("store: a snapshot is there to be read, and takes no change");
}

}  // namespace

Result<std::unique_ptr<SnapshotStore>> SnapshotStore::Open(const std::filesystem::path& directory,
                                                           const schema::Schema& schema) {
  std::error_code error;
  if (!std::filesystem::exists(directory / "CURRENT", error)) {
    return NotFound("{}: there is no store; `upnext serve` makes one", directory.string());
  }
  UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<RocksDb> db, RocksDb::OpenSnapshot(directory));
  UPNEXT_ASSIGN_OR_RETURN(const uint64_t format, db->Number(kFormatKey));
  if (!IsReadable(format)) {
    if (IsBeingMade(*db)) return NotFound("{}: a server is making this store", directory.string());
    return OtherFormat(directory, format);
  }
  std::unique_ptr<SnapshotStore> store(new SnapshotStore(std::move(db), schema));
  UPNEXT_ASSIGN_OR_RETURN(store->id_, store->db_->Number(kStoreKey));
  UPNEXT_ASSIGN_OR_RETURN(store->last_, store->db_->Number(kSequenceKey));
  return store;
}

void SnapshotStore::SetTime(const Time& time) {
  time_ = time;
  ++times_;
}

Status SnapshotStore::AllSlates(const SlateVisitor& visit) const {
  bool goes_on = true;
  const Status visited =
      db_->VisitPrefix("r", "r", [&](std::string_view key, std::string_view value) -> Status {
        UPNEXT_ASSIGN_OR_RETURN(const StoredSlate slate, ParseSlate(key, value));
        goes_on = visit(slate);
        return goes_on ? Ok() : Cancelled("enough slates were visited");
      });
  return goes_on ? visited : Ok();
}

Result<std::vector<SnapshotStore::Change>> SnapshotStore::RecordChanges(uint64_t after,
                                                                        uint64_t last) const {
  std::vector<Change> changes;
  const auto add = [&](uint64_t sequence, schema::Entity entity, std::string_view name) {
    if (sequence > after && sequence <= last) {
      changes.push_back({sequence, entity, std::string(name)});
    }
  };
  for (const schema::Entity entity : {schema::Entity::kItem, schema::Entity::kUser}) {
    const std::string kind = RecordKey(entity, "");
    UPNEXT_RETURN_IF_ERROR(
        db_->VisitPrefix(kind, kind, [&](std::string_view key, std::string_view value) -> Status {
          const auto sequence = TakeBigEndian(value);
          if (!sequence) return DataLoss("store: a posted row has no number");
          add(*sequence, entity, key.substr(1));
          return Ok();
        }));
    // The number in the key is that of the next change, which is there in its own key, or is the last one.
    UPNEXT_RETURN_IF_ERROR(db_->VisitPrefix(
        'h' + kind, 'h' + kind, [&](std::string_view key, std::string_view value) -> Status {
          const auto sequence = TakeBigEndian(value);
          if (!sequence || key.size() < 11) {
            return DataLoss("store: an earlier item or user has no number");
          }
          add(*sequence, entity, key.substr(2, key.size() - 2 - 1 - 8));
          return Ok();
        }));
  }
  std::ranges::sort(changes, {}, &Change::sequence);
  return changes;
}

Result<Committed> SnapshotStore::Commit(const WriteBatch&) { return ReadOnly(); }

Result<std::vector<uint32_t>> SnapshotStore::Intern(const Numbering& numbering,
                                                    schema::IdSpace space,
                                                    std::span<const std::string_view> names) {
  return names_.Intern(*db_, numbering, space, names);
}

Status SnapshotStore::Names(
    const Numbering& numbering,
    const std::function<void(schema::IdSpace, std::string_view, uint32_t)>& visit) const {
  return names_.Visit(*db_, numbering, visit);
}

uint64_t SnapshotStore::Changes(std::string_view) const { return times_; }

Result<std::optional<SavedState>> SnapshotStore::State(uint64_t, std::string_view) const {
  return std::optional<SavedState>();  // may be of later events
}

Status SnapshotStore::VisitEvents(
    const std::string& prefix, const std::string& from,
    const std::function<Status(uint64_t, const schema::RawEvent&)>& visit) const {
  return db_->VisitPrefix(
      prefix, from, [&](std::string_view key, std::string_view value) -> Status {
        const auto sequence =
            TakeBigEndian(key.substr(key.size() - std::min<size_t>(8, key.size())));
        if (!sequence) return DataLoss("store: an event has no sequence number");
        if (*sequence > std::min(time_.events, last_)) return Ok();
        UPNEXT_ASSIGN_OR_RETURN(const auto event, DecodeEvent(schema_, value));
        return event ? visit(*sequence, *event) : Ok();
      });
}

Status SnapshotStore::EventsOf(
    std::string_view user, uint64_t after,
    const std::function<Status(uint64_t, const schema::RawEvent&)>& visit) const {
  if (after == std::numeric_limits<uint64_t>::max()) return Ok();
  const std::string prefix = UserPrefix('e', user);
  return VisitEvents(prefix, prefix + BigEndian(after + 1), visit);
}

Status SnapshotStore::AllEvents(const std::function<void(const schema::RawEvent&)>& visit) const {
  return VisitEvents("e", "e", [&](uint64_t, const schema::RawEvent& event) {
    visit(event);
    return Ok();
  });
}

Status SnapshotStore::Records(schema::Entity entity, std::string_view after,
                              const std::function<Status(const Record&)>& visit) const {
  const std::string prefix = RecordKey(entity, "");
  std::string from = RecordKey(entity, after);
  if (!after.empty()) from.push_back('\0');
  return db_->VisitPrefix(prefix, from, [&](std::string_view key, std::string_view) -> Status {
    UPNEXT_ASSIGN_OR_RETURN(const auto record, RecordOf(entity, key.substr(1)));
    return record ? visit(*record) : Ok();
  });
}

Result<std::optional<Record>> SnapshotStore::RecordOf(schema::Entity entity,
                                                      std::string_view name) const {
  return RecordAsOf(*db_, schema_, entity, name, std::min(time_.records, last_));
}

Status SnapshotStore::OpenWatchesOf(
    std::string_view, const std::function<Status(const schema::RawEvent&)>& visit) const {
  for (const schema::RawEvent& event : time_.open) UPNEXT_RETURN_IF_ERROR(visit(event));
  return Ok();
}

Result<std::vector<schema::RawEvent>> SnapshotStore::CloseWatches(int64_t) { return ReadOnly(); }

Result<std::optional<StoredSlate>> SnapshotStore::SlateOf(uint64_t request) const {
  return FindSlate(*db_, request);
}

Status SnapshotStore::SlatesOf(std::string_view user, const SlateVisitor& visit) const {
  return VisitSlatesOf(*db_, user, last_, visit);
}

Status SnapshotStore::DropSlatesBefore(int64_t) { return ReadOnly(); }

Status SnapshotStore::ContinueAfter(uint64_t) { return Ok(); }

Status SnapshotStore::Forget(std::string_view, std::vector<std::string>*) { return ReadOnly(); }

Result<uint64_t> SnapshotStore::ForgottenAt(std::string_view user) const {
  return db_->Number(DeletionKey(user));
}

Status SnapshotStore::Deletions(const DeletionVisitor& visit) const {
  return VisitDeletions(*db_, visit);
}

Status SnapshotStore::DropOthers(uint64_t, uint64_t) { return ReadOnly(); }

Status SnapshotStore::DropNamesAbove(uint64_t, uint64_t) { return ReadOnly(); }

Result<uint64_t> SnapshotStore::Merge(std::string_view, std::string_view) { return ReadOnly(); }

Result<uint64_t> SnapshotStore::MergedAt(std::string_view user) const {
  UPNEXT_ASSIGN_OR_RETURN(const MergedUsers merged, ReadMerged(*db_, user, time_.events));
  return merged.last;
}

Status SnapshotStore::Checkpoint(const std::filesystem::path&) const { return ReadOnly(); }

}  // namespace upnext::store
