#include "evaluation/additive_effects.h"

#include <numeric>
#include <optional>
#include <utility>

namespace upnext::evaluation {

AdditiveEffects::AdditiveEffects(const std::vector<size_t>& groups, const GroupedRows& rows,
                                 double shrinkage)
    : shrinkage_(shrinkage) {
  const size_t n = rows.values.size();
  mean_ = std::reduce(rows.values.begin(), rows.values.end(), 0.0) / static_cast<double>(n);
  std::vector<double> rest;  // what mean and all effects leave
  for (const double value : rows.values) rest.push_back(value - mean_);
  std::vector<std::vector<double>> counts;
  for (size_t g = 0; g < groups.size(); ++g) {
    effects_.emplace_back(groups[g], 0.0);
    counts.emplace_back(groups[g], 0.0);
    for (const uint32_t group : rows.keys[g]) counts[g][group] += 1;
  }
  for (size_t round = 0; round < kRounds; ++round) {
    for (size_t g = 0; g < groups.size(); ++g) {
      const std::vector<uint32_t>& key = rows.keys[g];
      std::vector<double>& effect = effects_[g];
      std::vector<double> next(groups[g], 0.0);
      for (size_t i = 0; i < n; ++i) next[key[i]] += rest[i] + effect[key[i]];
      for (size_t group = 0; group < groups[g]; ++group) {
        if (counts[g][group] > 0) next[group] /= counts[g][group] + shrinkage;
      }
      for (size_t i = 0; i < n; ++i) rest[i] += effect[key[i]] - next[key[i]];
      effect = std::move(next);
    }
  }
}

AdditiveEffects AdditiveEffects::Choose(const std::vector<size_t>& groups, const GroupedRows& train,
                                        const GroupedRows& validation) {
  if (validation.values.empty()) return {groups, train, kUsualShrinkage};
  std::optional<AdditiveEffects> best;
  double least = 0;
  for (const double shrinkage : kShrinkages) {
    AdditiveEffects effects(groups, train, shrinkage);
    double error = 0;
    for (size_t i = 0; i < validation.values.size(); ++i) {
      const double difference = effects.Predict(validation.keys, i) - validation.values[i];
      error += difference * difference;
    }
    if (best && error >= least) continue;
    least = error;
    best = std::move(effects);
  }
  return *std::move(best);
}

double AdditiveEffects::Predict(const GroupKeys& keys, size_t row) const {
  double sum = mean_;
  for (size_t g = 0; g < effects_.size(); ++g) sum += effects_[g][keys[g][row]];
  return sum;
}

}  // namespace upnext::evaluation
