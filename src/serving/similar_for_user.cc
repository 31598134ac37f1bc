#include "serving/similar_for_user.h"

#include <unordered_map>
#include <utility>

namespace upnext::serving {

std::vector<Recommendation> PullTowards(std::vector<Recommendation> alike,
                                        std::span<const Recommendation> for_user, double pull,
                                        uint32_t n) {
  std::unordered_map<uint32_t, size_t> places;
  for (const Recommendation& one : for_user) places.emplace(one.item, places.size());
  std::vector<std::pair<double, size_t>> order;  // mean place, place in `alike`
  for (size_t place = 0; place < alike.size(); ++place) {
    const auto found = places.find(alike[place].item);
    if (found == places.end()) continue;
    order.emplace_back(
        (1 - pull) * static_cast<double>(order.size()) + pull * static_cast<double>(found->second),
        place);
  }
  std::ranges::sort(order);
  if (order.size() > n) order.resize(n);
  std::vector<Recommendation> out;
  for (const auto& [mean, place] : order) out.push_back(std::move(alike[place]));
  return out;
}

}  // namespace upnext::serving
