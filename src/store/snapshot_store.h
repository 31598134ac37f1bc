// A store as another process has it open, to read from, as it was when the number of its newest change was another:
// events, items and users of later changes are not there. Takes no lock and changes nothing.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto store, SnapshotStore::Open(project.store(), schema));
//   store->SetTime({.events = 812, .records = 790});
//   UPNEXT_ASSIGN_OR_RETURN(auto states, UserStates::Attach(store.get(), ...));
//
// One thread. Ids of names that the store does not have are given in memory.
#ifndef UPNEXT_STORE_SNAPSHOT_STORE_H_
#define UPNEXT_STORE_SNAPSHOT_STORE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "schema/schema.h"
#include "store/rocks_db.h"
#include "store/rocks_names.h"
#include "store/store.h"

namespace upnext::store {

class SnapshotStore : public Store {
 public:
  // Up to which numbers there are events, and items and users.
  struct Time {
    uint64_t events = std::numeric_limits<uint64_t>::max();
    uint64_t records = std::numeric_limits<uint64_t>::max();
    std::vector<schema::RawEvent> open = {};  // watches that went on, of the user at hand
  };
  // kNotFound without a store, kFailedPrecondition for one of another format.
  static Result<std::unique_ptr<SnapshotStore>> Open(const std::filesystem::path& directory,
                                                     const schema::Schema& schema);
  void SetTime(const Time& time);
  // All slates, those of a user together, newest first.
  Status AllSlates(const SlateVisitor& visit) const;
  // The changes of items and users after `after` and up to `last`, in order: the number and what changed.
  struct Change {
    uint64_t sequence;
    schema::Entity entity;
    std::string name;
  };
  Result<std::vector<Change>> RecordChanges(uint64_t after, uint64_t last) const;

  Result<Committed> Commit(const WriteBatch& batch) override;  // kFailedPrecondition
  Result<std::vector<uint32_t>> Intern(const Numbering& numbering, schema::IdSpace space,
                                       std::span<const std::string_view> names) override;
  Status Names(
      const Numbering& numbering,
      const std::function<void(schema::IdSpace, std::string_view, uint32_t)>& visit) const override;
  uint64_t Changes(std::string_view user) const override;
  Result<std::optional<SavedState>> State(uint64_t tag, std::string_view user) const override;
  Status EventsOf(
      std::string_view user, uint64_t after,
      const std::function<Status(uint64_t, const schema::RawEvent&)>& visit) const override;
  Status AllEvents(const std::function<void(const schema::RawEvent&)>& visit) const override;
  Status Records(schema::Entity entity, std::string_view after,
                 const std::function<Status(const Record&)>& visit) const override;
  Result<std::optional<Record>> RecordOf(schema::Entity entity,
                                         std::string_view name) const override;
  Status OpenWatchesOf(std::string_view user,
                       const std::function<Status(const schema::RawEvent&)>& visit) const override;
  Result<std::vector<schema::RawEvent>> CloseWatches(int64_t before_ms) override;
  Result<std::optional<StoredSlate>> SlateOf(uint64_t request) const override;
  Status SlatesOf(std::string_view user, const SlateVisitor& visit) const override;
  Status DropSlatesBefore(int64_t time_ms) override;  // kFailedPrecondition, like the others below
  uint64_t id() const override { return id_; }
  uint64_t last_sequence() const override { return last_; }
  Status ContinueAfter(uint64_t sequence) override;  // ok: numbers are not given
  Status Forget(std::string_view user, std::vector<std::string>* words) override;
  Result<uint64_t> ForgottenAt(std::string_view user) const override;
  Status Deletions(const DeletionVisitor& visit) const override;
  Result<uint64_t> Merge(std::string_view from, std::string_view to) override;
  Result<uint64_t> MergedAt(std::string_view user) const override;
  Status Checkpoint(const std::filesystem::path& folder) const override;
  Status DropOthers(uint64_t log, uint64_t state_tag) override;
  Status DropNamesAbove(uint64_t names, uint64_t log) override;

 private:
  SnapshotStore(std::unique_ptr<RocksDb> db, const schema::Schema& schema)
      : db_(std::move(db)), schema_(schema) {}
  Status VisitEvents(const std::string& prefix, const std::string& from,
                     const std::function<Status(uint64_t, const schema::RawEvent&)>& visit) const;

  const std::unique_ptr<RocksDb> db_;
  const schema::Schema schema_;
  uint64_t id_ = 0, last_ = 0;
  Time time_;
  uint64_t times_ = 0;  // how often it was set
  RocksNames names_;
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_SNAPSHOT_STORE_H_
