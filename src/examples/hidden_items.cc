#include "examples/hidden_items.h"

#include <algorithm>

#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::examples {

using Verdict = features::FeedFilter::Verdict;

HiddenItems::HiddenItems(const ReplaySource& source, const features::FeedRule& rule)
    : source_(source), filter_(rule, source.catalogue) {
  for (uint32_t item = 0; item < source.log.items(); ++item) {
    if (source.catalogue.item(item).removed) removed_.push_back(item);
  }
}

std::vector<uint32_t> HiddenItems::Of(const HoldoutCase& held_out,
                                      const features::UserState& state) const {
  // Nothing else can have been seen or disliked.
  std::vector<uint32_t> hidden;
  for (uint64_t row = source_.log.begin(held_out.user); row < held_out.end_row; ++row) {
    const uint32_t item = source_.log.item_of(row);
    if (item != schema::kNone) hidden.push_back(item);
  }
  std::ranges::sort(hidden);
  hidden.erase(std::ranges::unique(hidden).begin(), hidden.end());
  std::erase_if(hidden, [&](uint32_t item) {
    const Verdict verdict = filter_.Of(state, item);
    return verdict == Verdict::kShown || verdict == Verdict::kRemoved;
  });
  const auto own = static_cast<std::ptrdiff_t>(hidden.size());
  hidden.insert(hidden.end(), removed_.begin(), removed_.end());
  std::inplace_merge(hidden.begin(), hidden.begin() + own, hidden.end());
  hidden.erase(std::ranges::unique(hidden).begin(), hidden.end());
  return hidden;
}

}  // namespace upnext::examples
