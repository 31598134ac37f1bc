// Items and users as they were posted: in the store, and in a catalogue from the moment in which they
// are acknowledged. What the log has of the store already (log::PostedMark) comes from the log.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto records, PostedRecords::Attach(*store, catalogue, max_names));
//   const EntityChange put{.change = Change::kPut, .row = {"v17", attributes}};
//   UPNEXT_ASSIGN_OR_RETURN(const auto ids, records->Apply(Entity::kItem, {&put, 1}, may_add));
//
// Any number of threads. Store and catalogue outlive it.
#ifndef UPNEXT_STORE_POSTED_RECORDS_H_
#define UPNEXT_STORE_POSTED_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "catalogue/catalogue.h"
#include "schema/raw_event.h"
#include "store/store.h"

namespace upnext::store {

struct EntityChange {
  WriteBatch::NewRecord::Change change;
  schema::RawEntity row;
  std::vector<uint32_t> mentioned = {};  // of a patch
};

class PostedRecords {
 public:
  // Of rows in the catalogue's memory, those that were replaced included.
  static constexpr size_t kMostBytes = size_t{2} << 30;
  using MayAdd = std::function<bool()>;

  // Sets in the catalogue what the store has beyond the catalogue's log.
  static Result<std::unique_ptr<PostedRecords>> Attach(Store& store,
                                                       catalogue::Catalogue& catalogue,
                                                       uint64_t max_names,
                                                       size_t most_bytes = kMostBytes);

  struct Done {
    uint64_t changed = 0;  // how many are another than what was posted before
    uint64_t through = 0;  // the largest number of the changes
  };
  // All or nothing: durable, and in the catalogue, when it returns the ids, by place. `may_add` is
  // asked for each new name. kResourceExhausted, without effect, when an item or user can have no id,
  // or the catalogue has no room; kNotFound for the patch of what does not exist. A category whose
  // name can have no id is absent until one has.
  Result<std::vector<uint32_t>> Apply(schema::Entity entity, std::span<const EntityChange> changes,
                                      const MayAdd& may_add, Done* done = nullptr);
  // Sets in the catalogue what the store has of one item or user now; its id, kNone: nothing. A
  // user of whom it has nothing is one who was forgotten.
  Result<uint32_t> Take(schema::Entity entity, std::string_view name);
  // After Store::Forget: nothing is known of the user.
  void Forget(std::string_view user);

 private:
  PostedRecords(Store& store, catalogue::Catalogue& catalogue, uint64_t max_names,
                size_t most_bytes);
  Status HideForgotten();
  Status Number(schema::Entity entity, std::span<const schema::RawEntity* const> rows,
                const MayAdd& may_add);
  Status Set(schema::Entity entity, const Record& record);
  // Whether the catalogue's log does not say it. Of a deleted item it says that it is removed.
  bool IsBeyondLog(schema::Entity entity, const Record& record) const;

  Store& store_;
  catalogue::Catalogue& catalogue_;
  const Numbering numbering_;
  const size_t most_bytes_;
  const uint64_t after_;  // up to where the log has what was posted
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_POSTED_RECORDS_H_
