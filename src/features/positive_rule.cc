#include "features/positive_rule.h"

namespace upnext::features {

PositiveRule PositiveRule::FromConfig(const base::ConfigTable& labels) {
  PositiveRule rule;
  rule.from_event = labels.Choice("complete", {"watch", "event"}, 0) == 1;
  rule.share = labels.Real("complete_share", rule.share, {.min = 0.01, .max = 1});
  rule.seconds = labels.Real("complete_seconds", rule.seconds, {.min = 0, .max = 86'400});
  return rule;
}

bool PositiveRule::IsComplete(const schema::Event& event, const schema::Item& item) const {
  if (event.type == schema::EventType::kComplete) return true;
  if (event.type != schema::EventType::kWatch || from_event) return false;
  const double watched = event.value;  // NaN compares as not reached
  return item.duration_s > 0 ? watched >= share * item.duration_s : watched >= seconds;
}

}  // namespace upnext::features
