// The n best of a stream of scored rows: larger score first, ties to the smaller row.
//
//   TopHits top(100);
//   if (top.Wants(row, score) && !skip(row)) top.Add(row, score);
//   top.Take(&hits);                                  // best first; leaves the object empty
//
// One thread at a time.
#ifndef UPNEXT_RETRIEVAL_TOP_HITS_H_
#define UPNEXT_RETRIEVAL_TOP_HITS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "retrieval/index.h"

namespace upnext::retrieval {

inline bool BetterHit(const Hit& a, const Hit& b) {
  return a.score > b.score || (a.score == b.score && a.row < b.row);
}

class TopHits {
 public:
  explicit TopHits(size_t n) : n_(n) {}

  // False also for NaN, which is never among the best.
  bool Wants(uint32_t row, float score) const {
    if (heap_.size() < n_) return score == score;
    return n_ > 0 && BetterHit({row, score}, heap_.front());
  }
  // Call only if Wants() returned true.
  void Add(uint32_t row, float score) {
    if (heap_.size() == n_) {
      std::pop_heap(heap_.begin(), heap_.end(), BetterHit);
      heap_.back() = {row, score};
    } else {
      heap_.push_back({row, score});
    }
    std::push_heap(heap_.begin(), heap_.end(), BetterHit);
  }
  bool full() const { return heap_.size() >= n_; }
  size_t size() const { return heap_.size(); }
  float worst() const { return heap_.front().score; }  // of a non-empty one

  void Take(std::vector<Hit>* hits) {
    std::sort_heap(heap_.begin(), heap_.end(), BetterHit);
    hits->assign(heap_.begin(), heap_.end());
    heap_.clear();
  }

 private:
  size_t n_;
  std::vector<Hit> heap_;  // worst on top
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TOP_HITS_H_
