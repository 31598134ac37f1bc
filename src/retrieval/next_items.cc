#include "retrieval/next_items.h"

#include <algorithm>
#include <numeric>

#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::retrieval {

NextItems NextItems::Learn(const examples::ReplaySource& source) {
  // A pair is two ids in one number, so that equal pairs lie together after sorting.
  std::vector<uint64_t> pairs;
  uint32_t last_user = UINT32_MAX, last_item = 0;  // of the history
  ForTrainingHistory(source,
                     [&](uint32_t user, const schema::Event& event, bool interest, bool positive) {
                       if (positive && user == last_user)
                         pairs.push_back(uint64_t{last_item} << 32 | event.item);
                       if (!interest) return;
                       last_user = user;
                       last_item = event.item;
                     });
  std::sort(pairs.begin(), pairs.end());
  NextItems next;
  next.offsets_.assign(source.log.items() + 1, 0);
  for (size_t i = 0; i < pairs.size();) {
    size_t end = i;
    while (end < pairs.size() && pairs[end] == pairs[i]) ++end;
    next.next_.emplace_back(static_cast<uint32_t>(pairs[i]), static_cast<uint32_t>(end - i));
    ++next.offsets_[(pairs[i] >> 32) + 1];
    i = end;
  }
  std::partial_sum(next.offsets_.begin(), next.offsets_.end(), next.offsets_.begin());
  return next;
}

std::span<const std::pair<uint32_t, uint32_t>> NextItems::After(uint32_t item) const {
  if (size_t{item} + 1 >= offsets_.size()) return {};
  return std::span(next_).subspan(offsets_[item], offsets_[item + 1] - offsets_[item]);
}

}  // namespace upnext::retrieval
