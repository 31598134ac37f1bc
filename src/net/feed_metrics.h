// What feeds are made of, in Prometheus' text format: times of stages, what was degraded, feeds by scenario, and how far
// predictions are from those of the training.
//
//   feeds.Observe(report);
//   feeds.ObserveVisible(0.004);
//   std::string text = feeds.Render() + BundleMetrics(serving::FiguresOf(*generation));
//
// Any number of threads.
#ifndef UPNEXT_NET_FEED_METRICS_H_
#define UPNEXT_NET_FEED_METRICS_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "net/feed_report.h"
#include "serving/bundle_figures.h"

namespace upnext::net {

class FeedMetrics {
 public:
  void Observe(const FeedReport& feed);
  // From the arrival of posted events to when the next feed of their users reflects them.
  void ObserveVisible(double seconds);
  std::string Render() const;

  // About so many of the newest feeds make the means of predictions.
  static constexpr double kMeanOf = 1000;

 private:
  // Upper bounds in seconds; the last bucket has none.
  static constexpr std::array<double, 13> kBounds = {
      0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0};
  struct Histogram {
    std::array<uint64_t, kBounds.size() + 1> buckets{};
    double sum = 0;
    void Add(double seconds);
    // `labels`: "stage=\"ranker\"", or "".
    void Render(std::string_view name, const std::string& labels, std::string* out) const;
  };
  struct Mean {
    double value = 0, of = 0;  // feeds
  };
  template <typename T>
  using ByName = std::map<std::string, T, std::less<>>;

  mutable base::Mutex mutex_;
  ByName<Histogram> stages_ UPNEXT_GUARDED_BY(mutex_);
  ByName<uint64_t> items_ UPNEXT_GUARDED_BY(mutex_), degraded_ UPNEXT_GUARDED_BY(mutex_),
      scenarios_ UPNEXT_GUARDED_BY(mutex_), cold_starts_ UPNEXT_GUARDED_BY(mutex_);
  uint64_t degraded_feeds_ UPNEXT_GUARDED_BY(mutex_) = 0;
  ByName<Mean> predictions_ UPNEXT_GUARDED_BY(mutex_);
  Histogram visible_ UPNEXT_GUARDED_BY(mutex_);
};

// Of the bundle being served.
std::string BundleMetrics(const serving::BundleFigures& figures);

}  // namespace upnext::net

#endif  // UPNEXT_NET_FEED_METRICS_H_
