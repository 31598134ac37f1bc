// Items that were posted and that no model was trained with, the newest first: of each topic, of each
// channel, and of all.
//
//   NewItemLists lists;
//   lists.Set(item, catalogue.item(item));                     or lists.Remove(item)
//   std::vector<ScoredItem> newest = lists.OfTopic(topic, 200);
//
// Any number of threads.
#ifndef UPNEXT_RETRIEVAL_NEW_ITEM_LISTS_H_
#define UPNEXT_RETRIEVAL_NEW_ITEM_LISTS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <shared_mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "retrieval/scored_items.h"
#include "schema/event.h"

namespace upnext::retrieval {

// The score of a new item: days from 1970 to its creation, 0 when that is not known.
float NewItemScore(const schema::Item& attributes);
// Newest first, of equally new ones the one that was named last.
struct NewestFirst {
  bool operator()(const ScoredItem& a, const ScoredItem& b) const {
    return a.score != b.score ? a.score > b.score : a.item > b.item;
  }
};

class NewItemLists {
 public:
  void Set(uint32_t item, const schema::Item& attributes);
  void Remove(uint32_t item);
  // The first `n` of a list.
  std::vector<ScoredItem> OfTopic(uint32_t topic, size_t n) const;
  std::vector<ScoredItem> OfChannel(uint32_t channel, size_t n) const;
  std::vector<ScoredItem> OfAll(size_t n) const;

 private:
  enum class Kind : uint8_t { kTopic, kChannel, kAll };
  using Key = std::pair<Kind, uint32_t>;
  using List = std::set<ScoredItem, NewestFirst>;
  std::vector<ScoredItem> Of(const Key& key, size_t n) const;
  void Erase(uint32_t item);  // needs the mutex

  struct Place {
    float score;
    std::vector<Key> lists;
  };
  mutable std::shared_mutex mutex_;
  std::map<Key, List> lists_;
  std::unordered_map<uint32_t, Place> places_;  // of an item
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_NEW_ITEM_LISTS_H_
