#include "evaluation/metrics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace upnext::evaluation {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double Discount(size_t rank) { return 1.0 / std::log2(static_cast<double>(rank) + 1.0); }

double Ratio(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : kNaN;
}

// Counts of the values so far, by rank among all values (Fenwick tree).
class CountTree {
 public:
  explicit CountTree(size_t values) : sums_(values + 1, 0), counts_(values, 0) {}
  void Add(size_t value) {
    ++counts_[value];
    ++total_;
    for (size_t i = value + 1; i < sums_.size(); i += i & (~i + 1)) ++sums_[i];
  }
  uint64_t below(size_t value) const {
    uint64_t sum = 0;
    for (size_t i = value; i > 0; i -= i & (~i + 1)) sum += sums_[i];
    return sum;
  }
  uint64_t at(size_t value) const { return counts_[value]; }
  uint64_t above(size_t value) const { return total_ - below(value) - at(value); }
  uint64_t total() const { return total_; }

 private:
  std::vector<uint64_t> sums_, counts_;
  uint64_t total_ = 0;
};

std::vector<uint32_t> OrderBy(std::span<const float> values) {
  std::vector<uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return values[a] < values[b] || (values[a] == values[b] && a < b);
  });
  return order;
}

// Dense ranks from 0, with equal values sharing one. Returns the number of ranks.
size_t DenseRanks(std::span<const float> values, std::vector<uint32_t>* ranks) {
  const std::vector<uint32_t> order = OrderBy(values);
  ranks->resize(values.size());
  uint32_t rank = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && values[order[i]] != values[order[i - 1]]) ++rank;
    (*ranks)[order[i]] = rank;
  }
  return order.empty() ? 0 : rank + 1;
}

// The 2.5 % and 97.5 % points of `draws`, ignoring NaN (a round without data).
Interval Percentiles(std::vector<double> draws) {
  std::erase_if(draws, [](double draw) { return std::isnan(draw); });
  if (draws.empty()) return kNoInterval;
  std::sort(draws.begin(), draws.end());
  const auto at = [&](double share) {
    const double position = share * static_cast<double>(draws.size() - 1);
    const size_t low = static_cast<size_t>(position);
    const size_t high = std::min(low + 1, draws.size() - 1);
    return draws[low] + (draws[high] - draws[low]) * (position - static_cast<double>(low));
  };
  return {at(0.025), at(0.975)};
}

}  // namespace

double HitRate(std::span<const uint32_t> ranks, size_t k) {
  return std::ranges::any_of(ranks, [k](uint32_t rank) { return rank <= k; }) ? 1.0 : 0.0;
}

double Recall(std::span<const uint32_t> ranks, size_t relevant, size_t k) {
  const auto found = std::ranges::count_if(ranks, [k](uint32_t rank) { return rank <= k; });
  return Ratio(static_cast<double>(found), static_cast<double>(relevant));
}

double Ndcg(std::span<const uint32_t> ranks, size_t relevant, size_t k) {
  double gain = 0, ideal = 0;
  for (const uint32_t rank : ranks) gain += rank <= k ? Discount(rank) : 0.0;
  for (size_t rank = 1; rank <= std::min(relevant, k); ++rank) ideal += Discount(rank);
  return Ratio(gain, ideal);
}

double AveragePrecision(std::span<const uint32_t> ranks, size_t relevant) {
  double sum = 0;
  for (size_t i = 0; i < ranks.size(); ++i) {
    sum += static_cast<double>(i + 1) / static_cast<double>(ranks[i]);
  }
  return Ratio(sum, static_cast<double>(relevant));
}

double Gini(std::vector<uint64_t> listed) {
  std::ranges::sort(listed);
  const auto n = static_cast<double>(listed.size());
  double sum = 0, weighted = 0;
  for (size_t i = 0; i < listed.size(); ++i) {
    const auto count = static_cast<double>(listed[i]);
    sum += count;
    weighted += (2 * static_cast<double>(i + 1) - n - 1) * count;
  }
  return Ratio(weighted, n * sum);
}

double TargetWeight(uint64_t watches, uint64_t most) {
  const double inverse =
      static_cast<double>(most) / static_cast<double>(std::max<uint64_t>(1, watches));
  return std::clamp(inverse, 1.0, kMostTargetWeight);
}

PairCounts CountPairs(std::span<const float> predictions, std::span<const float> targets) {
  const size_t n = predictions.size();
  PairCounts pairs{std::vector<double>(n, 0.0), std::vector<double>(n, 0.0)};
  std::vector<uint32_t> rank;
  const size_t ranks = DenseRanks(predictions, &rank);
  const std::vector<uint32_t> order = OrderBy(targets);
  // Each example is compared with those of lower targets in ascending order and with those of
  // higher targets in descending order.
  CountTree lower(ranks), higher(ranks);
  for (size_t begin = 0; begin < n;) {
    size_t end = begin;
    while (end < n && targets[order[end]] == targets[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) {
      const uint32_t example = order[i];
      pairs.ordered[example] += static_cast<double>(lower.below(rank[example])) +
                                0.5 * static_cast<double>(lower.at(rank[example]));
      pairs.compared[example] += static_cast<double>(lower.total());
    }
    for (size_t i = begin; i < end; ++i) lower.Add(rank[order[i]]);
    begin = end;
  }
  for (size_t end = n; end > 0;) {
    size_t begin = end;
    while (begin > 0 && targets[order[begin - 1]] == targets[order[end - 1]]) --begin;
    for (size_t i = begin; i < end; ++i) {
      const uint32_t example = order[i];
      pairs.ordered[example] += static_cast<double>(higher.above(rank[example])) +
                                0.5 * static_cast<double>(higher.at(rank[example]));
      pairs.compared[example] += static_cast<double>(higher.total());
    }
    for (size_t i = begin; i < end; ++i) higher.Add(rank[order[i]]);
    end = begin;
  }
  return pairs;
}

double PairShare(const PairCounts& pairs) {
  return Ratio(std::reduce(pairs.ordered.begin(), pairs.ordered.end()),
               std::reduce(pairs.compared.begin(), pairs.compared.end()));
}

double MeanAbsoluteError(std::span<const float> predictions, std::span<const float> targets) {
  double sum = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    sum += std::abs(static_cast<double>(predictions[i]) - static_cast<double>(targets[i]));
  }
  return Ratio(sum, static_cast<double>(predictions.size()));
}

double RootMeanSquaredError(std::span<const float> predictions, std::span<const float> targets) {
  double sum = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    const double error = static_cast<double>(predictions[i]) - static_cast<double>(targets[i]);
    sum += error * error;
  }
  return std::sqrt(Ratio(sum, static_cast<double>(predictions.size())));
}

PageLoss WeightedPageLoss(std::span<const double> scores, std::span<const float> watch_s,
                          std::span<const uint8_t> clicked) {
  std::vector<double> negatives;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (clicked[i] == 0) negatives.push_back(scores[i]);
  }
  std::sort(negatives.begin(), negatives.end());
  PageLoss loss;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (clicked[i] == 0) continue;
    const auto [first, last] = std::equal_range(negatives.begin(), negatives.end(), scores[i]);
    const double above = static_cast<double>(negatives.end() - last);
    const double ties = static_cast<double>(last - first);
    const double watched = static_cast<double>(watch_s[i]);
    loss.wrong += watched * (above + 0.5 * ties);
    loss.total += watched * static_cast<double>(negatives.size());
  }
  return loss;
}

std::vector<CalibrationBin> Calibration(std::span<const float> predictions,
                                        std::span<const float> targets, size_t bins) {
  const std::vector<uint32_t> order = OrderBy(predictions);
  const size_t n = order.size();
  bins = std::min(bins, n);
  std::vector<CalibrationBin> result;
  for (size_t bin = 0; bin < bins; ++bin) {
    const size_t begin = bin * n / bins, end = (bin + 1) * n / bins;
    double predicted = 0, observed = 0;
    for (size_t i = begin; i < end; ++i) {
      predicted += static_cast<double>(predictions[order[i]]);
      observed += static_cast<double>(targets[order[i]]);
    }
    const double count = static_cast<double>(end - begin);
    result.push_back({predicted / count, observed / count, end - begin});
  }
  return result;
}

double CalibrationSlope(std::span<const CalibrationBin> bins) {
  double weight = 0, mean_x = 0, mean_y = 0;
  for (const CalibrationBin& bin : bins) {
    const double w = static_cast<double>(bin.examples);
    weight += w;
    mean_x += w * bin.predicted;
    mean_y += w * bin.observed;
  }
  double xx = 0, xy = 0;
  for (const CalibrationBin& bin : bins) {
    const double w = static_cast<double>(bin.examples);
    const double dx = bin.predicted - mean_x / weight, dy = bin.observed - mean_y / weight;
    xx += w * dx * dx;
    xy += w * dx * dy;
  }
  return Ratio(xy, xx);
}

double CalibrationError(std::span<const CalibrationBin> bins) {
  double distance = 0, examples = 0;
  for (const CalibrationBin& bin : bins) {
    distance += static_cast<double>(bin.examples) * std::abs(bin.predicted - bin.observed);
    examples += static_cast<double>(bin.examples);
  }
  return Ratio(distance, examples);
}

std::vector<Interval> BootstrapMeans(std::span<const double> values, size_t columns, base::Rng& rng,
                                     int rounds) {
  const size_t n = values.size() / columns;
  std::vector<Interval> intervals(columns, kNoInterval);
  if (n == 0) return intervals;
  std::vector<std::vector<double>> draws(columns);
  std::vector<double> sums(columns);
  for (int round = 0; round < rounds; ++round) {
    sums.assign(columns, 0.0);
    for (size_t i = 0; i < n; ++i) {
      const double* of_user = values.data() + rng.Below(n) * columns;
      for (size_t c = 0; c < columns; ++c) sums[c] += of_user[c];
    }
    for (size_t c = 0; c < columns; ++c) draws[c].push_back(sums[c] / static_cast<double>(n));
  }
  for (size_t c = 0; c < columns; ++c) intervals[c] = Percentiles(std::move(draws[c]));
  return intervals;
}

Interval BootstrapRatio(std::span<const double> numerators, std::span<const double> denominators,
                        base::Rng& rng, int rounds) {
  const size_t n = numerators.size();
  if (n == 0) return kNoInterval;
  std::vector<double> draws(static_cast<size_t>(rounds));
  for (double& draw : draws) {
    double numerator = 0, denominator = 0;
    for (size_t i = 0; i < n; ++i) {
      const size_t pick = static_cast<size_t>(rng.Below(n));
      numerator += numerators[pick];
      denominator += denominators[pick];
    }
    draw = Ratio(numerator, denominator);
  }
  return Percentiles(std::move(draws));
}

Interval BootstrapDifference(const UserSums& next, const UserSums& current, bool root,
                             base::Rng& rng, int rounds) {
  const size_t n = next.numerators.size();
  if (n == 0) return kNoInterval;
  const auto value = [root](double numerator, double denominator) {
    const double ratio = Ratio(numerator, denominator);
    return root ? std::sqrt(ratio) : ratio;
  };
  std::vector<double> draws(static_cast<size_t>(rounds));
  for (double& draw : draws) {
    double sums[4] = {};
    for (size_t i = 0; i < n; ++i) {
      const size_t pick = static_cast<size_t>(rng.Below(n));
      sums[0] += next.numerators[pick];
      sums[1] += next.denominators[pick];
      sums[2] += current.numerators[pick];
      sums[3] += current.denominators[pick];
    }
    draw = value(sums[0], sums[1]) - value(sums[2], sums[3]);
  }
  return Percentiles(std::move(draws));
}

std::vector<Interval> BootstrapSums(const PairedRatios& ratios, std::span<const double> weights,
                                    base::Rng& rng, int rounds) {
  const size_t columns = ratios.columns, figures = weights.size() / columns;
  const size_t users = ratios.denominators.size() / columns;
  if (users == 0) return std::vector<Interval>(figures, kNoInterval);
  std::vector<std::vector<double>> draws(figures);
  std::vector<double> gained(columns), measured(columns);
  for (int round = 0; round < rounds; ++round) {
    gained.assign(columns, 0.0);
    measured.assign(columns, 0.0);
    for (size_t i = 0; i < users; ++i) {
      const size_t row = static_cast<size_t>(rng.Below(users)) * columns;
      for (size_t c = 0; c < columns; ++c) {
        gained[c] += ratios.next[row + c] - ratios.current[row + c];
        measured[c] += ratios.denominators[row + c];
      }
    }
    for (size_t f = 0; f < figures; ++f) {
      double sum = 0;
      for (size_t c = 0; c < columns; ++c) {
        if (measured[c] > 0) sum += weights[f * columns + c] * gained[c] / measured[c];
      }
      draws[f].push_back(sum);
    }
  }
  std::vector<Interval> intervals;
  for (std::vector<double>& of_figure : draws) {
    intervals.push_back(Percentiles(std::move(of_figure)));
  }
  return intervals;
}

Interval BootstrapPairs(std::span<const double> ordered, std::span<const double> compared,
                        base::Rng& rng, int rounds) {
  const double share = Ratio(std::reduce(ordered.begin(), ordered.end()),
                             std::reduce(compared.begin(), compared.end()));
  const Interval once = BootstrapRatio(ordered, compared, rng, rounds);
  return {std::clamp(share + 2 * (once.low - share), 0.0, 1.0),
          std::clamp(share + 2 * (once.high - share), 0.0, 1.0)};
}

}  // namespace upnext::evaluation
