// Which ids a search may return: those that neither part leaves out. By default every id.
//
//   std::vector<uint64_t> removed = ...;               // bit id % 64 of word id / 64
//   index.Search(query, 10, {.excluded = removed}, &hits);
//
//   const auto unseen = [&](uint32_t id) { return !seen.contains(id); };
//   index.Search(query, 10, Filter::Of(unseen), &hits);
//
// A view: the bitmap and the predicate's context must outlive the search. The predicate runs on the
// thread that searches, only for ids that would otherwise be among the best, or, where few pass, for
// every id.
#ifndef UPNEXT_ANN_FILTER_H_
#define UPNEXT_ANN_FILTER_H_

#include <cstdint>
#include <span>

namespace upnext::ann {

struct Filter {
  std::span<const uint64_t> excluded = {};  // a set bit leaves its id out; ids beyond the end pass
  bool (*passes)(const void* context, uint32_t id) = nullptr;  // false leaves the id out
  const void* context = nullptr;

  // A filter that calls `predicate(id)`.
  template <typename Predicate>
  static Filter Of(const Predicate& predicate) {
    return {.passes = [](const void* context,
                         uint32_t id) { return (*static_cast<const Predicate*>(context))(id); },
            .context = &predicate};
  }
  template <typename Predicate>
  static Filter Of(const Predicate&&) = delete;  // would not outlive the call

  bool Passes(uint32_t id) const {
    const size_t word = id / 64;
    if (word < excluded.size() && (excluded[word] >> (id % 64) & 1) != 0) return false;
    return passes == nullptr || passes(context, id);
  }
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_FILTER_H_
