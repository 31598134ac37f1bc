#include "evaluation/pages.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <tuple>

#include "base/clock.h"
#include "evaluation/predictors.h"
#include "examples/replay.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

Pages PagesBy(const Impressions& impressions, const std::function<uint64_t(size_t)>& key) {
  Pages result;
  std::vector<uint64_t> keys(impressions.size());
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = key(i);
  result.order.resize(keys.size());
  std::iota(result.order.begin(), result.order.end(), 0u);
  const auto page = [&](uint32_t i) { return std::tuple(impressions.user[i], keys[i]); };
  std::ranges::stable_sort(result.order, {}, page);
  for (uint32_t begin = 0; begin < result.order.size();) {
    uint32_t end = begin;
    while (end < result.order.size() && page(result.order[end]) == page(result.order[begin])) {
      ++end;
    }
    result.pages.emplace_back(begin, end);
    begin = end;
  }
  return result;
}

}  // namespace

Pages MakePages(const Impressions& impressions) {
  Pages requests = PagesBy(impressions, [&](size_t i) {
    // An impression without a request is a page of its own. The top bit separates the two kinds of
    // number; the small risk of a collision is acceptable for a metric.
    return impressions.request[i] != 0 ? impressions.request[i] : (uint64_t{1} << 63) + i;
  });
  size_t together = 0;
  for (const auto& [begin, end] : requests.pages) together += end - begin > 1 ? end - begin : 0;
  requests.by_request = 2 * together >= impressions.size();
  if (requests.by_request) return requests;
  return PagesBy(impressions, [&](size_t i) {
    const int64_t time = impressions.time_ms[i];
    return static_cast<uint64_t>(time >= 0 ? time / base::kDayMs
                                           : -((-time + base::kDayMs - 1) / base::kDayMs));
  });
}

UsersOfImpressions NumberUsers(const Impressions& impressions) {
  UsersOfImpressions result;
  result.user.resize(impressions.size());
  for (size_t i = 0; i < impressions.size(); ++i) {
    if (i == 0 || impressions.user[i] != impressions.user[i - 1]) ++result.users;
    result.user[i] = result.users - 1;
  }
  return result;
}

WatchOutcomes WatchOutcomesOf(const std::vector<ranking::Objective>& objectives,
                              const Impressions& impressions) {
  const size_t watch = WatchObjective(objectives);
  const float cap = watch < objectives.size() ? objectives[watch].cap : INFINITY;
  WatchOutcomes outcomes;
  for (const examples::Labels& labels : impressions.labels) {
    outcomes.watch_s.push_back(std::min(labels.watch_s, cap));
    outcomes.clicked.push_back(labels.Has(schema::EventType::kClick) ? 1 : 0);
    outcomes.any_click = outcomes.any_click || outcomes.clicked.back() != 0;
  }
  if (outcomes.any_click) return outcomes;
  for (size_t i = 0; i < impressions.size(); ++i) {
    outcomes.clicked[i] = outcomes.watch_s[i] > 0 ? 1 : 0;
  }
  return outcomes;
}

}  // namespace upnext::evaluation
