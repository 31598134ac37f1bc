// Replay: a user's events pass through UserState, and at each one worth learning from the state
// BEFORE it becomes an example. Nothing is stored; every epoch replays.
//
//   ReplayWatches(source, user, plan.retrieval_state(),
//                 [&](const UserState& before, const WatchExample& watch) { ... });
//   ReplayImpressions(source, user, plan.state(),
//                     [&](const UserState& before, const ImpressionGroup& group) { ... });
//
// Pure functions of the log: any number of threads.
#ifndef UPNEXT_EXAMPLES_REPLAY_H_
#define UPNEXT_EXAMPLES_REPLAY_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "catalogue/catalogue.h"
#include "examples/split.h"
#include "features/request_context.h"
#include "features/state_spec.h"
#include "features/user_state.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::examples {

inline constexpr uint64_t kAllRows = UINT64_MAX;

// What a replay reads; all of it outlives the replay.
struct ReplaySource {
  const log::EventLog& log;
  const catalogue::Catalogue& catalogue;
  const features::PositiveRule& rule;
  const Split& split;
};

// A positive event (features/positive_rule.h), by default a complete watch, from anywhere, off-site
// too (CG-16, CG-17).
struct WatchExample {
  uint32_t user;
  uint64_t row;
  uint32_t item;
  float weight;  // in the loss of the candidate model
  int64_t time_ms;
  SplitPart part;
  features::Context context;  // features::ContextOf the event
};
// Visits the positive events among the user's rows before `end_row`, in time order. The state keeps
// what `keeps` says; events that change nothing of it are not even read, and its totals miss them.
void ReplayWatches(
    const ReplaySource& source, uint32_t user, const features::StateSpec& keeps,
    const std::function<void(const features::UserState&, const WatchExample&)>& visit,
    uint64_t end_row = kAllRows);

// What became of an impression: interactions with the same request and item, else the same user and
// item within 30 minutes after it; of several impressions the nearest one before takes them. What
// happened in a later part of the split than the impression does not count: at the end of training
// nobody knew it.
struct Labels {
  schema::EventTypeSet happened = {};  // kComplete also of a positive watch
  float watch_s = 0;                   // all watches together; 0 when not watched
  float rating = schema::kAbsent;
  bool Has(schema::EventType type) const { return happened.Has(type); }
};
struct Impression {
  uint64_t row;
  uint32_t item;
  int64_t time_ms;
  uint16_t position;  // 0 = unknown
  uint32_t source;
  float source_score;
  float propensity;
  Labels labels;
  SplitPart part;
  features::Candidate candidate() const {
    return {.item = item, .source = source, .source_score = source_score};
  }
};
// The impressions of one request, which share the state before the first of them, as at serving.
// Should an interaction stand before its own impression in the log (equal times, clocks apart), the
// state is the one before that interaction: no example sees its label.
struct ImpressionGroup {
  uint32_t user;
  uint64_t request;                         // 0: an impression on its own
  features::Context context;                // of the first impression
  std::span<const Impression> impressions;  // in row order; parts may differ where a part ends
};
inline constexpr int64_t kJoinWindowMs = 30 * 60 * 1000;
struct TimeWindow {
  int64_t begin_ms = INT64_MIN, end_ms = INT64_MAX;
  bool Has(int64_t time_ms) const { return begin_ms <= time_ms && time_ms < end_ms; }
};
// Visits the groups among the user's rows before `end_row` in the order of their states, those that
// have an impression in `window` alone, and replays no further. The span is valid during the visit
// only.
void ReplayImpressions(
    const ReplaySource& source, uint32_t user, const features::StateSpec& keeps,
    const std::function<void(const features::UserState&, const ImpressionGroup&)>& visit,
    uint64_t end_row = kAllRows, const TimeWindow& window = {});

// The state after rows [log.begin(user), end_row).
features::UserState StateAt(const ReplaySource& source, uint32_t user, uint64_t end_row,
                            const features::StateSpec& keeps);

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_REPLAY_H_
