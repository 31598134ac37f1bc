#include "store/state_cache.h"

#include <utility>

#include "base/checksum.h"

namespace upnext::store {
namespace {

constexpr size_t kPlaceBytes = 160;  // of list and index, beside the state and the name

}  // namespace

StateCache::Shard& StateCache::ShardOf(std::string_view user) {
  return shards_[base::Fingerprint(user) % kShards];
}

std::optional<StateCache::Entry> StateCache::Find(std::string_view user) {
  Shard& shard = ShardOf(user);
  base::MutexLock lock(shard.mutex);
  const auto at = shard.index.find(user);
  if (at == shard.index.end()) return std::nullopt;
  shard.order.splice(shard.order.begin(), shard.order, at->second);
  return at->second->entry;
}

void StateCache::Put(std::string_view user, Entry entry) {
  if (!keeps_) return;
  const size_t bytes = entry.state->MemoryBytes() + user.size() + kPlaceBytes;
  Shard& shard = ShardOf(user);
  base::MutexLock lock(shard.mutex);
  if (const auto at = shard.index.find(user); at != shard.index.end()) {
    shard.order.splice(shard.order.begin(), shard.order, at->second);
    shard.bytes -= at->second->bytes;
    at->second->entry = std::move(entry);
    at->second->bytes = bytes;
  } else {
    shard.order.push_front({std::string(user), std::move(entry), bytes});
    shard.index.emplace(shard.order.front().user, shard.order.begin());
  }
  shard.bytes += bytes;
  while (shard.bytes > budget_ && shard.order.size() > 1) {
    shard.bytes -= shard.order.back().bytes;
    shard.index.erase(shard.order.back().user);
    shard.order.pop_back();
  }
}

void StateCache::Remove(std::string_view user) {
  Shard& shard = ShardOf(user);
  base::MutexLock lock(shard.mutex);
  const auto at = shard.index.find(user);
  if (at == shard.index.end()) return;
  const auto place = at->second;
  shard.bytes -= place->bytes;
  shard.index.erase(at);
  shard.order.erase(place);
}

size_t StateCache::bytes() const {
  size_t bytes = 0;
  for (const Shard& shard : shards_) {
    base::MutexLock lock(shard.mutex);
    bytes += shard.bytes;
  }
  return bytes;
}

}  // namespace upnext::store
