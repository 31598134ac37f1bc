// A Commit that waits for its group, in rocks_store.cc.
#ifndef UPNEXT_STORE_PENDING_COMMIT_H_
#define UPNEXT_STORE_PENDING_COMMIT_H_

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/rocks_db.h"
#include "store/store.h"

namespace upnext::store {

// A batch on its way to the disk, with everything made of it that needs no other batch.
struct PendingCommit {
  struct Event {
    std::string key;     // without the sequence number, which follows
    std::string id_key;  // "" when the client gave no id
    std::string bytes;
    size_t slot;  // of its user's changes
  };
  const WriteBatch* batch;
  std::vector<Event> events = {};
  Committed committed = {};
  Status status = Ok();
};

// Which of the group's ids were seen before it, in order of the events that have one.
inline Result<std::vector<bool>> SeenBefore(const RocksDb& db,
                                            std::span<PendingCommit* const> group) {
  std::vector<std::string_view> ids;
  for (const PendingCommit* pending : group) {
    for (const PendingCommit::Event& event : pending->events) {
      if (!event.id_key.empty()) ids.push_back(event.id_key);
    }
  }
  if (ids.empty()) return std::vector<bool>();
  return db.Has(ids);
}

}  // namespace upnext::store

#endif  // UPNEXT_STORE_PENDING_COMMIT_H_
