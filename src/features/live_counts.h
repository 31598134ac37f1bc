// What is chosen most at the moment, for requests: the counts of trend_counts.h, shared by threads.
//
//   LiveCounts counts(LiveOptions::FromConfig(config));
//   counts.Add(choice);
//   const std::shared_ptr<const LiveLists> lists = counts.lists();    best first
//
// Any number of threads. A user counts once per item and hour.
#ifndef UPNEXT_FEATURES_LIVE_COUNTS_H_
#define UPNEXT_FEATURES_LIVE_COUNTS_H_

#include <atomic>
#include <chrono>
#include <memory>

#include "base/mutex.h"
#include "features/trend_counts.h"

namespace upnext::features {

class LiveCounts {
 public:
  explicit LiveCounts(const LiveOptions& options) : options_(options), counts_(options) {}
  const LiveOptions& options() const { return options_; }

  void Add(const Choice& choice);
  // Not older than kRefresh. One caller in kRefresh makes them, the others get those of before.
  std::shared_ptr<const LiveLists> lists() const;

  static constexpr auto kRefresh = std::chrono::milliseconds(500);

 private:
  std::shared_ptr<const LiveLists> MakeLists() const;

  const LiveOptions options_;
  mutable base::Mutex mutex_;
  TrendCounts counts_ UPNEXT_GUARDED_BY(mutex_);
  FirstChoices first_ UPNEXT_GUARDED_BY(mutex_);
  mutable std::atomic<bool> changed_{false};  // since lists_ were made
  mutable base::Mutex lists_mutex_;
  mutable std::chrono::steady_clock::time_point made_ UPNEXT_GUARDED_BY(lists_mutex_) = {};
  mutable std::shared_ptr<const LiveLists> lists_ UPNEXT_GUARDED_BY(lists_mutex_) =
      std::make_shared<LiveLists>();
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_LIVE_COUNTS_H_
