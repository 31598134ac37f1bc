#include "net/feed_report.h"

namespace upnext::net {

FeedReport FeedReport::Of(const serving::Slate& slate, const std::string& scenario,
                          std::span<const std::string> objectives) {
  FeedReport out{.request = slate.request,
                 .scenario = scenario,
                 .stages = slate.stages,
                 .generators = slate.generators,
                 .degraded = slate.degraded,
                 .cold_start = slate.cold_start.has_value(),
                 .items = slate.items.size()};
  for (size_t k = 0; k < objectives.size(); ++k) {
    double sum = 0;
    size_t items = 0;
    for (const serving::Recommendation& item : slate.items) {
      if (k >= item.predictions.size()) continue;
      sum += static_cast<double>(item.predictions[k]);
      ++items;
    }
    if (items > 0) out.predictions.emplace_back(objectives[k], sum / static_cast<double>(items));
  }
  return out;
}

}  // namespace upnext::net
