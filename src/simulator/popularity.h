// The popularity of each item over time, and random draws in proportion to it.
//
//   Popularity popularity = Popularity::Create(catalogue, options);
//   size_t slice = popularity.SliceAt(time_ms);
//   Range range = popularity.TopicRange(language, topic);
//   uint32_t item = popularity.Draw(range, slice, rng);             // kNoItem: range is empty
//   double p = popularity.Probability(item, share, range, slice);   // of that draw, exact
//
// The window is cut into slices of `refresh_hours`. Within a slice popularity is constant, and only
// items uploaded before its start exist.
//
//   weight(i, t) = base(i) * (1 + burst * exp(-(t - created(i)) / burst_days))
//                = base(i) + burst * exp(-t / burst_days) * base(i) * exp(created(i) / burst_days)
//
// The second form separates time and item, and the existing items are a prefix of each cell
// (language, topic) in the order of upload. So two tables of running sums serve all slices: a draw
// chooses a cell by the slice's totals, then one of the two terms, then an item of the cell's
// prefix by inverse CDF, with a guide table for the first term and bisection for the second.
// Immutable: any number of threads. About 24 bytes per entry, for any number of slices.
#ifndef UPNEXT_SIMULATOR_POPULARITY_H_
#define UPNEXT_SIMULATOR_POPULARITY_H_

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "simulator/catalogue.h"

namespace upnext::simulator {

class Popularity {
 public:
  // A range of cells, in the order of (language, topic). An item with two topics is in two cells.
  struct Range {
    uint32_t begin = 0, end = 0;
  };

  static Popularity Create(const Catalogue& catalogue, const WorldOptions& options);

  size_t slices() const { return slices_.size(); }
  size_t SliceAt(int64_t time_ms) const;  // times outside the window use its first or last slice
  // The existing items are 0 .. count-1.
  uint32_t CountAt(size_t slice) const { return slices_[slice].items; }
  double WeightAt(uint32_t item, size_t slice) const;  // 0 before upload
  Range All() const { return {0, cells()}; }
  Range LanguageRange(uint32_t language) const {
    return {language * topics_, (language + 1) * topics_};
  }
  Range TopicRange(uint32_t language, uint32_t topic) const {
    return {language * topics_ + topic, language * topics_ + topic + 1};
  }
  double Total(Range range, size_t slice) const {
    const std::span<const double> cumulated = Cumulated(slice);
    return cumulated[range.end] - cumulated[range.begin];
  }
  uint32_t Draw(Range range, size_t slice, base::Rng& rng) const;
  // The probability that Draw returns `item`, when `share` of the item lies in the range: 1 in a
  // range of whole languages, Catalogue::TopicShare in a topic. 0 when the range is empty.
  double Probability(uint32_t item, double share, Range range, size_t slice) const {
    const double total = Total(range, slice);
    return total > 0 ? share * WeightAt(item, slice) / total : 0.0;
  }

 private:
  struct Slice {
    int64_t start_ms = 0;
    uint32_t items = 0;
    double burst = 0;  // factor of the items' second terms
  };
  uint32_t cells() const { return static_cast<uint32_t>(cell_begin_.size() - 1); }
  void MakeCells(const Catalogue& catalogue);
  void MakeSums(const Catalogue& catalogue, int64_t middle_ms);
  void MakeSlices(const WorldOptions& options, int64_t middle_ms);
  std::span<const double> Cumulated(size_t slice) const {
    return {cumulated_.data() + slice * (size_t{cells()} + 1), size_t{cells()} + 1};
  }
  // The first of `existing` entries of a cell whose running sum exceeds x; the last if none does.
  uint32_t DrawBase(uint32_t cell, uint32_t existing, double x) const;
  uint32_t DrawBurst(uint32_t cell, uint32_t existing, double x) const;

  const Catalogue* catalogue_ = nullptr;
  uint32_t topics_ = 0;
  double burst_ = 0, burst_ms_ = 1, slice_ms_ = 1;
  int64_t start_ms_ = 0;
  std::vector<uint32_t> cell_begin_;  // [cells + 1] into the arrays below
  std::vector<uint32_t> entries_;     // items, in the order of upload within a cell
  std::vector<double> base_sum_;      // running sums within the cell of base
  std::vector<double> burst_sum_;  // and of base * exp((created - middle of window) / burst_days)
  std::vector<uint32_t> guide_;    // bucket of the cell's base sum -> entry in which it starts
  std::vector<Slice> slices_;
  std::vector<uint32_t> existing_;  // [slices, cells] entries that exist
  std::vector<double> cumulated_;   // [slices, cells + 1] running sums of weights over cells
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_POPULARITY_H_
