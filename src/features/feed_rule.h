// Which items a feed leaves out for a user: those that he has watched, those that he does not want,
// and those that were removed. One rule for serving, for the choice of the best epoch and for the
// evaluation, so that what is measured is what is served.
//
//   const FeedFilter filter(FeedRule::FromConfig(config.Table("serving")), catalogue);
//   if (filter.Of(state, item) != FeedFilter::Verdict::kShown) ...
//
// Immutable: any number of threads. The catalogue outlives the filter.
#ifndef UPNEXT_FEATURES_FEED_RULE_H_
#define UPNEXT_FEATURES_FEED_RULE_H_

#include <cstdint>
#include <optional>

#include "base/config.h"
#include "catalogue/catalogue.h"
#include "features/user_state.h"
#include "log/event_log.h"

namespace upnext::features {

// Keys of [serving].
struct FeedRule {
  bool filter_seen = true;               // leave out items that the user has watched
  bool filter_started = true;            // with filter_seen: also those that UserState::HasStarted
  bool filter_disliked = true;           // leave out items that the user does not want
  std::optional<float> low_rating = {};  // the highest rating that is a dislike; none: LowRatingOf
  // Of a state of FeaturePlan::state().
  bool IsSeen(const UserState& state, uint32_t item) const {
    return filter_seen && state.HasWatched(item) && (filter_started || !state.HasStarted(item));
  }
  static FeedRule FromConfig(const base::ConfigTable& serving);
  // The highest rating that is a dislike; none when dislikes change nothing.
  std::optional<float> LowRating(const log::EventLog& log) const;
};

class FeedFilter {
 public:
  enum class Verdict : uint8_t { kShown, kSeen, kDisliked, kRemoved };  // the first that applies

  FeedFilter(const FeedRule& rule, const catalogue::Catalogue& catalogue)
      : catalogue_(catalogue), rule_(rule), low_rating_(rule.LowRating(catalogue.log())) {}
  // `state` is one of FeaturePlan::state(): a narrower one does not know what was seen.
  Verdict Of(const UserState& state, uint32_t item) const {
    if (rule_.IsSeen(state, item)) return Verdict::kSeen;
    if (low_rating_ && state.IsAgainst(item, *low_rating_)) return Verdict::kDisliked;
    return catalogue_.item(item).removed ? Verdict::kRemoved : Verdict::kShown;
  }
  std::optional<float> low_rating() const { return low_rating_; }

 private:
  const catalogue::Catalogue& catalogue_;
  const FeedRule rule_;
  const std::optional<float> low_rating_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_FEED_RULE_H_
