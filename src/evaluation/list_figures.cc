#include "evaluation/list_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/clock.h"
#include "base/rng.h"
#include "catalogue/catalogue.h"
#include "evaluation/metrics.h"
#include "log/event_log.h"
#include "retrieval/training_watches.h"
#include "schema/attribute.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

constexpr size_t kDebiasedAt[] = {10, 100};
constexpr size_t kSliceAt[] = {10, 100};
constexpr size_t kActivityGroups = 10;

struct AgeGroup {
  const char* name;
  double until_days;  // exclusive
};
constexpr AgeGroup kAgeGroups[] = {{"later than the list", 0},
                                   {"up to 1 day", 1},
                                   {"1 to 7 days", 7},
                                   {"7 to 30 days", 30},
                                   {"30 to 365 days", 365},
                                   {"older", std::numeric_limits<double>::infinity()},
                                   {"not known", std::numeric_limits<double>::quiet_NaN()}};

size_t AgeGroupOf(double days) {
  if (std::isnan(days)) return std::size(kAgeGroups) - 1;
  return static_cast<size_t>(
      std::ranges::find_if(kAgeGroups,
                           [&](const AgeGroup& group) { return days < group.until_days; }) -
      std::begin(kAgeGroups));
}

Metric Plain(double value) { return {value, kNoInterval}; }

// Columns of a slice from sums by kSliceAt, divided by what they are of.
Metrics SliceMetrics(std::span<const double> sums, uint64_t size) {
  Metrics metrics;
  for (size_t k = 0; k < std::size(kSliceAt); ++k) {
    metrics[fmt::format("recall@{}", kSliceAt[k])] = Plain(sums[k] / static_cast<double>(size));
  }
  return metrics;
}

}  // namespace

ListFigures::ListFigures(const examples::ReplaySource& source,
                         std::span<const examples::HoldoutCase> cases, uint64_t seed)
    : source_(source), cases_(cases), seed_(seed) {
  const std::vector<uint64_t> watches = retrieval::CountWatches(source);
  const uint64_t most = watches.empty() ? 0 : std::ranges::max(watches);
  for (uint32_t item = 0; item < watches.size(); ++item) {
    weights_.push_back(TargetWeight(watches[item], most));
    any_age_ |= source.catalogue.item(item).created_ms != schema::kNoTime;
  }
}

double ListFigures::AgeDays(uint32_t item, const examples::HoldoutCase& held_out) const {
  const int64_t created_ms = source_.catalogue.item(item).created_ms;
  if (created_ms == schema::kNoTime) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(held_out.context.time_ms - created_ms) / base::kDayMs;
}

void ListFigures::AddTo(std::span<const CaseRanks> ranks, Metrics* metrics) const {
  std::vector<uint64_t> listed(source_.log.items(), 0);
  double places = 0, young = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    for (const uint32_t item : ranks[i].top) {
      ++listed[item];
      ++places;
      const double days = AgeDays(item, cases_[i]);
      young += days >= 0 && days <= kNewItemDays ? 1 : 0;
    }
  }
  std::erase(listed, 0);
  const size_t present = source_.log.present(schema::Entity::kItem);
  (*metrics)["coverage@10"] =
      Plain(static_cast<double>(listed.size()) / static_cast<double>(present));
  listed.resize(present, 0);
  (*metrics)["gini@10"] = Plain(Gini(std::move(listed)));
  if (any_age_) (*metrics)["new@10"] = Plain(young / places);
  for (const size_t k : kDebiasedAt) {
    std::vector<double> found(ranks.size(), 0), all(ranks.size(), 0);
    for (size_t i = 0; i < ranks.size(); ++i) {
      for (const uint32_t target : cases_[i].targets) all[i] += weights_[target];
      for (size_t t = 0; t < ranks[i].ranks.size() && ranks[i].ranks[t] <= k; ++t) {
        found[i] += weights_[ranks[i].found[t]];
      }
    }
    base::Rng rng(seed_);
    (*metrics)[fmt::format("debiased_recall@{}", k)] = {
        std::accumulate(found.begin(), found.end(), 0.0) /
            std::accumulate(all.begin(), all.end(), 0.0),
        ranks.size() < kFewestUsers ? kNoInterval : BootstrapRatio(found, all, rng)};
  }
}

void ListFigures::AddSlicesByActivity(std::span<const std::string> models,
                                      std::span<const std::vector<CaseRanks>> ranks,
                                      std::vector<RetrievalSlice>* slices) const {
  const auto events = [&](uint32_t i) {
    return cases_[i].end_row - source_.log.begin(cases_[i].user);
  };
  std::vector<uint32_t> order(cases_.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, events);
  for (size_t g = 0; g < kActivityGroups; ++g) {
    const size_t begin = g * order.size() / kActivityGroups,
                 end = (g + 1) * order.size() / kActivityGroups;
    if (begin == end) continue;
    RetrievalSlice slice{
        .by = "events of the user before the list",
        .name = fmt::format("{} to {}", events(order[begin]), events(order[end - 1])),
        .of = "users",
        .size = end - begin,
        .rows = {}};
    for (size_t m = 0; m < models.size(); ++m) {
      double sums[std::size(kSliceAt)] = {};
      for (size_t at = begin; at < end; ++at) {
        const uint32_t i = order[at];
        for (size_t k = 0; k < std::size(kSliceAt); ++k) {
          sums[k] += Recall(ranks[m][i].ranks, cases_[i].targets.size(), kSliceAt[k]);
        }
      }
      slice.rows.push_back({models[m], SliceMetrics(sums, slice.size)});
    }
    slices->push_back(std::move(slice));
  }
}

void ListFigures::AddSlicesByAge(std::span<const std::string> models,
                                 std::span<const std::vector<CaseRanks>> ranks,
                                 std::vector<RetrievalSlice>* slices) const {
  constexpr size_t kColumns = std::size(kSliceAt);
  uint64_t targets[std::size(kAgeGroups)] = {};
  std::vector<double> found(models.size() * std::size(kAgeGroups) * kColumns, 0.0);
  const auto sums = [&](size_t group, size_t m) {
    return std::span(found).subspan((group * models.size() + m) * kColumns, kColumns);
  };
  for (size_t i = 0; i < cases_.size(); ++i) {
    for (const uint32_t target : cases_[i].targets)
      ++targets[AgeGroupOf(AgeDays(target, cases_[i]))];
    for (size_t m = 0; m < models.size(); ++m) {
      const CaseRanks& one = ranks[m][i];
      for (size_t t = 0; t < one.ranks.size(); ++t) {
        const std::span<double> of_group = sums(AgeGroupOf(AgeDays(one.found[t], cases_[i])), m);
        for (size_t k = 0; k < kColumns; ++k) of_group[k] += one.ranks[t] <= kSliceAt[k] ? 1 : 0;
      }
    }
  }
  for (size_t group = 0; group < std::size(kAgeGroups); ++group) {
    if (targets[group] == 0) continue;
    RetrievalSlice slice{.by = "age of the target when the list is made",
                         .name = kAgeGroups[group].name,
                         .of = "targets",
                         .size = targets[group],
                         .rows = {}};
    for (size_t m = 0; m < models.size(); ++m) {
      slice.rows.push_back({models[m], SliceMetrics(sums(group, m), slice.size)});
    }
    slices->push_back(std::move(slice));
  }
}

std::vector<RetrievalSlice> ListFigures::Slices(
    std::span<const std::string> models, std::span<const std::vector<CaseRanks>> ranks) const {
  std::vector<RetrievalSlice> slices;
  AddSlicesByActivity(models, ranks, &slices);
  if (any_age_) AddSlicesByAge(models, ranks, &slices);
  return slices;
}

}  // namespace upnext::evaluation
