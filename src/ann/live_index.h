// An index to which vectors are added, and from which they are removed, while other threads search:
// an immutable base index and, over it, the changes since.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto live, LiveIndex::Make(*base, /*max_bytes=*/64 << 20));
//   UPNEXT_RETURN_IF_ERROR(live->Add(item, vector));   // replaces the vector of an id that is there
//   live->Remove(other_item);
//   live->Search(query, 300, filter, &hits);
//
// Any number of threads add, remove and search at once. A search takes no lock and never waits: it
// sees exactly the changes that were complete when it began, all or nothing of each. Add copies the
// vector outside the lock; completing a change takes the lock for a few stores, and changes of one
// id take effect in the order in which they complete. Added vectors are scanned, so they are always
// found, and the time of a search grows with their number.
//
// Memory of replaced and removed vectors is not used again: build a new base from time to time.
#ifndef UPNEXT_ANN_LIVE_INDEX_H_
#define UPNEXT_ANN_LIVE_INDEX_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "ann/index.h"
#include "base/mutex.h"
#include "base/status.h"

namespace upnext::ann {

class LiveIndex {
 public:
  // `base` must outlive it. Of the `max_bytes`, 4 bytes for each number up to the base's largest id
  // are taken at once; kResourceExhausted when they leave no room for vectors.
  static Result<std::unique_ptr<LiveIndex>> Make(const Index& base, size_t max_bytes);

  // vector [dim]. kInvalidArgument for another length, NaN or infinity; kResourceExhausted when
  // max_bytes are in use: the id then keeps what it had.
  Status Add(uint32_t id, std::span<const float> vector);
  bool Remove(uint32_t id);  // false when it was not there
  // As Index::Search. Ties go to the base's vectors, then to the smaller id.
  void Search(std::span<const float> query, size_t k, const Filter& filter,
              std::vector<Hit>* hits) const;

  size_t size() const { return size_.load(std::memory_order_relaxed); }  // ids that can be found
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // Every change gets the next version. A vector is there for a search of version v if
  // from <= v < until.
  using Version = uint32_t;
  static constexpr Version kNever = UINT32_MAX;
  static constexpr size_t kBlockSlots = 256;
  struct Slot {  // an added vector
    uint32_t id;
    std::atomic<Version> from{kNever}, until{kNever};
  };
  struct Block {
    explicit Block(size_t dim) : vectors(new float[kBlockSlots * dim]) {}
    std::array<Slot, kBlockSlots> slots;
    const std::unique_ptr<float[]> vectors;  // [kBlockSlots, dim]
  };

  LiveIndex(const Index& base, size_t ids, size_t max_blocks);
  static size_t BlockBytes(size_t dim);
  Slot& slot(size_t i) const { return blocks_[i / kBlockSlots]->slots[i % kBlockSlots]; }
  float* vector(size_t i) const {
    return blocks_[i / kBlockSlots]->vectors.get() + i % kBlockSlots * base_.dim();
  }
  Result<size_t> Reserve(uint32_t id);  // a slot that no search looks at yet
  // Ends the vector that `id` has, if any, with version `at`.
  bool End(uint32_t id, Version at) UPNEXT_REQUIRES(mutex_);
  std::vector<Hit> SearchAdded(std::span<const float> query, size_t k, const Filter& filter,
                               Version now) const;

  const Index& base_;
  // By id: the version that ended the base's vector; kNever: it is there, 0: it never was.
  std::vector<std::atomic<Version>> base_until_;
  std::vector<std::unique_ptr<Block>> blocks_;  // of fixed length; null beyond reserved_
  std::atomic<size_t> reserved_{0};             // slots
  std::atomic<Version> version_{0};             // of the last complete change
  std::atomic<size_t> size_, bytes_;
  base::Mutex mutex_;
  std::unordered_map<uint32_t, size_t> slot_of_ UPNEXT_GUARDED_BY(mutex_);  // added and there
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_LIVE_INDEX_H_
