// What is noted of a feed that was answered: for metrics, the request log and traces. It has no name of a user or an item.
//
//   answer.feeds.push_back(FeedReport::Of(slate, request.scenario, engine.objective_names()));
//
// A plain value.
#ifndef UPNEXT_NET_FEED_REPORT_H_
#define UPNEXT_NET_FEED_REPORT_H_

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "serving/slate.h"

namespace upnext::net {

struct FeedReport {
  std::string request, scenario;  // scenario: "" for that of [serving]
  std::vector<serving::StageTime> stages = {};
  std::vector<serving::GeneratorTime> generators = {};
  std::vector<serving::Degradation> degraded = {};
  bool cold_start = false;  // by the policy for users with little history
  size_t items = 0;
  std::vector<std::pair<std::string, double>> predictions =
      {};  // by objective, mean over the items

  static FeedReport Of(const serving::Slate& slate, const std::string& scenario,
                       std::span<const std::string> objectives);
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_FEED_REPORT_H_
