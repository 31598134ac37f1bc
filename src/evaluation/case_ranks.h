// Ranks of the relevant items of one held-out case among all items. Order: score, then popularity
// in training, then the smaller id.
//
//   CaseRanks ranks = RankCase(order, scores, hidden, targets);      // scores by position in `order`
//   double ndcg = Ndcg(ranks.ranks, targets.size(), 10);
//
// Pure functions: any number of threads.
#ifndef UPNEXT_EVALUATION_CASE_RANKS_H_
#define UPNEXT_EVALUATION_CASE_RANKS_H_

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "features/vocabulary.h"

namespace upnext::evaluation {

// The order that breaks ties between equal scores.
struct ItemOrder {
  std::vector<uint32_t> items;     // by position; kNone for an empty position
  std::vector<uint32_t> position;  // by item; kNone for an item that cannot be ranked
  size_t size() const { return items.size(); }

  // All items of the log: by count, larger first, then by id.
  static ItemOrder ByCount(std::span<const uint64_t> counts);
  // Position r is row r of the vocabulary, which is sorted in the same order; row 0 is no item.
  static ItemOrder OfVocabulary(const features::Vocabulary& vocabulary, uint32_t items);
};

inline constexpr float kUnranked = -std::numeric_limits<float>::infinity();
inline constexpr size_t kTop = 10;

struct CaseRanks {
  std::vector<uint32_t> ranks;  // of the targets that have a position, from 1, ascending
  std::vector<uint32_t> found;  // these targets, in the order of their ranks
  std::vector<uint32_t> top;    // the kTop best items, best first
};
// scores [order.size()], kUnranked or NaN for positions that are not ranked. Scores of `hidden` are
// overwritten by kUnranked, those of targets too: what a feed leaves out is a miss.
CaseRanks RankCase(const ItemOrder& order, std::span<float> scores,
                   std::span<const uint32_t> hidden, std::span<const uint32_t> targets);
// Of a list that was made already, best first: targets that it does not have are not ranked.
CaseRanks RanksInList(std::span<const uint32_t> list, std::span<const uint32_t> targets);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_CASE_RANKS_H_
