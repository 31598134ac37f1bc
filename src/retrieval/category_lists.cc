#include "retrieval/category_lists.h"

#include <vector>

#include "schema/event.h"

namespace upnext::retrieval {
namespace {

// `categories(item, add)` calls add(id) for each category of an item.
template <typename Categories>
LearnedLists ListsBy(uint32_t ids, std::span<const ScoredItem> items, size_t most,
                     const Categories& categories) {
  std::vector<std::vector<ScoredItem>> lists(ids);
  for (const ScoredItem& one : items) {
    categories(one.item, [&](uint32_t id) {
      if (lists[id].size() < most) lists[id].push_back(one);
    });
  }
  LearnedLists learned;
  for (const std::vector<ScoredItem>& list : lists) learned.Append(list);
  return learned;
}

}  // namespace

LearnedLists ListsByTopic(const catalogue::Catalogue& catalogue, std::span<const ScoredItem> items,
                          size_t most) {
  return ListsBy(catalogue.log().dictionary(schema::IdSpace::kTopic).size(), items, most,
                 [&](uint32_t item, const auto& add) {
                   for (const uint32_t topic : catalogue.item(item).topics) add(topic);
                 });
}

LearnedLists ListsByChannel(const catalogue::Catalogue& catalogue,
                            std::span<const ScoredItem> items, size_t most) {
  return ListsBy(catalogue.log().dictionary(schema::IdSpace::kChannel).size(), items, most,
                 [&](uint32_t item, const auto& add) {
                   const uint32_t channel = catalogue.item(item).channel;
                   if (channel != schema::kNone) add(channel);
                 });
}

}  // namespace upnext::retrieval
