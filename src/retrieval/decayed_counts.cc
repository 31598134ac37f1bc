#include "retrieval/decayed_counts.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "retrieval/training_watches.h"

namespace upnext::retrieval {

std::vector<ScoredItem> DecayedCounts(const examples::ReplaySource& source, double half_life_ms) {
  struct Sum {
    double value = 0;  // at the time `at_ms`
    int64_t at_ms = 0;
  };
  const auto decay = [&](int64_t ms) { return std::exp2(-static_cast<double>(ms) / half_life_ms); };
  std::vector<Sum> sums(source.log.items());
  int64_t newest_ms = 0;
  ForTrainingWatches(source, [&](uint32_t, const examples::WatchExample& watch) {
    Sum& sum = sums[watch.item];
    if (watch.time_ms >= sum.at_ms) {
      sum = {sum.value * decay(watch.time_ms - sum.at_ms) + 1, watch.time_ms};
    } else {
      sum.value += decay(sum.at_ms - watch.time_ms);
    }
    newest_ms = std::max(newest_ms, watch.time_ms);
  });
  std::vector<ScoredItem> counts;
  for (uint32_t item = 0; item < sums.size(); ++item) {
    const double value = sums[item].value * decay(newest_ms - sums[item].at_ms);
    if (value > 0) counts.push_back({item, static_cast<float>(value)});
  }
  std::ranges::sort(counts, BetterScore);
  return counts;
}

}  // namespace upnext::retrieval
