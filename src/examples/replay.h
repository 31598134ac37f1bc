// Replay: a user's events pass through UserState, and at each one worth learning from the state
// BEFORE it becomes an example. Nothing is stored; every epoch replays.
//
//   ReplayWatches(source, user, [&](const UserState& before, const WatchExample& example) { ... });
//   ReplayImpressions(source, user, [&](const UserState& before, const ImpressionGroup& group) {
//   ... });
//
// Pure functions of the log: any number of threads.
#ifndef UPNEXT_EXAMPLES_REPLAY_H_
#define UPNEXT_EXAMPLES_REPLAY_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "events/event_log.h"
#include "examples/split.h"
#include "features/extract.h"
#include "features/user_state.h"

namespace upnext::examples {

struct ReplaySource {
  const events::EventLog& log;
  const features::Catalogue& catalogue;
  const features::CompleteRule& rule;
  const Split& split;
};

// A complete watch, from anywhere, off-site too (CG-16, CG-17).
struct WatchExample {
  uint32_t user;
  uint64_t row;
  uint32_t item;
  int64_t time_ms;
  Part part;
  features::Context context;  // device and region of the event
};
void ReplayWatches(
    const ReplaySource& source, uint32_t user,
    const std::function<void(const features::UserState&, const WatchExample&)>& visit,
    features::UserState::Parts parts = features::UserState::Parts::kBags);

// What became of an impression: interactions with the same request and item, else the same user and
// item within 30 minutes after it (the nearest impression takes them).
struct Labels {
  uint16_t happened = 0;  // bit per EventType; kComplete also by the complete rule
  float watch_s = 0;      // 0 when not watched
  float rating = events::kAbsent;
  bool Has(events::EventType type) const { return happened >> static_cast<int>(type) & 1; }
};
struct Impression {
  uint64_t row;
  uint32_t item;
  int64_t time_ms;
  uint16_t position;  // 0 = unknown
  uint32_t source;
  float propensity;
  Labels labels;
  Part part;
};
// The impressions of one request, which share the state before the first of them, as at serving.
struct ImpressionGroup {
  uint32_t user;
  uint64_t request;  // 0: an impression on its own
  features::Context context;
  std::span<const Impression> impressions;
};
inline constexpr int64_t kJoinWindowMs = 30 * 60 * 1000;
void ReplayImpressions(
    const ReplaySource& source, uint32_t user,
    const std::function<void(const features::UserState&, const ImpressionGroup&)>& visit);

// The state after rows [log.begin(user), end_row).
features::UserState StateAt(const ReplaySource& source, uint32_t user, uint64_t end_row,
                            features::UserState::Parts parts = features::UserState::Parts::kAll);

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_REPLAY_H_
