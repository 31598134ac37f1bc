#include "studies/truths.h"

#include <algorithm>
#include <utility>

#include "schema/event.h"

namespace upnext::studies {

using schema::EventType;

void Truths::Add(const simulator::UserRows& rows) {
  for (const simulator::LogRow& row : rows.rows) {
    std::vector<Truth>& of_user = by_user_[row.user];
    if (row.type == EventType::kImpression) {
      of_user.push_back({.time_ms = row.time_ms,
                         .item = row.item,
                         .random = row.source == simulator::Source::kRandom,
                         .clicked = false,
                         .device = row.device,
                         .position = row.position,
                         .examined = row.examination,
                         .click = static_cast<float>(row.click_probability),
                         .watch_s = row.expected_watch_s,
                         .satisfaction = row.satisfaction});
    } else if (row.type == EventType::kClick) {
      // The current slate: the newest impression of the item.
      const auto shown = std::find_if(of_user.rbegin(), of_user.rend(),
                                      [&](const Truth& t) { return t.item == row.item; });
      if (shown != of_user.rend()) shown->clicked = true;
    }
  }
}

void Truths::Sort() {
  for (std::vector<Truth>& of_user : by_user_) {
    std::ranges::sort(of_user, {}, [](const Truth& t) { return std::pair(t.time_ms, t.item); });
  }
}

Result<const Truth*> Truths::Find(uint32_t user, int64_t time_ms, uint32_t item) const {
  static const std::vector<Truth> kNobody;
  const std::vector<Truth>& of_user = user < by_user_.size() ? by_user_[user] : kNobody;
  const std::pair key(time_ms, item);
  const auto found = std::ranges::lower_bound(
      of_user, key, {}, [](const Truth& t) { return std::pair(t.time_ms, t.item); });
  if (found == of_user.end() || std::pair(found->time_ms, found->item) != key) {
    return Internal("an impression of the log is not one of the world: user {}, item {}", user,
                    item);
  }
  return &*found;
}

}  // namespace upnext::studies
