#include "retrieval/training_watches.h"

#include <algorithm>

#include "base/clock.h"

namespace upnext::retrieval {

std::vector<uint64_t> CountWatches(const examples::ReplaySource& source, int64_t after_ms) {
  std::vector<uint64_t> counts(source.log.items(), 0);
  ForTrainingWatches(source, [&](uint32_t, const examples::WatchExample& watch) {
    if (watch.time_ms > after_ms) ++counts[watch.item];
  });
  return counts;
}

std::vector<uint64_t> CountNewestWatches(const examples::ReplaySource& source, int64_t days) {
  int64_t last_ms = 0;
  ForTrainingWatches(source, [&](uint32_t, const examples::WatchExample& watch) {
    last_ms = std::max(last_ms, watch.time_ms);
  });
  return CountWatches(source, last_ms - days * base::kDayMs);
}

}  // namespace upnext::retrieval
