#include "features/live_counts.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/checksum.h"
#include "base/clock.h"

namespace upnext::features {

using schema::Event;
using schema::EventType;
using schema::kNone;

namespace {

constexpr int64_t kHourMs = 3'600'000;

uint64_t CellKey(uint32_t region, uint32_t item) { return uint64_t{region} << 32 | item; }

void KeepBest(std::vector<LiveLists::Entry>& list, size_t most) {
  const auto better = [](const LiveLists::Entry& a, const LiveLists::Entry& b) {
    return a.score > b.score || (a.score == b.score && a.item < b.item);
  };
  const size_t kept = std::min(list.size(), most);
  std::partial_sort(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(kept), list.end(),
                    better);
  list.resize(kept);
}

}  // namespace

LiveOptions LiveOptions::FromConfig(const base::Config& config) {
  const base::ConfigTable trending = config.Table("generators").Table("trending");
  LiveOptions options;
  options.days = trending.Int("days", options.days, {.min = 1, .max = 36'500});
  options.half_life_hours =
      trending.Real("half_life_hours", options.half_life_hours, {.min = 0.01, .max = 1e6});
  options.max_age_days =
      trending.Real("max_age_days", options.max_age_days, {.min = 0, .max = 1e5});
  options.by_region = trending.Bool("by_region", options.by_region);
  return options;
}

bool LiveCounts::Counts(const Event& event, const catalogue::Catalogue& catalogue,
                        const PositiveRule& rule) const {
  if (event.item == kNone || event.time_ms == schema::kNoTime) return false;
  if (clicks_ && event.type == EventType::kClick) return true;
  return rule.IsPositive(event, catalogue.item(event.item));
}

void LiveCounts::Add(const Event& event, uint64_t user, const catalogue::Catalogue& catalogue,
                     const PositiveRule& rule) {
  if (!Counts(event, catalogue, rule)) return;
  base::MutexLock lock(mutex_);
  if (!IsFirst(user, event.item, event.time_ms)) return;
  newest_ms_ = std::max(newest_ms_, event.time_ms);
  Bump(CellKey(kNone, event.item), event.time_ms);
  if (options_.by_region && event.region != kNone) {
    Bump(CellKey(event.region, event.item), event.time_ms);
  }
  if (cells_.size() > kMostCells) Prune();
  changed_ = true;
}

// Two sets: when one is full it becomes the older one, so that the newest are remembered.
bool LiveCounts::IsFirst(uint64_t user, uint32_t item, int64_t time_ms) {
  const int64_t hour = time_ms / kHourMs;
  const uint64_t key =
      base::Fingerprint(std::string_view(reinterpret_cast<const char*>(&hour), sizeof(hour)),
                        user ^ (uint64_t{item} * 0x9e3779b97f4a7c15u));
  if (seen_before_.contains(key) || !seen_.insert(key).second) return false;
  if (seen_.size() >= kMostSeen) {
    seen_before_ = std::move(seen_);
    seen_ = {};
  }
  return true;
}

void LiveCounts::Bump(uint64_t key, int64_t time_ms) {
  const auto decay = [&](int64_t ms) {
    return static_cast<float>(
        std::exp2(-static_cast<double>(ms) / (options_.half_life_hours * kHourMs)));
  };
  Cell& cell = cells_[key];
  if (cell.count == 0) cell.ms = time_ms;
  if (time_ms >= cell.ms) {
    cell.count = cell.count * decay(time_ms - cell.ms) + 1;
    cell.ms = time_ms;
  } else {
    cell.count += decay(cell.ms - time_ms);
  }
}

float LiveCounts::ValueOf(const Cell& cell) const {
  const double half_lives = static_cast<double>(newest_ms_ - cell.ms) /
                            (options_.half_life_hours * static_cast<double>(kHourMs));
  return static_cast<float>(cell.count * std::exp2(-half_lives));
}

void LiveCounts::Prune() {
  std::vector<float> values;
  values.reserve(cells_.size());
  for (const auto& [key, cell] : cells_) values.push_back(ValueOf(cell));
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  const float least = *middle;
  size_t ties = kMostCells / 2;  // of equal values, not all may leave
  erase_if(cells_, [&](const auto& entry) UPNEXT_REQUIRES(mutex_) {
    const float value = ValueOf(entry.second);
    if (value < least) return true;
    if (value > least || ties == 0) return value == least;
    --ties;
    return false;
  });
}

std::shared_ptr<const LiveLists> LiveCounts::MakeLists() const {
  auto lists = std::make_shared<LiveLists>();
  lists->max_age_ms = static_cast<int64_t>(options_.max_age_days * base::kDayMs);
  base::MutexLock lock(mutex_);
  for (const auto& [key, cell] : cells_) {
    const auto region = static_cast<uint32_t>(key >> 32);
    const LiveLists::Entry entry{static_cast<uint32_t>(key), ValueOf(cell)};
    if (entry.score <= 0) continue;
    (region == kNone ? lists->overall : lists->by_region[region]).push_back(entry);
  }
  KeepBest(lists->overall, kListed);
  for (auto& [region, list] : lists->by_region) KeepBest(list, kListed);
  return lists;
}

std::shared_ptr<const LiveLists> LiveCounts::lists() const {
  {
    base::MutexLock lock(lists_mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (!changed_ || now - made_ < kRefresh) return lists_;
    made_ = now;  // the others use the lists of before meanwhile
  }
  changed_ = false;
  auto made = MakeLists();
  base::MutexLock lock(lists_mutex_);
  lists_ = std::move(made);
  return lists_;
}

}  // namespace upnext::features
