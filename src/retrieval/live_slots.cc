#include "retrieval/live_slots.h"

#include <algorithm>

namespace upnext::retrieval {

std::vector<size_t> WithLiveSlots(std::span<const size_t> live_places, uint32_t every) {
  std::vector<size_t> live, others, order;
  for (size_t i = 0; i < live_places.size(); ++i) {
    (live_places[i] == kNoLivePlace ? others : live).push_back(i);
  }
  std::ranges::stable_sort(live, {}, [&](size_t i) { return live_places[i]; });
  for (size_t l = 0, o = 0; order.size() < live_places.size();) {
    const bool is_slot = (order.size() + 1) % every == 0;
    const bool takes_live = l < live.size() && (is_slot || o == others.size());
    order.push_back(takes_live ? live[l++] : others[o++]);
  }
  return order;
}

}  // namespace upnext::retrieval
