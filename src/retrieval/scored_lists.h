// Lists of scored items by a number: of an item, a topic, a channel. What generators learn once and
// then read from the mapped file of their part, since together such lists can be as large as a
// model.
//
//   UPNEXT_RETURN_IF_ERROR(SaveScoredLists(writer, "topic", lists));
//   UPNEXT_ASSIGN_OR_RETURN(ScoredLists read, ScoredLists::Load(file, "topic", items));
//   for (const ScoredItem& one : read.Of(topic)) ...                          best first
//
// Immutable: any number of threads. Views the file, which must outlive it.
#ifndef UPNEXT_RETRIEVAL_SCORED_LISTS_H_
#define UPNEXT_RETRIEVAL_SCORED_LISTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"
#include "retrieval/scored_items.h"

namespace upnext::retrieval {

// List k is items[offsets[k] .. offsets[k + 1]).
struct LearnedLists {
  std::vector<uint64_t> offsets{0};
  std::vector<ScoredItem> items;
  void Append(std::span<const ScoredItem> list) {
    items.insert(items.end(), list.begin(), list.end());
    offsets.push_back(items.size());
  }
};

class ScoredLists {
 public:
  // kDataLoss unless the sections divide into lists, every item is below `items` and every score is
  // finite.
  static Result<ScoredLists> Load(const base::SectionFile& file, const std::string& name,
                                  size_t items);
  std::span<const ScoredItem> Of(uint32_t key) const {  // empty beyond the last list
    if (size_t{key} + 1 >= offsets_.size()) return {};
    return items_.subspan(offsets_[key], offsets_[key + 1] - offsets_[key]);
  }

 private:
  std::span<const uint64_t> offsets_;
  std::span<const ScoredItem> items_;
};

// Sections NAME.offsets (u64) and NAME.lists (u64: the item in the lower half, the bits of the score
// in the upper).
Status SaveScoredLists(base::SectionWriter& writer, const std::string& name,
                       const LearnedLists& lists);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_SCORED_LISTS_H_
