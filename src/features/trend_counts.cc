#include "features/trend_counts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>

#include "base/checksum.h"
#include "base/clock.h"

namespace upnext::features {

namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr double kMostHalfLives = 500;  // from base_ms_ on: 2^1024 is beyond a double
// A region's choices are taken together with this many that are made as those of all regions, since few
// choices say little about a region.
constexpr double kRegionPrior = 100;

void KeepBest(std::vector<LiveLists::Entry>* list) {
  const auto better = [](const LiveLists::Entry& a, const LiveLists::Entry& b) {
    return a.score > b.score || (a.score == b.score && a.item < b.item);
  };
  const size_t kept = std::min(list->size(), TrendCounts::kListed);
  std::partial_sort(list->begin(), list->begin() + static_cast<std::ptrdiff_t>(kept), list->end(),
                    better);
  list->resize(kept);
}

template <typename Cells>
double Total(const Cells& cells) {
  double total = 0;
  for (const auto& [item, count] : cells) total += count;
  return total;
}

// Counts of all regions with those of this one, which count the more, the more choices there are in
// all: the order of count + kRegionPrior * share of all. `best` are the overall best, `total` is the
// count of all; `now` makes counts those of the newest event.
template <typename Cells>
std::vector<LiveLists::Entry> OfRegion(const Cells& region, const Cells& overall,
                                       std::span<const LiveLists::Entry> best, double total,
                                       double now) {
  const double weight = total * now / kRegionPrior;
  std::vector<LiveLists::Entry> list;
  for (const auto& [item, count] : region) {
    const auto everywhere = overall.find(item);
    const double of_all = everywhere == overall.end() ? count : everywhere->second;
    const auto score = static_cast<float>((of_all + count * weight) * now);
    if (score > 0) list.push_back({item, score});
  }
  for (const LiveLists::Entry& entry : best) {
    if (!region.contains(entry.item)) list.push_back(entry);
  }
  KeepBest(&list);
  return list;
}

}  // namespace

LiveOptions LiveOptions::FromConfig(const base::Config& config) {
  const base::ConfigTable trending = config.Table("generators").Table("trending");
  LiveOptions options;
  options.days = trending.Int("days", options.days, {.min = 1, .max = 36'500});
  if (trending.Has("half_life_hours")) {
    options.half_life_hours =
        trending.Real("half_life_hours", kHalfLifeHours, {.min = 0.01, .max = 1e6});
  }
  options.max_age_days =
      trending.Real("max_age_days", options.max_age_days, {.min = 0, .max = 1e5});
  options.by_region = trending.Bool("by_region", options.by_region);
  options.every =
      static_cast<uint32_t>(trending.Int("every", options.every, {.min = 0, .max = 1'000}));
  return options;
}

LiveOptions LiveOptions::OrHalfLife(double hours) const {
  LiveOptions options = *this;
  if (options.half_life_hours == 0) options.half_life_hours = hours;
  return options;
}

TrendCounts::TrendCounts(const LiveOptions& options)
    : options_(options),
      half_life_ms_(options.OrHalfLife(LiveOptions::kHalfLifeHours).half_life_hours * kHourMs) {}

void TrendCounts::Add(const Choice& choice) {
  if (cells_ == 0) base_ms_ = newest_ms_ = choice.time_ms;
  newest_ms_ = std::max(newest_ms_, choice.time_ms);
  if (static_cast<double>(choice.time_ms - base_ms_) > kMostHalfLives * half_life_ms_) {
    Rebase(choice.time_ms);
  }
  const double count = static_cast<double>(choice.weight) *
                       std::exp2(static_cast<double>(choice.time_ms - base_ms_) / half_life_ms_);
  const auto add = [&](Cells& cells) {
    const auto [cell, is_new] = cells.try_emplace(choice.item, 0);
    cell->second += count;
    cells_ += is_new ? 1 : 0;
  };
  add(overall_);
  if (options_.by_region && choice.region != schema::kNone) add(by_region_[choice.region]);
  if (cells_ > kMostCells) Prune();
}

void TrendCounts::Rebase(int64_t time_ms) {
  const double factor = std::exp2(static_cast<double>(base_ms_ - time_ms) / half_life_ms_);
  for (auto& [item, count] : overall_) count *= factor;
  for (auto& [region, cells] : by_region_) {
    for (auto& [item, count] : cells) count *= factor;
  }
  base_ms_ = time_ms;
}

void TrendCounts::Prune() {
  std::vector<double> counts;
  counts.reserve(cells_);
  for (const auto& [item, count] : overall_) counts.push_back(count);
  for (const auto& [region, cells] : by_region_) {
    for (const auto& [item, count] : cells) counts.push_back(count);
  }
  const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
  std::nth_element(counts.begin(), middle, counts.end());
  const double least = *middle;
  size_t ties = kMostCells / 2;  // of equal counts, not all may leave
  const auto leaves = [&](const auto& cell) {
    if (cell.second != least || ties == 0) return cell.second <= least;
    --ties;
    return false;
  };
  cells_ -= erase_if(overall_, leaves);
  for (auto& [region, cells] : by_region_) cells_ -= erase_if(cells, leaves);
  erase_if(by_region_, [](const auto& entry) { return entry.second.empty(); });
}

std::vector<LiveLists::Entry> TrendCounts::Best(const Cells& cells) const {
  const double now = std::exp2(static_cast<double>(base_ms_ - newest_ms_) / half_life_ms_);
  std::vector<LiveLists::Entry> list;
  list.reserve(cells.size());
  for (const auto& [item, count] : cells) {
    const auto score = static_cast<float>(count * now);
    if (score > 0) list.push_back({item, score});
  }
  KeepBest(&list);
  return list;
}

LiveLists TrendCounts::Empty() const {
  return {.overall = {},
          .by_region = {},
          .max_age_ms =
              static_cast<int64_t>(options_.max_age_days * static_cast<double>(base::kDayMs))};
}

LiveLists TrendCounts::Lists() const {
  LiveLists lists = Empty();
  lists.overall = Best(overall_);
  const double total = Total(overall_);
  const double now = std::exp2(static_cast<double>(base_ms_ - newest_ms_) / half_life_ms_);
  for (const auto& [region, cells] : by_region_) {
    lists.by_region[region] = OfRegion(cells, overall_, lists.overall, total, now);
  }
  return lists;
}

LiveLists TrendCounts::ListsOf(uint32_t region) const {
  LiveLists lists = Empty();
  lists.overall = Best(overall_);
  const double now = std::exp2(static_cast<double>(base_ms_ - newest_ms_) / half_life_ms_);
  if (const auto own = by_region_.find(region); own != by_region_.end()) {
    lists.by_region[region] = OfRegion(own->second, overall_, lists.overall, Total(overall_), now);
  }
  return lists;
}

bool FirstChoices::Add(const Choice& choice) {
  const std::array<int64_t, 2> once = {choice.time_ms / kHourMs,
                                       std::bit_cast<int32_t>(choice.weight)};
  const uint64_t key =
      base::Fingerprint(std::string_view(reinterpret_cast<const char*>(&once), sizeof(once)),
                        choice.user ^ (uint64_t{choice.item} * 0x9e3779b97f4a7c15u));
  if (older_.contains(key) || !newer_.insert(key).second) return false;
  if (newer_.size() >= kMost) {
    older_ = std::move(newer_);
    newer_ = {};
  }
  return true;
}

}  // namespace upnext::features
