#include "features/feed_rule.h"

#include "features/low_rating.h"

namespace upnext::features {

FeedRule FeedRule::FromConfig(const base::ConfigTable& serving) {
  FeedRule rule;
  rule.filter_seen = serving.Bool("filter_seen", rule.filter_seen);
  rule.filter_started = serving.Bool("filter_started", rule.filter_started);
  rule.filter_disliked = serving.Bool("filter_disliked", rule.filter_disliked);
  if (serving.Has("low_rating")) {
    rule.low_rating = static_cast<float>(serving.Real("low_rating", 0, {.min = 0, .max = 1e9}));
  }
  return rule;
}

std::optional<float> FeedRule::LowRating(const log::EventLog& log) const {
  if (!filter_disliked) return std::nullopt;
  return low_rating ? *low_rating : LowRatingOf(log);
}

}  // namespace upnext::features
