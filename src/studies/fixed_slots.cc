#include "studies/fixed_slots.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace upnext::studies {

FixedSlots::FixedSlots(const simulator::World& world) : world_(world) {
  const simulator::Catalogue& catalogue = world.catalogue();
  std::vector<uint32_t> items(catalogue.size());
  std::iota(items.begin(), items.end(), 0u);
  std::ranges::sort(items, std::greater(), [&](uint32_t item) {
    return std::pair(catalogue.item(item).quality + catalogue.item(item).appeal, item);
  });
  const size_t places = world.options().sessions.slate_size;
  classes_.resize(places);
  for (size_t rank = 0; rank < items.size(); ++rank) {
    classes_[rank * places / items.size()].push_back(items[rank]);
  }
  for (std::vector<uint32_t>& one : classes_) std::ranges::sort(one);  // as they were uploaded
}

Status FixedSlots::Recommend(const simulator::SlateRequest& request, base::Rng& rng,
                             std::vector<simulator::ShownItem>& slate) {
  slate.clear();
  const simulator::Popularity& popularity = world_.popularity();
  const uint32_t existing = popularity.CountAt(popularity.SliceAt(request.time_ms));
  for (size_t place = 0; place < std::min<size_t>(request.size, classes_.size()); ++place) {
    const std::vector<uint32_t>& one = classes_[place];
    const auto count = static_cast<size_t>(std::ranges::lower_bound(one, existing) - one.begin());
    if (count == 0) break;
    size_t chosen = rng.Below(count);
    if (one[chosen] == request.current_item) chosen = (chosen + 1) % count;
    if (one[chosen] == request.current_item) break;
    slate.push_back({one[chosen], simulator::Source::kPopular, 0});
  }
  return Ok();
}

}  // namespace upnext::studies
