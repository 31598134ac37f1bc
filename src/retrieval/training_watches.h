// The complete watches of the training part of a split: what generators that count learn from.
//
//   ForTrainingWatches(source, [&](uint32_t user, const examples::WatchExample& watch) { ... });
//   std::vector<uint64_t> counts = CountWatches(source);
//
// Functions without state: any number of threads.
#ifndef UPNEXT_RETRIEVAL_TRAINING_WATCHES_H_
#define UPNEXT_RETRIEVAL_TRAINING_WATCHES_H_

#include <cstdint>
#include <vector>

#include "examples/replay.h"
#include "features/state_spec.h"
#include "features/user_state.h"

namespace upnext::retrieval {

// Calls visit(user, watch) for each of them: users in order, the watches of each in time order.
template <typename Visit>
void ForTrainingWatches(const examples::ReplaySource& source, const Visit& visit) {
  for (uint32_t user = 0; user < source.log.users(); ++user) {
    examples::ReplayWatches(source, user, features::StateSpec(),
                            [&](const features::UserState&, const examples::WatchExample& watch) {
                              if (watch.part == examples::SplitPart::kTrain) visit(user, watch);
                            });
  }
}

// By item of the log, those after `after_ms`.
std::vector<uint64_t> CountWatches(const examples::ReplaySource& source,
                                   int64_t after_ms = INT64_MIN);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TRAINING_WATCHES_H_
