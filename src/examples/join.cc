#include "examples/join.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <tuple>
#include <utility>

#include "examples/watch_loop.h"
#include "log/event_log.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

// An impression while its interactions are being found.
struct Pending {
  Impression impression;
  uint64_t request;
  uint64_t first_row;  // of the impression and what joined it
  features::Context context;
};

struct Interaction {
  uint64_t row;
  schema::Event event;
};

class Joiner {
 public:
  Joiner(const ReplaySource& source, uint32_t user, uint64_t end_row)
      : source_(source), user_(user), end_row_(end_row) {}

  void Run(JoinedImpressions* joined) {
    Collect();
    if (!pending_.empty() && !interactions_.empty()) {
      Index();
      for (const Interaction& interaction : interactions_) {
        if (Pending* pending = Find(interaction)) AddLabel(interaction, pending);
      }
    }
    Group(joined);
  }

 private:
  void Collect() {
    using enum schema::EventType;
    const log::EventLog& log = source_.log;
    const uint64_t end = std::min(log.end(user_), end_row_);
    for (uint64_t row = log.begin(user_); row < end; ++row) {
      const schema::EventType type = log.type(row);
      if (type == kSearch) continue;
      const schema::Event event = log.event(row);
      if (type != kImpression) {
        interactions_.push_back({row, event});
        continue;
      }
      pending_.push_back({.impression = {.row = row,
                                         .item = event.item,
                                         .time_ms = event.time_ms,
                                         .position = event.position,
                                         .source = event.source,
                                         .propensity = event.propensity,
                                         .labels = {},
                                         .part = source_.split.part(user_, row)},
                          .request = event.request,
                          .first_row = row,
                          .context = features::ContextOf(source_.log, row, event)});
    }
  }

  // pending_ is in row order, so equal keys stay in time order.
  void Index() {
    by_item_.resize(pending_.size());
    for (uint32_t i = 0; i < pending_.size(); ++i) by_item_[i] = i;
    by_request_ = by_item_;
    std::ranges::stable_sort(by_item_, {}, [&](uint32_t i) { return pending_[i].impression.item; });
    std::ranges::stable_sort(by_request_, {}, [&](uint32_t i) { return RequestKey(i); });
  }

  std::pair<uint64_t, uint32_t> RequestKey(uint32_t i) const {
    return {pending_[i].request, pending_[i].impression.item};
  }

  // Of impressions in time order: the last that is not after `time_ms`.
  template <typename Range>
  std::optional<uint32_t> NearestBefore(const Range& indexes, int64_t time_ms) const {
    const auto after = std::ranges::upper_bound(
        indexes, time_ms, {}, [&](uint32_t i) { return pending_[i].impression.time_ms; });
    if (after == indexes.begin()) return std::nullopt;
    return *std::prev(after);
  }

  Pending* Find(const Interaction& interaction) {
    const schema::Event& event = interaction.event;
    std::optional<uint32_t> found;
    if (event.request != 0) {
      const auto page = std::ranges::equal_range(by_request_, std::pair(event.request, event.item),
                                                 {}, [&](uint32_t i) { return RequestKey(i); });
      // A clock that runs behind may date the click before its impression; the request knows
      // better.
      if (!page.empty()) found = NearestBefore(page, event.time_ms).value_or(page.front());
    }
    if (!found) {
      const auto shown = std::ranges::equal_range(
          by_item_, event.item, {}, [&](uint32_t i) { return pending_[i].impression.item; });
      found = NearestBefore(shown, event.time_ms);
      if (found && event.time_ms - pending_[*found].impression.time_ms > kJoinWindowMs) {
        return nullptr;
      }
    }
    if (!found) return nullptr;
    Pending& pending = pending_[*found];
    return source_.split.part(user_, interaction.row) == pending.impression.part ? &pending
                                                                                 : nullptr;
  }

  void AddLabel(const Interaction& interaction, Pending* pending) const {
    using enum schema::EventType;
    const schema::Event& event = interaction.event;
    Labels& labels = pending->impression.labels;
    labels.happened.Add(event.type);
    if (event.type == kWatch && !std::isnan(event.value)) labels.watch_s += event.value;
    if (event.type == kRating) labels.rating = event.value;
    if (features::PositiveRule::MayAccept(event.type) &&
        source_.rule.IsComplete(event, source_.log.item(event.item))) {
      labels.happened.Add(kComplete);
    }
    pending->first_row = std::min(pending->first_row, interaction.row);
  }

  void Group(JoinedImpressions* joined) {
    joined->impressions.clear();
    joined->groups.clear();
    std::vector<uint32_t> order(pending_.size());
    for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::stable_sort(order, {}, [&](uint32_t i) { return pending_[i].request; });
    for (uint32_t i = 0; i < order.size(); ++i) {
      const Pending& pending = pending_[order[i]];
      const bool same_page = !joined->groups.empty() && pending.request != 0 &&
                             joined->groups.back().request == pending.request;
      if (same_page) {
        JoinedGroup& group = joined->groups.back();
        group.state_row = std::min(group.state_row, pending.first_row);
        group.end = i + 1;
      } else {
        joined->groups.push_back({.request = pending.request,
                                  .state_row = pending.first_row,
                                  .context = pending.context,
                                  .begin = i,
                                  .end = i + 1});
      }
    }
    std::ranges::sort(joined->groups, {}, [&](const JoinedGroup& group) {
      return std::tuple(group.state_row, order[group.begin]);
    });
    joined->impressions.reserve(order.size());
    for (JoinedGroup& group : joined->groups) {
      const uint32_t begin = static_cast<uint32_t>(joined->impressions.size());
      for (uint32_t i = group.begin; i < group.end; ++i) {
        joined->impressions.push_back(pending_[order[i]].impression);
      }
      group.begin = begin;
      group.end = static_cast<uint32_t>(joined->impressions.size());
    }
  }

  const ReplaySource& source_;
  const uint32_t user_;
  const uint64_t end_row_;
  std::vector<Pending> pending_;
  std::vector<Interaction> interactions_;
  std::vector<uint32_t> by_item_, by_request_;  // indexes into pending_
};

}  // namespace

void JoinImpressions(const ReplaySource& source, uint32_t user, uint64_t end_row,
                     JoinedImpressions* joined) {
  Joiner(source, user, end_row).Run(joined);
}

}  // namespace upnext::examples
