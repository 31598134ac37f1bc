// Decayed counts of choices by item, overall and by region: what live_counts.h keeps for requests and
// trend_replay.h for evaluations.
//
//   TrendCounts counts(options);
//   FirstChoices first;
//   if (first.Add(choice)) counts.Add(choice);
//   const LiveLists lists = counts.ListsOf(region);            best first
//
// One thread. Values: a copy goes on by itself. Memory is bounded: the items with the smallest counts
// leave first. Items are ids of the catalogue, whether or not a model knows them.
#ifndef UPNEXT_FEATURES_TREND_COUNTS_H_
#define UPNEXT_FEATURES_TREND_COUNTS_H_

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/config.h"
#include "schema/event.h"

namespace upnext::features {

// [generators.trending]
struct LiveOptions {
  static constexpr double kHalfLifeHours = 24;
  int64_t days = 7;            // of the log that count at the start
  double half_life_hours = 0;  // age at which an event counts half; 0: nobody chose, kHalfLifeHours
  double max_age_days = 0;     // of items, since they were created; 0: any
  bool by_region = true;       // what is chosen in the region of the request counts more
  // Without a ranker, one place in so many is for items that the models do not know
  // (retrieval/live_slots.h); 0: none.
  uint32_t every = 5;

  static LiveOptions FromConfig(const base::Config& config);
  // With this half-life, if there is none; 0 changes nothing.
  LiveOptions OrHalfLife(double hours) const;
  friend bool operator==(const LiveOptions&, const LiveOptions&) = default;
};

// A user chose an item.
struct Choice {
  int64_t time_ms = 0;
  uint64_t user = 0;  // any number that tells users apart
  uint32_t item = 0;
  uint32_t region = schema::kNone;
  float weight = 1;  // of the count
};

// Scores are counts as of the newest event. Those of a region are completed by a share of overall ones.
struct LiveLists {
  struct Entry {
    uint32_t item;
    float score;
  };
  std::vector<Entry> overall;  // best first, ties to the smaller item
  std::unordered_map<uint32_t, std::vector<Entry>> by_region;
  int64_t max_age_ms = 0;  // of items, since they were created; 0: any
};

class TrendCounts {
 public:
  explicit TrendCounts(const LiveOptions& options);
  void Add(const Choice& choice);            // in any order of times
  LiveLists Lists() const;                   // of all regions
  LiveLists ListsOf(uint32_t region) const;  // of this one, kNone for none

  static constexpr size_t kMostCells = 400'000;  // items, and items of regions
  static constexpr size_t kListed = 1'000;       // items of a list

 private:
  // By item: the sum of 2^((time - base_ms_) / half-life), so that nothing changes as time passes.
  using Cells = boost::unordered_flat_map<uint32_t, double>;
  void Rebase(int64_t time_ms);
  void Prune();
  std::vector<LiveLists::Entry> Best(const Cells& cells) const;
  LiveLists Empty() const;

  LiveOptions options_;
  double half_life_ms_;
  Cells overall_;
  boost::unordered_flat_map<uint32_t, Cells> by_region_;
  size_t cells_ = 0;  // of all maps
  int64_t base_ms_ = 0, newest_ms_ = 0;
};

// A user counts once per item, hour and weight, so that one client cannot lift an item.
class FirstChoices {
 public:
  bool Add(const Choice& choice);  // false: that user, item, hour and weight was there before
  static constexpr size_t kMost = 1'000'000;  // choices that are remembered, twice

 private:
  // When `newer_` is full it becomes `older_`, so that the newest are remembered.
  boost::unordered_flat_set<uint64_t> newer_, older_;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_TREND_COUNTS_H_
