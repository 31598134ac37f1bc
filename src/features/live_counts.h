// What is chosen most at the moment: decayed counts of positive events by item, overall and by
// region.
//
//   LiveCounts counts(LiveOptions::FromConfig(config));
//   counts.Add(event, base::Fingerprint(user), catalogue, rule);
//   const std::shared_ptr<const LiveLists> lists = counts.lists();    best first
//
// Any number of threads. A user counts once per item and hour, so that one client cannot lift an
// item. Memory is bounded: the items with the smallest counts leave first. Items are ids of the
// catalogue, whether or not a model knows them.
#ifndef UPNEXT_FEATURES_LIVE_COUNTS_H_
#define UPNEXT_FEATURES_LIVE_COUNTS_H_

#include <atomic>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/config.h"
#include "base/mutex.h"
#include "catalogue/catalogue.h"
#include "features/positive_rule.h"
#include "schema/event.h"

namespace upnext::features {

// [generators.trending]
struct LiveOptions {
  int64_t days = 7;             // of the log that count at the start
  double half_life_hours = 24;  // age at which an event counts half
  double max_age_days = 0;      // of items, since they were created; 0: any
  bool by_region = true;        // what is chosen in the region of the request comes first
  static LiveOptions FromConfig(const base::Config& config);
};

// Scores are counts as of the newest event; only their order matters later, since all decay alike.
struct LiveLists {
  struct Entry {
    uint32_t item;
    float score;
  };
  std::vector<Entry> overall;  // best first, ties to the smaller item
  std::unordered_map<uint32_t, std::vector<Entry>> by_region;
  int64_t max_age_ms = 0;  // of items, since they were created; 0: any
};

class LiveCounts {
 public:
  explicit LiveCounts(const LiveOptions& options) : options_(options) {}
  const LiveOptions& options() const { return options_; }

  // From here on clicks count too, for a site without positive events.
  void CountClicks() { clicks_ = true; }
  // Whether the event counts: a positive one of an item.
  bool Counts(const schema::Event& event, const catalogue::Catalogue& catalogue,
              const PositiveRule& rule) const;
  // No effect on an event that does not count. `user`: any number that tells users apart.
  void Add(const schema::Event& event, uint64_t user, const catalogue::Catalogue& catalogue,
           const PositiveRule& rule);
  // Not older than kRefresh. One caller in kRefresh makes them, the others get those of before.
  std::shared_ptr<const LiveLists> lists() const;

  static constexpr size_t kMostCells = 400'000;   // items, and items of regions
  static constexpr size_t kMostSeen = 1'000'000;  // users' items of an hour, twice
  static constexpr size_t kListed = 1'000;        // items of a list
  static constexpr auto kRefresh = std::chrono::milliseconds(500);

 private:
  struct Cell {
    float count = 0;  // as of ms
    int64_t ms = 0;
  };
  bool IsFirst(uint64_t user, uint32_t item, int64_t time_ms) UPNEXT_REQUIRES(mutex_);
  void Bump(uint64_t key, int64_t time_ms) UPNEXT_REQUIRES(mutex_);
  void Prune() UPNEXT_REQUIRES(mutex_);
  float ValueOf(const Cell& cell) const UPNEXT_REQUIRES(mutex_);
  std::shared_ptr<const LiveLists> MakeLists() const;

  const LiveOptions options_;
  std::atomic<bool> clicks_{false};
  mutable base::Mutex mutex_;
  // By region in the upper half, item in the lower; region kNone is overall.
  boost::unordered_flat_map<uint64_t, Cell> cells_ UPNEXT_GUARDED_BY(mutex_);
  boost::unordered_flat_set<uint64_t> seen_ UPNEXT_GUARDED_BY(mutex_);
  boost::unordered_flat_set<uint64_t> seen_before_ UPNEXT_GUARDED_BY(mutex_);
  int64_t newest_ms_ UPNEXT_GUARDED_BY(mutex_) = INT64_MIN;
  mutable std::atomic<bool> changed_{false};  // since lists_ were made
  mutable base::Mutex lists_mutex_;
  mutable std::chrono::steady_clock::time_point made_ UPNEXT_GUARDED_BY(lists_mutex_) = {};
  mutable std::shared_ptr<const LiveLists> lists_ UPNEXT_GUARDED_BY(lists_mutex_) =
      std::make_shared<LiveLists>();
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_LIVE_COUNTS_H_
