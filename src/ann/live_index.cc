#include "ann/live_index.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/numbers.h"
#include "kernels/top_scored.h"

// How threads agree. All that belongs to a change (slot, vector, versions) is written before
// version_ is stored with release order, and a search reads version_ with acquire order before
// anything else, so all that it finds stamped with that version or an earlier one is complete.
// Stamps of later changes may be seen or not: either way they are greater than its version, and
// each stamp is written once. Therefore the stamps need no order of their own.

namespace upnext::ann {
namespace {

constexpr size_t kMapEntryBytes = 48;  // of slot_of_, estimated
// Keeps versions below kNever: at most two changes per slot, and one per vector of the base.
constexpr size_t kMaxSlots = size_t{1} << 30;

size_t IdsUpToLargest(std::span<const uint32_t> ids) {
  return ids.empty() ? 0 : size_t{*std::ranges::max_element(ids)} + 1;
}

}  // namespace

size_t LiveIndex::BlockBytes(size_t dim) {
  return sizeof(Block) + kBlockSlots * (dim * sizeof(float) + kMapEntryBytes);
}

Result<std::unique_ptr<LiveIndex>> LiveIndex::Make(const Index& base, size_t max_bytes) {
  const size_t ids = IdsUpToLargest(base.vectors().ids);
  const size_t least = ids * sizeof(Version) + BlockBytes(base.dim());
  if (max_bytes < least) {
    return ResourceExhausted(
        "a live index over ids up to {} and vectors of {} floats: expected a limit of at least {} "
        "bytes, found {}; raise the limit, or number the ids densely",
        ids, base.dim(), base::WithThousands(least), base::WithThousands(max_bytes));
  }
  const size_t blocks = (max_bytes - ids * sizeof(Version)) / BlockBytes(base.dim());
  return std::unique_ptr<LiveIndex>(
      new LiveIndex(base, ids, std::min(blocks, kMaxSlots / kBlockSlots)));
}

LiveIndex::LiveIndex(const Index& base, size_t ids, size_t max_blocks)
    : base_(base),
      base_until_(ids),
      blocks_(max_blocks),
      size_(base.size()),
      bytes_(ids * sizeof(Version)) {
  for (const uint32_t id : base.vectors().ids) {
    base_until_[id].store(kNever, std::memory_order_relaxed);
  }
}

Status LiveIndex::Add(uint32_t id, std::span<const float> vector_of_id) {
  if (vector_of_id.size() != base_.dim()) {
    return InvalidArgument("vector of id {}: expected {} floats, found {}", id, base_.dim(),
                           vector_of_id.size());
  }
  if (!kernels::AllFinite(vector_of_id.data(), vector_of_id.size())) {
    return InvalidArgument("vector of id {}: expected finite numbers, found NaN or infinity", id);
  }
  UPNEXT_ASSIGN_OR_RETURN(const size_t at, Reserve(id));
  std::ranges::copy(vector_of_id, vector(at));

  base::MutexLock lock(mutex_);
  const Version version = version_.load(std::memory_order_relaxed) + 1;
  if (!End(id, version)) size_.fetch_add(1, std::memory_order_relaxed);
  slot(at).id = id;
  slot(at).from.store(version, std::memory_order_relaxed);
  slot_of_[id] = at;
  version_.store(version, std::memory_order_release);
  return Ok();
}

bool LiveIndex::Remove(uint32_t id) {
  base::MutexLock lock(mutex_);
  const Version version = version_.load(std::memory_order_relaxed) + 1;
  if (!End(id, version)) return false;
  size_.fetch_sub(1, std::memory_order_relaxed);
  version_.store(version, std::memory_order_release);
  return true;
}

Result<size_t> LiveIndex::Reserve(uint32_t id) {
  base::MutexLock lock(mutex_);
  const size_t at = reserved_.load(std::memory_order_relaxed);
  if (at % kBlockSlots == 0) {
    if (at / kBlockSlots == blocks_.size()) {
      return ResourceExhausted(
          "vector of id {}: the live index has used its {} bytes; build its base again with the "
          "changes in it, or raise the limit",
          id, base::WithThousands(bytes()));
    }
    blocks_[at / kBlockSlots] = std::make_unique<Block>(base_.dim());
    bytes_.fetch_add(BlockBytes(base_.dim()), std::memory_order_relaxed);
  }
  reserved_.store(at + 1, std::memory_order_release);  // publishes the block
  return at;
}

bool LiveIndex::End(uint32_t id, Version at) {
  if (const auto added = slot_of_.find(id); added != slot_of_.end()) {
    slot(added->second).until.store(at, std::memory_order_relaxed);
    slot_of_.erase(added);
    return true;
  }
  if (id >= base_until_.size() || base_until_[id].load(std::memory_order_relaxed) != kNever) {
    return false;
  }
  base_until_[id].store(at, std::memory_order_relaxed);
  return true;
}

void LiveIndex::Search(std::span<const float> query, size_t k, const Filter& filter,
                       std::vector<Hit>* hits) const {
  const Version now = version_.load(std::memory_order_acquire);
  const auto passes = [&](uint32_t id) {
    return now < base_until_[id].load(std::memory_order_relaxed) && filter.Passes(id);
  };
  base_.Search(query, k, Filter::Of(passes), hits);
  const std::vector<Hit> added = SearchAdded(query, k, filter, now);
  if (added.empty()) return;
  std::vector<Hit> both;
  both.reserve(hits->size() + added.size());
  std::ranges::merge(*hits, added, std::back_inserter(both),
                     [](const Hit& a, const Hit& b) { return a.score > b.score; });
  both.resize(std::min(k, both.size()));
  *hits = std::move(both);
}

std::vector<Hit> LiveIndex::SearchAdded(std::span<const float> query, size_t k,
                                        const Filter& filter, Version now) const {
  kernels::TopScored top(k);
  const size_t slots = reserved_.load(std::memory_order_acquire);
  for (size_t i = 0; i < slots; ++i) {
    const Slot& one = slot(i);
    if (now < one.from.load(std::memory_order_relaxed) ||
        now >= one.until.load(std::memory_order_relaxed)) {
      continue;
    }
    const float score = kernels::Dot(query.data(), vector(i), query.size());
    if (top.Wants(one.id, score) && filter.Passes(one.id)) top.Add(one.id, score);
  }
  std::vector<Hit> hits;
  for (const kernels::Scored& best : top.Take()) hits.push_back({best.index, best.score});
  return hits;
}

}  // namespace upnext::ann
