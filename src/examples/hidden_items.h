// The items that the feed of a held-out case leaves out, as the product would (features/feed_rule.h).
//
//   const HiddenItems hidden(source, feed_rule);
//   for (const HoldoutCase& c : cases) std::vector<uint32_t> items = hidden.Of(c, state_before);
//
// Immutable: any number of threads. The source outlives it.
#ifndef UPNEXT_EXAMPLES_HIDDEN_ITEMS_H_
#define UPNEXT_EXAMPLES_HIDDEN_ITEMS_H_

#include <cstdint>
#include <vector>

#include "examples/holdout.h"
#include "examples/replay.h"
#include "features/feed_rule.h"
#include "features/user_state.h"

namespace upnext::examples {

class HiddenItems {
 public:
  HiddenItems(const ReplaySource& source, const features::FeedRule& rule);
  // Ascending. `state`: before the case, of FeaturePlan::state().
  std::vector<uint32_t> Of(const HoldoutCase& held_out, const features::UserState& state) const;
  const features::FeedFilter& filter() const { return filter_; }

 private:
  const ReplaySource& source_;
  const features::FeedFilter filter_;
  std::vector<uint32_t> removed_;  // ascending
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_HIDDEN_ITEMS_H_
