// A site for tests of the reference candidate model: its project file, and events whose clicks follow
// nothing but the dot product of user and item.
//
//   LoadProject(folder_.path(), std::string(kPlantedSite) + kDotProduct, &project_, &options_);
//   PublishLog(*project_, PlantedEvents(kPlantedDays), PlantedCatalogue(), {});
#ifndef UPNEXT_TRAINING_TEST_PLANTED_SITE_H_
#define UPNEXT_TRAINING_TEST_PLANTED_SITE_H_

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "features/test_log.h"
#include "schema/event.h"
#include "schema/raw_event.h"

namespace upnext::training {

// The ranker has no other input that says anything.
inline constexpr char kPlantedSite[] = R"toml(
[features]
defaults = false
[[feature]]
name = "watches"
from = "history(positive, item, 20)"
for = ["retrieval"]
[[feature]]
name = "device"
from = "request.device"
[retrieval]
dim = 8
depth = 0
batch = 4
negatives = 0
epochs = 3
table_learning_rate = 0.5
[ranking]
order = "time"
architecture = "tower"
widths = [16]
batch = 64
epochs = 12
learning_rate = 0.01
bf16 = false
max_dead_units = 1
[[ranking.objective]]
label = "click"
score_weight = 1
)toml";
inline constexpr char kDotProduct[] = R"toml(
[[feature]]
name = "dot"
from = "request.retrieval_score"
)toml";
inline constexpr char kUserVector[] = R"toml(
[[feature]]
name = "user_vector"
from = "vector(request.user_vector, 8)"
)toml";

inline constexpr uint32_t kPlantedUsers = 40, kPlantedItems = 24, kPlantedGroups = 4,
                          kPlantedDays = 10;
inline constexpr uint32_t kShownADay = 6;

inline std::string PlantedItem(uint32_t n) { return features::Numbered("i", n); }

// Each user watches items of one group, apart from pages; pages show any item, and those of the group are
// clicked at a rate of .95, others at .05. From the sixth day on, items "lN" come to the groups.
inline std::vector<schema::RawEvent> PlantedDay(uint32_t day) {
  using schema::EventType;
  base::Rng rng(11, day);
  std::vector<schema::RawEvent> events;
  const auto any_item = [&](uint32_t group) {
    if (day > 5 && rng.Below(10) == 0) return features::Numbered("l", group);
    const auto n = static_cast<uint32_t>(rng.Below(kPlantedItems / kPlantedGroups));
    return PlantedItem(n * kPlantedGroups + group);
  };
  for (uint32_t u = 0; u < kPlantedUsers; ++u) {
    const std::string user = features::Numbered("u", u);
    const uint32_t own = u % kPlantedGroups;
    double minute = 1440.0 * day + u;
    for (int watch = 0; watch < 6; ++watch, minute += 30) {
      events.push_back(features::Watch(user, any_item(own), features::Minutes(minute), 90));
    }
    const std::string request = fmt::format("r{}-{}", u, day);
    for (uint16_t position = 1; position <= kShownADay; ++position) {
      const auto group = static_cast<uint32_t>(rng.Below(kPlantedGroups));
      const std::string item = any_item(group);
      events.push_back(features::Of(EventType::kImpression, user, item, features::Minutes(minute)));
      events.back().request = request;
      events.back().device = rng.Below(2) == 0 ? "tv" : "phone";
      events.back().position = position;
      if (rng.Uniform() > (group == own ? 0.95 : 0.05)) continue;
      events.push_back(
          features::Of(EventType::kClick, user, item, features::Minutes(minute + position)));
      events.back().request = request;
    }
  }
  return events;
}

inline std::vector<schema::RawEvent> PlantedEvents(uint32_t days) {
  std::vector<schema::RawEvent> events;
  for (uint32_t day = 0; day < days; ++day) {
    for (schema::RawEvent& event : PlantedDay(day)) events.push_back(std::move(event));
  }
  return events;
}

inline std::vector<schema::RawItem> PlantedCatalogue() {
  std::vector<schema::RawItem> items;
  for (uint32_t i = 0; i < kPlantedItems; ++i) {
    items.push_back(features::ItemOf(PlantedItem(i), 100, "c", {}));
  }
  for (uint32_t g = 0; g < kPlantedGroups; ++g) {
    items.push_back(features::ItemOf(features::Numbered("l", g), 100, "c", {}));
  }
  return items;
}

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_TEST_PLANTED_SITE_H_
