// The positive events of the training part of a split, and its events of the history: what generators
// that count learn from.
//
//   ForTrainingWatches(source, [&](uint32_t user, const examples::WatchExample& watch) { ... });
//   ForTrainingHistory(source, [&](uint32_t user, const schema::Event& event, bool interest, bool positive) { ... });
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
#include "log/event_log.h"
#include "schema/event.h"

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

// Calls visit(user, event, interest, positive) for every event that is of the history, positive, or
// both: users in order, the events of each in time order.
template <typename Visit>
void ForTrainingHistory(const examples::ReplaySource& source, const Visit& visit) {
  const log::EventLog& log = source.log;
  for (uint32_t user = 0; user < log.users(); ++user) {
    for (uint64_t row = log.begin(user); row < source.split.train_end(user); ++row) {
      const schema::EventType type = log.type(row);
      if (source.rule.interest(type) == 0 && !source.rule.MayBePositive(type)) continue;
      const schema::Event event = log.event(row);
      if (event.item == schema::kNone) continue;
      const schema::Item item = log.item(event.item);
      const bool interest = source.rule.InterestOf(event, item) > 0;
      const bool positive = source.rule.IsPositive(event, item);
      if (interest || positive) visit(user, event, interest, positive);
    }
  }
}

// By item of the log, those after `after_ms`.
std::vector<uint64_t> CountWatches(const examples::ReplaySource& source,
                                   int64_t after_ms = INT64_MIN);
// Those of the last `days` before the newest of all.
std::vector<uint64_t> CountNewestWatches(const examples::ReplaySource& source, int64_t days);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TRAINING_WATCHES_H_
