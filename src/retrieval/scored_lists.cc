#include "retrieval/scored_lists.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace upnext::retrieval {

// Section files are little-endian, so in memory a packed number is a ScoredItem.
static_assert(sizeof(ScoredItem) == sizeof(uint64_t) && alignof(ScoredItem) <= alignof(uint64_t));
static_assert(offsetof(ScoredItem, item) == 0 && std::endian::native == std::endian::little);

Result<ScoredLists> ScoredLists::Load(const base::SectionFile& file, const std::string& name,
                                      size_t items) {
  ScoredLists lists;
  UPNEXT_ASSIGN_OR_RETURN(lists.offsets_, file.Get<uint64_t>(name + ".offsets"));
  UPNEXT_ASSIGN_OR_RETURN(const std::span<const uint64_t> packed,
                          file.Get<uint64_t>(name + ".lists"));
  lists.items_ = {reinterpret_cast<const ScoredItem*>(packed.data()), packed.size()};
  const std::span<const uint64_t> offsets = lists.offsets_;
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != packed.size() ||
      !std::ranges::is_sorted(offsets)) {
    return DataLoss("{}: {}.offsets does not fit the {} items it should divide; train again",
                    file.path().string(), name, packed.size());
  }
  for (const ScoredItem& one : lists.items_) {
    if (one.item < items && std::isfinite(one.score)) continue;
    return DataLoss(
        "{}: section {}.lists holds item {} with score {}, where {} items are known; train again",
        file.path().string(), name, one.item, one.score, items);
  }
  file.Release(packed);
  return lists;
}

Status SaveScoredLists(base::SectionWriter& writer, const std::string& name,
                       const LearnedLists& lists) {
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>(name + ".offsets", lists.offsets));
  UPNEXT_RETURN_IF_ERROR(writer.Begin(name + ".lists", base::ElementType::kU64));
  UPNEXT_RETURN_IF_ERROR(writer.Append(std::as_bytes(std::span(lists.items))));
  return writer.End();
}

}  // namespace upnext::retrieval
