// The online store: events, items and users as they were posted, ids of names that the log does not
// have, and saved user states. Events are the truth. The state of a user is fold(log events of the user, then stored
// events in order of their sequence numbers); a saved state is a prefix of that fold, kept so that a
// later fold is short, and may be lost without harm.
//
//   UPNEXT_ASSIGN_OR_RETURN(std::shared_ptr<Store> store, OpenRocksStore(path));
//   UPNEXT_ASSIGN_OR_RETURN(auto ids, store->Intern(numbering, IdSpace::kItem, names));
//   UPNEXT_ASSIGN_OR_RETURN(Committed done, store->Commit(batch));    durable once it returns
//
// Any number of threads. An interface of values only, so that several servers can share one store.
#ifndef UPNEXT_STORE_STORE_H_
#define UPNEXT_STORE_STORE_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "schema/schema.h"
#include "store/slates.h"

namespace upnext::store {

// Ids are numbered for one log, and continue where its own ids end.
struct Numbering {
  uint64_t log = 0;             // log::EventLog::content_digest()
  std::vector<uint32_t> first;  // by IdSpace: the log's number of ids
  uint64_t most = UINT64_MAX;   // names that may be added to the log's, of all id spaces together
};

// A user's state after the log and the stored events up to sequence number `through` (0: none).
struct SavedState {
  uint64_t through = 0;
  std::string bytes;  // UserState::Serialize
};

// What was last posted of an item or a user.
struct Record {
  uint64_t sequence = 0;  // of the change, among those of events
  bool deleted = false;   // it has no attributes then
  schema::RawEntity row = {};
  friend bool operator==(const Record& a, const Record& b) {
    return a.sequence == b.sequence && a.deleted == b.deleted && a.row.name == b.row.name &&
           a.row.attributes == b.row.attributes;
  }
};

// What one Commit writes, all or nothing. Refers to what the caller owns.
struct WriteBatch {
  static constexpr uint64_t kAnyTime = UINT64_MAX;
  // A change of an item or a user. kPut: its attributes are these and no others. kPatch: those in
  // `mentioned` have the values of `row`, or none where that has none; the others stay as they are.
  struct NewRecord {
    enum class Change : uint8_t { kPut, kPatch, kDelete };
    schema::Entity entity;
    Change change;
    const schema::RawEntity* row;
    std::vector<uint32_t> mentioned = {};
    // What the log has of it, null when it does not have it, and up to where the log has what was
    // posted (log::PostedMark): of what was posted before, the log knows.
    const schema::RawAttributes* base = nullptr;
    uint64_t after = 0;
  };
  struct NewEvent {
    const schema::RawEvent* event;
    std::string_view id;  // the client's event id, "" when it gave none
    // The event says how far a watch with this id is. It takes the place of an earlier one, and is not
    // among the events until the watch is closed.
    bool progress = false;
    uint64_t since = kAnyTime;  // as that of a slate
  };
  struct NewState {
    uint64_t tag;  // what the state depends on beside the stored events
    std::string_view user;
    SavedState state;
  };
  // Of an answer that was begun when `since` was the number of the newest change. It is left out if its user was
  // deleted, or merged into another, after that.
  struct NewSlate {
    StoredSlate slate;
    uint64_t since = kAnyTime;
  };
  std::vector<NewEvent> events;
  std::vector<NewState> states;
  std::vector<NewRecord> records = {};
  std::vector<NewSlate> slates = {};
  // Whether Commit waits for the disk. What it did not wait for outlives the process, but a crash of the machine may
  // lose the last of it; never of it something that is older than what was waited for.
  bool waits = true;
};

// The events of a batch that were new, by their place in it. The first of them has sequence number
// `first`, the others follow. What items and users are after their changes, by place: nothing where a
// patch found neither a record nor a base. A change that changes nothing keeps the number of the last.
struct Committed {
  uint64_t first = 0;
  std::vector<size_t> accepted;
  std::vector<std::optional<Record>> records;
  std::vector<size_t> slates = {};  // those that were written, by place
};

// Whether writes are taken. After one has failed, a store opens its files again by itself, with a
// growing pause between attempts.
struct WriteHealth {
  bool writable = true;
  std::string reason;     // why not
  uint64_t failures = 0;  // failed writes, those of attempts to open the files again included
};

class Store {
 public:
  virtual ~Store() = default;
  // Leaves out an event whose (user, id) was committed before. Sequence numbers start at 1, in the
  // order in which events become visible. Concurrent calls share one write to the disk, and a failed
  // write fails all that share it: kResourceExhausted for a full disk, else kUnavailable. What a
  // failed call wanted to write is not visible; it may become so, whole, when the store is opened
  // again.
  virtual Result<Committed> Commit(const WriteBatch& batch) = 0;
  virtual WriteHealth health() const { return {}; }
  virtual uint64_t memory_bytes() const { return 0; }  // of its cache and write buffers
  // The ids of names that the log does not have, by place; new names get the next ids of their
  // space. The same name has the same id in every call and every process. New ids are durable no
  // later than the next Commit that returns, so an acknowledged event never loses its ids.
  // A new name is kNone when as many have been added as may be.
  virtual Result<std::vector<uint32_t>> Intern(const Numbering& numbering, schema::IdSpace space,
                                               std::span<const std::string_view> names) = 0;
  // Every name interned for this log so far, in no particular order.
  virtual Status Names(const Numbering& numbering,
                       const std::function<void(schema::IdSpace, std::string_view name,
                                                uint32_t id)>& visit) const = 0;
  // Grows with every Commit that adds events of this user, before it returns, and sometimes without
  // one. While it stays the same, so does what EventsOf visits.
  virtual uint64_t Changes(std::string_view user) const = 0;
  virtual Result<std::optional<SavedState>> State(uint64_t tag, std::string_view user) const = 0;
  // Stored events of a user after sequence number `after`, in ascending order, until `visit` fails.
  virtual Status EventsOf(
      std::string_view user, uint64_t after,
      const std::function<Status(uint64_t sequence, const schema::RawEvent&)>& visit) const = 0;
  virtual Status AllEvents(const std::function<void(const schema::RawEvent&)>& visit) const = 0;
  // What was last posted of items or users, in order of the bytes of their names, from the one after
  // `after` on, until `visit` fails.
  virtual Status Records(schema::Entity entity, std::string_view after,
                         const std::function<Status(const Record&)>& visit) const = 0;
  virtual Result<std::optional<Record>> RecordOf(schema::Entity entity,
                                                 std::string_view name) const = 0;
  // Watches of a user that go on, by id, each with the newest that was said of it.
  virtual Status OpenWatchesOf(
      std::string_view user, const std::function<Status(const schema::RawEvent&)>& visit) const = 0;
  // Makes events of those that have rested since before that time: from then on they count as every other event, and
  // more progress of the same id is a duplicate. Returns them.
  virtual Result<std::vector<schema::RawEvent>> CloseWatches(int64_t before_ms) = 0;
  // A slate by the number of its request, and those of a user, newest first.
  virtual Result<std::optional<StoredSlate>> SlateOf(uint64_t request) const = 0;
  virtual Status SlatesOf(std::string_view user, const SlateVisitor& visit) const = 0;
  // Deletes the slates of before that time, and earlier values of items and users on which no other slate rests.
  // Takes as long as there are such slates; one that was written after a newer one goes with that.
  virtual Status DropSlatesBefore(int64_t time_ms) = 0;
  // Writes the store as it is now, with all that is acknowledged, to a new folder on its file system:
  // links of files that never change. A store can be opened there.
  virtual Status Checkpoint(const std::filesystem::path& folder) const = 0;
  virtual uint64_t id() const = 0;             // random, made with the store; not 0
  virtual uint64_t last_sequence() const = 0;  // of the newest change, 0: none yet
  // Lets later events have larger numbers than this one, if they would not.
  virtual Status ContinueAfter(uint64_t sequence) = 0;
  // Deletes the events, client ids, attributes, slates, ids and saved states of a user, also from the files,
  // and notes the deletion under a sequence number of its own and the fingerprint of the user. May be
  // repeated.
  // Adds to `words` the texts of queries that no other user has: they have no id any more, also if
  // taking them from the files fails.
  virtual Status Forget(std::string_view user, std::vector<std::string>* words) = 0;
  // The number of the user's last deletion, 0: none.
  virtual Result<uint64_t> ForgottenAt(std::string_view user) const = 0;
  // The last deletion of each user that there was one of, by base::Fingerprint.
  using DeletionVisitor = std::function<void(uint64_t user, uint64_t sequence)>;
  virtual Status Deletions(const DeletionVisitor& visit) const = 0;
  // Makes the events of `from` events of `to`, with new numbers in the order that they have, and deletes
  // `from` as Forget does, in one write; the files keep what they have of `from` until one of the two is
  // forgotten. Slates of `from` are those of `to` then, under the numbers that they have. Returns the number of
  // events that `to` got: without those whose client id `to` has, and 0 when `from` has none, also when this is
  // repeated.
  virtual Result<uint64_t> Merge(std::string_view from, std::string_view to) = 0;
  // The number of the last event that came to the user so, 0: none. Up to there the user's events are
  // folded in order of time, after it in order of their numbers.
  virtual Result<uint64_t> MergedAt(std::string_view user) const = 0;
  // Deletes the names of other logs and the states of other tags. For the only user of a store.
  virtual Status DropOthers(uint64_t log, uint64_t state_tag) = 0;
  // Deletes the names of a log, and all states, when there are more names than this; those that are
  // used again get new ids. For the only user of a store, before it knows a name.
  virtual Status DropNamesAbove(uint64_t names, uint64_t log) = 0;
};

// One process at a time holds the folder (kAborted names the holder). kFailedPrecondition for a
// store of another format. Events are read and written under `schema`: stored events of types that
// it does not declare are passed over, as are attributes that it does not declare.
Result<std::unique_ptr<Store>> OpenRocksStore(const std::filesystem::path& directory,
                                              const schema::Schema& schema = {});

}  // namespace upnext::store

#endif  // UPNEXT_STORE_STORE_H_
