// The loop under ReplayWatches as a template, so that a stream can stop a replay half-way and pays
// no indirect call. Only this room includes it.
//
//   ForEachWatch(source, user, keeps, end_row,
//                [&](const UserState& before, const WatchExample& watch) { return go_on; });
#ifndef UPNEXT_EXAMPLES_WATCH_LOOP_H_
#define UPNEXT_EXAMPLES_WATCH_LOOP_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "examples/replay.h"
#include "features/user_state.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::examples {

template <typename Visit>
void ForEachWatch(const ReplaySource& source, uint32_t user, const features::StateSpec& keeps,
                  uint64_t end_row, Visit&& visit) {
  const log::EventLog& log = source.log;
  features::UserState state(keeps);
  std::vector<schema::AttributeValue> declared;
  const uint64_t end = std::min(log.end(user), end_row);
  for (uint64_t row = log.begin(user); row < end; ++row) {
    const schema::EventType type = log.type(row);
    const bool may_be_positive = source.rule.MayBePositive(type);
    if (!may_be_positive && !keeps.Reads(type, source.rule)) continue;
    const schema::Event event = log.event(row);
    if (may_be_positive && source.rule.IsPositive(event, log.item(event.item))) {
      const WatchExample watch{.user = user,
                               .row = row,
                               .item = event.item,
                               .weight = source.rule.WeightOf(event),
                               .time_ms = event.time_ms,
                               .part = source.split.part(user, row),
                               .context = features::ContextOf(log, row, event)};
      if (!visit(std::as_const(state), watch)) return;
    }
    if (keeps.reads_declared()) log.RequestAttributes(row, &declared);
    state.Apply(event, source.catalogue, source.rule, declared);
  }
}

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_WATCH_LOOP_H_
