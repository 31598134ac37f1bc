#include "examples/replay.h"

#include <algorithm>

#include "examples/join.h"
#include "examples/watch_loop.h"

namespace upnext::examples {

void ReplayWatches(
    const ReplaySource& source, uint32_t user, const features::StateSpec& keeps,
    const std::function<void(const features::UserState&, const WatchExample&)>& visit,
    uint64_t end_row) {
  ForEachWatch(source, user, keeps, end_row,
               [&](const features::UserState& before, const WatchExample& watch) {
                 visit(before, watch);
                 return true;
               });
}

void ReplayImpressions(
    const ReplaySource& source, uint32_t user, const features::StateSpec& keeps,
    const std::function<void(const features::UserState&, const ImpressionGroup&)>& visit,
    uint64_t end_row, const TimeWindow& window) {
  JoinedImpressions joined;
  JoinImpressions(source, user, end_row, &joined);
  const auto in_window = [&](const JoinedGroup& group) {
    return std::ranges::any_of(joined.of(group), [&](const Impression& impression) {
      return window.Has(impression.time_ms);
    });
  };
  features::UserState state(keeps);
  uint64_t row = source.log.begin(user);
  for (const JoinedGroup& group : joined.groups) {
    if (!in_window(group)) continue;
    for (; row < group.state_row; ++row) {
      state.ApplyRow(row, source.catalogue, source.rule);
    }
    visit(state, {.user = user,
                  .request = group.request,
                  .context = group.context,
                  .impressions = joined.of(group)});
  }
}

features::UserState StateAt(const ReplaySource& source, uint32_t user, uint64_t end_row,
                            const features::StateSpec& keeps) {
  features::UserState state(keeps);
  const uint64_t end = std::min(end_row, source.log.end(user));
  for (uint64_t row = source.log.begin(user); row < end; ++row) {
    state.ApplyRow(row, source.catalogue, source.rule);
  }
  return state;
}

}  // namespace upnext::examples
