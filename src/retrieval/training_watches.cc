#include "retrieval/training_watches.h"

namespace upnext::retrieval {

std::vector<uint64_t> CountWatches(const examples::ReplaySource& source, int64_t after_ms) {
  std::vector<uint64_t> counts(source.log.items(), 0);
  ForTrainingWatches(source, [&](uint32_t, const examples::WatchExample& watch) {
    if (watch.time_ms > after_ms) ++counts[watch.item];
  });
  return counts;
}

}  // namespace upnext::retrieval
