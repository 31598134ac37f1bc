#include "retrieval/new_item_lists.h"

#include <mutex>

#include "base/clock.h"

namespace upnext::retrieval {

float NewItemScore(const schema::Item& attributes) {
  if (attributes.created_ms == schema::kNoTime) return 0;
  return static_cast<float>(static_cast<double>(attributes.created_ms) / base::kDayMs);
}

void NewItemLists::Erase(uint32_t item) {
  const auto place = places_.find(item);
  if (place == places_.end()) return;
  for (const Key& key : place->second.lists) {
    const auto list = lists_.find(key);
    list->second.erase({item, place->second.score});
    if (list->second.empty()) lists_.erase(list);
  }
  places_.erase(place);
}

void NewItemLists::Remove(uint32_t item) {
  const std::unique_lock lock(mutex_);
  Erase(item);
}

void NewItemLists::Set(uint32_t item, const schema::Item& attributes) {
  Place place{.score = NewItemScore(attributes), .lists = {{Kind::kAll, 0}}};
  for (const uint32_t topic : attributes.topics) place.lists.emplace_back(Kind::kTopic, topic);
  if (attributes.channel != schema::kNone) {
    place.lists.emplace_back(Kind::kChannel, attributes.channel);
  }
  const std::unique_lock lock(mutex_);
  Erase(item);
  for (const Key& key : place.lists) lists_[key].insert({item, place.score});
  places_.emplace(item, std::move(place));
}

std::vector<ScoredItem> NewItemLists::Of(const Key& key, size_t n) const {
  const std::shared_lock lock(mutex_);
  const auto list = lists_.find(key);
  if (list == lists_.end()) return {};
  std::vector<ScoredItem> newest;
  for (const ScoredItem& one : list->second) {
    if (newest.size() == n) break;
    newest.push_back(one);
  }
  return newest;
}

std::vector<ScoredItem> NewItemLists::OfTopic(uint32_t topic, size_t n) const {
  return Of({Kind::kTopic, topic}, n);
}
std::vector<ScoredItem> NewItemLists::OfChannel(uint32_t channel, size_t n) const {
  return Of({Kind::kChannel, channel}, n);
}
std::vector<ScoredItem> NewItemLists::OfAll(size_t n) const { return Of({Kind::kAll, 0}, n); }

}  // namespace upnext::retrieval
