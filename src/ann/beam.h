// The best rows that a walk over a graph has met, in order, and which of them it has yet to follow.
// Rows that a filter leaves out are walked over but take no place among the `width` best: those
// that pass are as many as they would be without a filter.
//
//   Beam beam;
//   beam.Start(/*width=*/200);
//   if (beam.Wants(score)) beam.Add(row, score, filter.Passes(id));
//   while (beam.Next(&row)) ...              // the best row that was not followed
//
// One thread at a time.
#ifndef UPNEXT_ANN_BEAM_H_
#define UPNEXT_ANN_BEAM_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace upnext::ann {

class Beam {
 public:
  static constexpr uint32_t kMaxRows = uint32_t{1} << 30;  // Entry::row
  struct Entry {
    float score;
    uint32_t row : 30, passes : 1, followed : 1;
  };

  void Start(size_t width) {
    width_ = width;
    passing_ = next_ = 0;
    entries_.clear();
  }
  // False also for NaN.
  bool Wants(float score) const {
    return passing_ < width_ ? score == score : width_ > 0 && score > entries_.back().score;
  }
  // Only after Wants() returned true.
  void Add(uint32_t row, float score, bool passes) {
    const auto at = std::ranges::upper_bound(entries_, score, std::greater<>(), &Entry::score);
    next_ = std::min(next_, static_cast<size_t>(at - entries_.begin()));
    entries_.insert(
        at, {.score = score, .row = row & (kMaxRows - 1), .passes = passes, .followed = false});
    if (!passes || ++passing_ <= width_) return;
    // The last that passes leaves, and so does what is worse than the one before it.
    while (passing_ > width_ || !entries_.back().passes) {
      passing_ -= entries_.back().passes;
      entries_.pop_back();
    }
  }
  bool Next(uint32_t* row) {
    while (next_ < entries_.size() && entries_[next_].followed) ++next_;
    if (next_ == entries_.size()) return false;
    entries_[next_].followed = true;
    *row = entries_[next_++].row;
    return true;
  }
  size_t passing() const { return passing_; }
  const std::vector<Entry>& entries() const { return entries_; }  // best first

 private:
  size_t width_ = 0, passing_ = 0, next_ = 0;
  std::vector<Entry> entries_;  // with `width_` that pass the last one passes
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_BEAM_H_
