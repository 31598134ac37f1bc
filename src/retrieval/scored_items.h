// Lists of items with scores, best first: what generators learn and keep.
//
//   std::vector<ScoredItem> list = RankByCount(counts);
//   UPNEXT_RETURN_IF_ERROR(SaveScoredItems(writer, "overall", list));
//   UPNEXT_ASSIGN_OR_RETURN(list, LoadScoredItems(file, "overall", items));
//
// Items are dense log ids. Functions without state: any number of threads.
#ifndef UPNEXT_RETRIEVAL_SCORED_ITEMS_H_
#define UPNEXT_RETRIEVAL_SCORED_ITEMS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"

namespace upnext::retrieval {

// Larger scores are better. Lists of a hundred for each of millions of items are kept: eight bytes.
struct ScoredItem {
  uint32_t item;
  float score;
  friend bool operator==(const ScoredItem&, const ScoredItem&) = default;
};
// Best first, ties to the smaller item.
inline bool BetterScore(const ScoredItem& a, const ScoredItem& b) {
  return a.score > b.score || (a.score == b.score && a.item < b.item);
}

// The items whose count is above 0, with their counts as scores, best first.
std::vector<ScoredItem> RankByCount(std::span<const uint64_t> counts);

// Sections NAME.items (u32) and NAME.scores (f32).
Status SaveScoredItems(base::SectionWriter& writer, const std::string& name,
                       std::span<const ScoredItem> list);
// kDataLoss unless every item is below `items` and every score is finite.
Result<std::vector<ScoredItem>> LoadScoredItems(const base::SectionFile& file,
                                                const std::string& name, size_t items);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_SCORED_ITEMS_H_
