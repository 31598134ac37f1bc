#include "features/user_state.h"

#include <algorithm>
#include <cmath>

namespace upnext::features {

using schema::EventType;

namespace {

// Longer watches are taken for errors of the source; the bound keeps every sum finite.
constexpr float kMaxWatchSeconds = 1e7f;

// Drops the eighth of the histories that was touched longest ago.
template <typename Map>
void Forget(Map& histories) {
  std::vector<std::pair<int64_t, uint32_t>> age;
  age.reserve(histories.size());
  for (const auto& [id, history] : histories) age.emplace_back(history.last_ms, id);
  const size_t leaving = std::max<size_t>(1, age.size() / 8);
  std::nth_element(age.begin(), age.begin() + static_cast<std::ptrdiff_t>(leaving) - 1, age.end());
  for (size_t i = 0; i < leaving; ++i) histories.erase(age[i].second);
}

// The history of `id`, made when it is new. The newcomer is touched before anything is forgotten,
// so that it stays unless its event is older than all others.
template <typename Map>
auto& Touch(Map& histories, uint32_t id, int64_t time_ms) {
  auto& history = histories.try_emplace(id, typename Map::mapped_type{id}).first->second;
  history.last_ms = std::max(history.last_ms, time_ms);
  return history;
}

}  // namespace

struct UserState::Effect {
  bool watched = false;   // a watch or a complete event
  bool complete = false;  // by the rule
  float seconds = 0;      // watched
  schema::Item item;      // of watches always, else only when histories are kept
};

void UserState::Bag::Push(TimedId entry) {
  if (entries_.size() == 2 * kBagLimit) {
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  entries_.push_back(entry);
  if (entries_.size() - begin_ > kBagLimit) ++begin_;
}

void UserState::Bag::Remove(uint32_t id) {
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(begin_);
  entries_.erase(
      std::remove_if(first, entries_.end(), [id](const TimedId& entry) { return entry.id == id; }),
      entries_.end());
}

void UserState::Apply(const schema::Event& event, const catalogue::Catalogue& catalogue,
                      const PositiveRule& rule) {
  if (event.time_ms == schema::kNoTime) return;
  Effect effect;
  effect.watched = event.type == EventType::kWatch || event.type == EventType::kComplete;
  const bool has_item = event.item != schema::kNone;
  if (has_item && (effect.watched || parts_ == Parts::kAll)) {
    effect.item = catalogue.item(event.item);
  }
  if (effect.watched) {
    effect.complete = rule.IsComplete(event, effect.item);
    if (event.type == EventType::kWatch && event.value > 0) {
      effect.seconds = std::min(event.value, kMaxWatchSeconds);
    }
  }
  ApplyTotals(event, effect);
  ApplyBags(event, effect);
  if (parts_ != Parts::kAll || !has_item) return;
  ApplyItem(event, effect);
  ApplyAffinity(channels_, effect.item.channel, kMaxChannels, event, effect);
  for (const uint32_t topic : effect.item.topics) {
    ApplyAffinity(topics_, topic, kMaxTopics, event, effect);
  }
}

void UserState::ApplyTotals(const schema::Event& event, const Effect& effect) {
  if (totals_.events++ == 0) totals_.first_ms = event.time_ms;
  totals_.first_ms = std::min(totals_.first_ms, event.time_ms);
  totals_.last_ms = std::max(totals_.last_ms, event.time_ms);
  totals_.complete += effect.complete ? 1 : 0;
  switch (event.type) {
    case EventType::kImpression:
      ++totals_.impressions;
      break;
    case EventType::kClick:
      ++totals_.clicks;
      break;
    case EventType::kWatch:
      ++totals_.watches;
      totals_.watch_s += static_cast<double>(effect.seconds);
      if (effect.item.duration_s > 0 && !std::isnan(event.value)) {
        ++totals_.share_watches;
        totals_.watch_share += std::min(
            1.0, static_cast<double>(effect.seconds) / static_cast<double>(effect.item.duration_s));
      }
      break;
    case EventType::kLike:
      ++totals_.likes;
      break;
    case EventType::kDislike:
    case EventType::kDismiss:
      ++totals_.dislikes;
      break;
    case EventType::kSearch:
      ++totals_.searches;
      break;
    default:
      break;
  }
}

void UserState::ApplyBags(const schema::Event& event, const Effect& effect) {
  if (event.type == EventType::kSearch) {
    if (event.query != schema::kNone) searches_.Push({event.query, event.time_ms});
    return;
  }
  if (event.item == schema::kNone) return;
  if (effect.complete) watches_.Push({event.item, event.time_ms});
  switch (event.type) {
    case EventType::kLike:
      likes_.Remove(event.item);
      likes_.Push({event.item, event.time_ms});
      break;
    case EventType::kDislike:
    case EventType::kDismiss:
      likes_.Remove(event.item);
      break;
    default:
      break;
  }
}

void UserState::ApplyItem(const schema::Event& event, const Effect& effect) {
  ItemHistory& history = Touch(items_, event.item, event.time_ms);
  if (effect.watched) {
    history.watches += event.type == EventType::kWatch ? 1 : 0;
    history.complete += effect.complete ? 1 : 0;
    history.last_watch_ms = std::max(history.last_watch_ms, event.time_ms);
    history.impressions = 0;
  }
  switch (event.type) {
    case EventType::kImpression:
      ++history.impressions;
      history.last_impression_ms = std::max(history.last_impression_ms, event.time_ms);
      break;
    case EventType::kLike:
      history.disliked = false;
      break;
    case EventType::kDislike:
    case EventType::kDismiss:
      history.disliked = true;
      break;
    default:
      break;
  }
  if (items_.size() > kMaxItems) Forget(items_);
}

void UserState::ApplyAffinity(Histories<AffinityHistory>& histories, uint32_t id, size_t cap,
                              const schema::Event& event, const Effect& effect) {
  const bool counts =
      effect.watched || event.type == EventType::kImpression || event.type == EventType::kClick;
  if (id == schema::kNone || !counts) return;
  AffinityHistory& history = Touch(histories, id, event.time_ms);
  if (effect.watched) {
    history.watches += event.type == EventType::kWatch ? 1 : 0;
    history.complete += effect.complete ? 1 : 0;
    history.watch_s += effect.seconds;
    history.last_watch_ms = std::max(history.last_watch_ms, event.time_ms);
  }
  history.impressions += event.type == EventType::kImpression ? 1 : 0;
  history.clicks += event.type == EventType::kClick ? 1 : 0;
  if (histories.size() > cap) Forget(histories);
}

bool UserState::HasWatched(uint32_t item) const {
  const ItemHistory* history = this->item(item);
  return history != nullptr && (history->watches > 0 || history->complete > 0);
}

size_t UserState::MemoryBytes() const {
  const auto bytes_of = [](const auto& histories) {
    using Entry = typename std::remove_cvref_t<decltype(histories)>::value_type;
    return histories.bucket_count() * (sizeof(Entry) + 1);
  };
  return sizeof(*this) + watches_.bytes() + searches_.bytes() + likes_.bytes() +
         bytes_of(channels_) + bytes_of(topics_) + bytes_of(items_);
}

}  // namespace upnext::features
