// Counters and latency histograms in Prometheus' text format.
//
//   metrics.Observe(Route::kRecommendations, 200, 0.0031);
//   std::string text = metrics.Render(service.status());
//
// Lock-free: any number of threads.
#ifndef UPNEXT_NET_METRICS_H_
#define UPNEXT_NET_METRICS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "net/feed_metrics.h"
#include "net/http_message.h"
#include "net/routes.h"
#include "serving/service.h"

namespace upnext::net {

class Metrics {
 public:
  // What the sockets hold at a moment.
  struct Transport {
    uint64_t connections = 0, body_bytes = 0, answer_bytes = 0;
  };
  void Observe(Route route, unsigned status, double seconds);
  void Refused(Refusal why);
  FeedMetrics& feeds() { return feeds_; }
  std::string Render(const serving::ServiceStatus& status, const Transport& transport) const;
  // Requests answered so far, with a status of at least 100 * `from_class`.
  uint64_t Answered(size_t from_class) const;

 private:
  // Upper bounds in seconds; the last bucket has none.
  static constexpr std::array<double, 14> kBounds = {
      0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 1.0};
  struct Histogram {
    std::array<std::atomic<uint64_t>, kBounds.size() + 1> buckets{};
    std::atomic<uint64_t> sum_us{0};
    std::array<std::atomic<uint64_t>, 6> by_class{};  // [status / 100]
  };
  FeedMetrics feeds_;
  std::array<Histogram, kRoutes> routes_;
  std::array<std::atomic<uint64_t>, kRefusals> refused_{};
};

}  // namespace upnext::net

#endif  // UPNEXT_NET_METRICS_H_
