// The k best of scores that come one at a time: larger score first, ties to the smaller index.
// Where all scores are in an array already, TopK (vector_ops.h) is faster.
//
//   TopScored top(100);
//   if (top.Wants(index, score) && !skip(index)) top.Add(index, score);
//   std::vector<Scored> best = top.Take();            // best first; `top` is empty again
//
// One thread at a time.
#ifndef UPNEXT_KERNELS_TOP_SCORED_H_
#define UPNEXT_KERNELS_TOP_SCORED_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/vector_ops.h"

namespace upnext::kernels {

inline bool Better(const Scored& a, const Scored& b) {
  return a.score > b.score || (a.score == b.score && a.index < b.index);
}

class TopScored {
 public:
  explicit TopScored(size_t k) : k_(k) {}

  // False also for NaN, which is never among the best.
  bool Wants(uint32_t index, float score) const {
    if (heap_.size() < k_) return score == score;
    return k_ > 0 && Better({index, score}, heap_.front());
  }
  // Only after Wants() returned true.
  void Add(uint32_t index, float score) {
    if (heap_.size() == k_) {
      std::pop_heap(heap_.begin(), heap_.end(), Better);
      heap_.back() = {index, score};
    } else {
      heap_.push_back({index, score});
    }
    std::push_heap(heap_.begin(), heap_.end(), Better);
  }
  bool full() const { return heap_.size() >= k_; }
  size_t size() const { return heap_.size(); }
  float worst() const { return heap_.front().score; }  // only if size() > 0

  std::vector<Scored> Take() {
    std::sort_heap(heap_.begin(), heap_.end(), Better);
    return std::exchange(heap_, {});
  }

 private:
  size_t k_;
  std::vector<Scored> heap_;  // the worst is at the front
};

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_TOP_SCORED_H_
