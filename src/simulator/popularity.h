// How popular each item is at each time, and draws in proportion to it.
//
//   Popularity popularity = Popularity::Create(catalogue, options, pool);
//   size_t slice = popularity.SliceAt(time_ms);
//   Range range = popularity.TopicRange(language, topic);
//   uint32_t item = popularity.Draw(range, slice, rng);                kNoItem: nothing there yet
//   double p = popularity.Probability(item, range, slice);             of that draw, exactly
//
// The window is cut into slices of `refresh_hours`; within one, popularity stands still and only
// items uploaded before its beginning exist. weight(i) = base * (1 + burst * exp(-age /
// burst_days)). A draw is O(1): an inverse CDF with a guide table, which costs what an alias table
// does but also serves every sub-range (language, topic). Immutable: any number of threads. About
// 17 bytes an item and slice.
#ifndef UPNEXT_SIMULATOR_POPULARITY_H_
#define UPNEXT_SIMULATOR_POPULARITY_H_

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "simulator/catalogue.h"

namespace upnext::simulator {

class Popularity {
 public:
  // A run of entries in the order of (language, topic). An item with two topics has an entry in
  // each.
  struct Range {
    uint32_t begin = 0, end = 0;
  };

  static Popularity Create(const Catalogue& catalogue, const WorldOptions& options,
                           base::ThreadPool& pool);

  size_t slices() const { return slices_.size(); }
  size_t SliceAt(int64_t time_ms) const;  // times outside the window use its first or last slice
  uint32_t CountAt(size_t slice) const {
    return slices_[slice].items;
  }  // items that exist: 0 .. count-1
  double WeightAt(uint32_t item, size_t slice) const;  // 0 before upload
  Range All() const { return {0, static_cast<uint32_t>(entries_.size())}; }
  Range LanguageRange(uint32_t language) const;
  Range TopicRange(uint32_t language, uint32_t topic) const;
  double Total(Range range, size_t slice) const {
    return slices_[slice].cumulated[range.end] - slices_[slice].cumulated[range.begin];
  }
  uint32_t Draw(Range range, size_t slice, base::Rng& rng) const;
  // The probability that Draw gives `item`, when `share` of the item lies in the range: 1 in a
  // range of whole languages, Catalogue::TopicShare in a topic. 0 when the range is empty.
  double Probability(uint32_t item, double share, Range range, size_t slice) const {
    const double total = Total(range, slice);
    return total > 0 ? share * WeightAt(item, slice) / total : 0.0;
  }

 private:
  struct Slice {
    int64_t start_ms = 0;
    uint32_t items = 0;
    std::vector<double> cumulated;  // [entries + 1]
    std::vector<uint32_t> guide;    // bucket of the total -> first entry that reaches into it
  };
  void Fill(Slice& slice) const;
  const Catalogue* catalogue_ = nullptr;
  uint32_t topics_ = 0;
  double burst_ = 0, burst_ms_ = 1, slice_ms_ = 1;
  int64_t start_ms_ = 0;
  std::vector<uint32_t> entries_;      // items
  std::vector<uint32_t> topic_begin_;  // [languages * topics + 1]
  std::vector<Slice> slices_;
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_POPULARITY_H_
