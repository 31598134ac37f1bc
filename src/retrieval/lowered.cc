#include "retrieval/lowered.h"

#include <algorithm>

#include "schema/event.h"

namespace upnext::retrieval {

Lowered::Lowered(const catalogue::Catalogue& catalogue, const features::UserState& state,
                 std::optional<float> low_rating)
    : catalogue_(catalogue) {
  if (!low_rating) return;
  for (const uint32_t unwanted : state.NewestAgainst(*low_rating)) {
    const schema::Item item = catalogue.item(unwanted);
    if (item.channel != schema::kNone) ++channels_[item.channel].unwanted;
    for (const uint32_t topic : item.topics) ++topics_[topic].unwanted;
  }
  if (empty()) return;
  const auto count = [](Categories& categories, uint32_t id) {
    const auto found = categories.find(id);
    if (found != categories.end()) ++found->second.watched;
  };
  for (const features::TimedId& watch : state.watches()) {
    const schema::Item item = catalogue.item(watch.id);
    count(channels_, item.channel);
    for (const uint32_t topic : item.topics) count(topics_, topic);
  }
}

double Lowered::FactorOf(const Categories& categories, uint32_t id) {
  const auto found = categories.find(id);
  if (found == categories.end()) return 1;
  const double kept = 1 + static_cast<double>(found->second.watched);
  return kept / (kept + static_cast<double>(found->second.unwanted));
}

double Lowered::Factor(uint32_t item) const {
  if (empty()) return 1;
  const schema::Item attributes = catalogue_.item(item);
  double factor = FactorOf(channels_, attributes.channel);
  for (const uint32_t topic : attributes.topics) {
    factor = std::min(factor, FactorOf(topics_, topic));
  }
  return factor;
}

}  // namespace upnext::retrieval
