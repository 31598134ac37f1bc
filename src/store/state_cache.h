// The user states that were used last, within a budget of bytes.
//
//   StateCache cache(256 << 20);
//   cache.Put("user-7", {.state = state, .through = 12});
//   std::optional<StateCache::Entry> entry = cache.Find("user-7");
//
// Any number of threads. An entry shares its state, which does not change while it is here.
#ifndef UPNEXT_STORE_STATE_CACHE_H_
#define UPNEXT_STORE_STATE_CACHE_H_

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/mutex.h"
#include "features/user_state.h"

namespace upnext::store {

class StateCache {
 public:
  struct Entry {
    std::shared_ptr<features::UserState> state;
    uint64_t through = 0;  // sequence number of the newest stored event in it, 0: none
    uint64_t changes = 0;  // Store::Changes before its events were read
    uint64_t unsaved = 0;  // events in it that the saved state lacks
  };
  // The budget is divided among the shards; the newest entry of a shard stays, whatever its size.
  // 0: nothing is kept.
  explicit StateCache(size_t budget_bytes)
      : keeps_(budget_bytes > 0), budget_(budget_bytes / kShards) {}

  std::optional<Entry> Find(std::string_view user);
  void Put(std::string_view user, Entry entry);
  void Remove(std::string_view user);
  size_t bytes() const;  // an estimate

 private:
  static constexpr size_t kShards = 16;
  struct Place {
    std::string user;
    Entry entry;
    size_t bytes;
  };
  struct Shard {
    mutable base::Mutex mutex;
    std::list<Place> order UPNEXT_GUARDED_BY(mutex);  // newest use first
    std::unordered_map<std::string_view, std::list<Place>::iterator> index UPNEXT_GUARDED_BY(mutex);
    size_t bytes UPNEXT_GUARDED_BY(mutex) = 0;
  };
  Shard& ShardOf(std::string_view user);

  const bool keeps_;
  const size_t budget_;
  std::array<Shard, kShards> shards_;
};

}  // namespace upnext::store

#endif  // UPNEXT_STORE_STATE_CACHE_H_
