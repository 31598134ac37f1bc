#include "evaluation/position_overlap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "base/numbers.h"
#include "examples/join.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using Shown = PositionCounts::Shown;

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kNormal95 = 1.96;

// Of one impression for a logit: p (1 - p). Half an impression of each kind keeps it above 0.
double Information(const Shown& shown) {
  const double n = static_cast<double>(shown.impressions);
  const double rate = (static_cast<double>(shown.clicks) + 0.5) / (n + 1);
  return rate * (1 - rate);
}

// The symmetric matrix of what the items say of the differences between positions: the Laplacian of
// the overlap graph, [n, n].
struct Laplacian {
  size_t n;
  std::vector<double> values;
  double& at(size_t p, size_t q) { return values[p * n + q]; }
  double at(size_t p, size_t q) const { return values[p * n + q]; }
};

// An item with weights w_p of its clicks at positions p: estimating its own relevance leaves
// diag(w) - w w^T / sum(w), the information of a model with an effect of each item and position.
Laplacian LaplacianOf(const PositionCounts& counts, const std::vector<size_t>& kept) {
  const size_t n = kept.size();
  Laplacian laplacian{n, std::vector<double>(n * n)};
  std::vector<size_t> index(kOverlapPositions, n);
  for (size_t i = 0; i < n; ++i) index[kept[i]] = i;
  std::vector<uint64_t> keys;
  keys.reserve(counts.cells.size());
  for (const auto& [key, shown] : counts.cells) keys.push_back(key);
  std::ranges::sort(keys);  // the cells of an item together, and sums in one order
  std::vector<std::pair<size_t, double>> weights;
  for (size_t begin = 0; begin < keys.size();) {
    const uint64_t item = keys[begin] / kOverlapPositions;
    Shown all;
    size_t end = begin;
    for (; end < keys.size() && keys[end] / kOverlapPositions == item; ++end) {
      const Shown& shown = counts.cells.at(keys[end]);
      all.impressions += shown.impressions;
      all.clicks += shown.clicks;
    }
    weights.clear();
    double sum = 0;
    for (; begin < end; ++begin) {
      const size_t position = index[keys[begin] % kOverlapPositions];
      if (position == n) continue;
      weights.emplace_back(position, static_cast<double>(counts.cells.at(keys[begin]).impressions) *
                                         Information(all));
      sum += weights.back().second;
    }
    for (const auto& [p, of_p] : weights) {
      laplacian.at(p, p) += of_p;
      for (const auto& [q, of_q] : weights) laplacian.at(p, q) -= of_p * of_q / sum;
    }
  }
  return laplacian;
}

// By position: the number of the connected part that it is in.
std::vector<size_t> Parts(const Laplacian& laplacian) {
  std::vector<size_t> part(laplacian.n);
  std::iota(part.begin(), part.end(), size_t{0});
  for (size_t p = 0; p < laplacian.n; ++p) {
    for (size_t q = 0; q < p; ++q) {
      if (laplacian.at(p, q) == 0 || part[p] == part[q]) continue;
      std::ranges::replace(part, part[p], part[q]);
    }
  }
  return part;
}

// Variances of the bias of each position of one part less that of the first: the diagonal of the
// inverse of the Laplacian without the first's row and column, by Cholesky.
std::vector<double> Variances(const Laplacian& laplacian, const std::vector<size_t>& of_part) {
  const size_t n = of_part.size() - 1;
  std::vector<double> root(n * n), variances(of_part.size(), 0.0);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = laplacian.at(of_part[i + 1], of_part[j + 1]);
      for (size_t k = 0; k < j; ++k) sum -= root[i * n + k] * root[j * n + k];
      if (i == j && sum <= 0) return std::vector<double>(of_part.size(), kInfinite);
      root[i * n + j] = i == j ? std::sqrt(sum) : sum / root[j * n + j];
    }
  }
  for (size_t of = 0; of < n; ++of) {
    std::vector<double> solved(n, 0.0);  // of L x = e_of; the sum of squares is the diagonal
    for (size_t i = of; i < n; ++i) {
      double sum = i == of ? 1.0 : 0.0;
      for (size_t k = of; k < i; ++k) sum -= root[i * n + k] * solved[k];
      solved[i] = sum / root[i * n + i];
    }
    variances[of + 1] = std::inner_product(solved.begin(), solved.end(), solved.begin(), 0.0);
  }
  return variances;
}

// Of a pair in random order in m requests, the difference of the two logits has the variance
// (1 / i_p + 1 / i_q) / m. The errors of all pairs before a position add up, so each gets its share.
double RequestsToSwap(const PositionCounts& counts, const std::vector<size_t>& kept) {
  if (kept.size() < 2) return 0;
  const double allowed =
      std::pow(kEnoughError / kNormal95, 2) / static_cast<double>(kept.size() - 1);
  double requests = 0;
  for (size_t i = 1; i < kept.size(); ++i) {
    requests += (1 / Information(counts.positions[kept[i - 1]]) +
                 1 / Information(counts.positions[kept[i]])) /
                allowed;
  }
  return requests;
}

std::string Percent(double share) { return fmt::format("{:.3g} %", 100 * share); }

}  // namespace

void PositionCounts::Add(uint32_t item, size_t position, bool clicked) {
  ++impressions;
  if (position == 0 || position > kOverlapPositions) return;
  for (Shown* const shown :
       {&positions[position - 1], &cells[uint64_t{item} * kOverlapPositions + position - 1]}) {
    ++shown->impressions;
    shown->clicks += clicked ? 1 : 0;
  }
}

void PositionCounts::Merge(const PositionCounts& other) {
  const auto add = [](const Shown& from, Shown* to) {
    to->impressions += from.impressions;
    to->clicks += from.clicks;
  };
  for (size_t p = 0; p < kOverlapPositions; ++p) add(other.positions[p], &positions[p]);
  for (const auto& [key, shown] : other.cells) add(shown, &cells[key]);
  impressions += other.impressions;
  requests += other.requests;
  requests_at_two += other.requests_at_two;
}

PositionCounts CountPositions(const examples::ReplaySource& source, examples::SplitPart part,
                              base::ThreadPool& pool) {
  constexpr size_t kUsersAtOnce = 4096;
  PositionCounts all;
  std::mutex mutex;
  pool.ParallelFor(source.log.users(), kUsersAtOnce, [&](size_t begin, size_t end) {
    PositionCounts counts;
    examples::JoinedImpressions joined;
    for (size_t u = begin; u < end; ++u) {
      const auto user = static_cast<uint32_t>(u);
      const uint64_t last = source.split.rows(source.log, user, part).end;
      examples::JoinImpressions(source, user, last, &joined);
      for (const examples::JoinedGroup& group : joined.groups) {
        size_t first = 0;
        bool two = false;
        for (const examples::Impression& impression : joined.of(group)) {
          if (impression.part != part) continue;
          counts.Add(impression.item, impression.position, CountsAsClick(impression.labels));
          if (impression.position == 0) continue;
          two = two || (first != 0 && first != impression.position);
          first = impression.position;
        }
        counts.requests += first != 0 ? 1 : 0;
        counts.requests_at_two += two ? 1 : 0;
      }
    }
    const std::lock_guard lock(mutex);
    all.Merge(counts);
  });
  return all;
}

PositionOverlap OverlapOf(const PositionCounts& counts) {
  constexpr double kFewest = 0.01;  // share of the impressions that a position must have
  PositionOverlap overlap{.impressions = counts.impressions,
                          .requests = counts.requests,
                          .requests_at_two = counts.requests_at_two};
  for (const Shown& shown : counts.positions) overlap.with_position += shown.impressions;
  std::unordered_map<uint64_t, size_t> positions_of;  // by item
  for (const auto& [key, shown] : counts.cells) ++positions_of[key / kOverlapPositions];
  overlap.items = positions_of.size();
  for (const auto& [item, positions] : positions_of) overlap.items_at_two += positions > 1 ? 1 : 0;
  std::vector<size_t> kept;
  const double fewest = kFewest * static_cast<double>(overlap.with_position);
  for (size_t p = 0; p < kOverlapPositions; ++p) {
    const Shown& shown = counts.positions[p];
    if (shown.impressions == 0 || static_cast<double>(shown.impressions) < fewest) continue;
    kept.push_back(p);
    overlap.positions.push_back(
        {.position = p + 1,
         .impressions = shown.impressions,
         .click_rate = static_cast<double>(shown.clicks) / static_cast<double>(shown.impressions),
         .error = kInfinite});
  }
  if (kept.empty()) return overlap;
  const Laplacian laplacian = LaplacianOf(counts, kept);
  const std::vector<size_t> part = Parts(laplacian);
  for (size_t p = 0; p < kept.size(); ++p) {
    std::vector<size_t> of_part;
    double impressions = 0;
    for (size_t q = 0; q < kept.size(); ++q) {
      if (part[q] != p) continue;
      of_part.push_back(q);
      impressions += static_cast<double>(overlap.positions[q].impressions);
    }
    const double share = impressions / static_cast<double>(overlap.with_position);
    if (of_part.size() > overlap.connected ||
        (of_part.size() == overlap.connected && share > overlap.connected_impressions)) {
      overlap.connected = of_part.size();
      overlap.connected_impressions = share;
    }
    if (p != part[0]) continue;
    const std::vector<double> variances = Variances(laplacian, of_part);
    for (size_t i = 0; i < of_part.size(); ++i) {
      overlap.positions[of_part[i]].error = kNormal95 * std::sqrt(variances[i]);
    }
  }
  const double requests = static_cast<double>(std::max<uint64_t>(counts.requests, 1));
  overlap.requests_to_swap = RequestsToSwap(counts, kept) / requests;
  return overlap;
}

bool PositionOverlap::separable() const {
  return positions.size() > 1 && std::ranges::all_of(positions, [](const Position& position) {
           return position.error <= kEnoughError;
         });
}

std::string PositionOverlap::Statement() const {
  const auto share = [](uint64_t part, uint64_t all) {
    return Percent(all == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(all));
  };
  if (with_position == 0) {
    return "positions: no impression has one, so nothing can be said of position bias";
  }
  if (positions.size() < 2) {
    return "positions: all impressions have the same one, so there is no position bias to learn";
  }
  std::string text = fmt::format(
      "positions: {} of the impressions have one; {} of the items and {} of the requests were seen "
      "at two or more; {} of {} positions are connected by items seen at several ({} of the "
      "impressions). ",
      share(with_position, impressions), share(items_at_two, items),
      share(requests_at_two, requests), connected, positions.size(),
      Percent(connected_impressions));
  const auto worst = std::ranges::max_element(positions, {}, &Position::error);
  if (separable()) {
    return text + fmt::format(
                      "The log can separate position from relevance: the items seen at several "
                      "give the bias of every position within +-{:.2g} of the logit",
                      worst->error);
  }
  text += std::isinf(worst->error)
              ? fmt::format(
                    "The log cannot separate position from relevance: no chain of items "
                    "connects position {} with position {}",
                    worst->position, positions.front().position)
              : fmt::format(
                    "The log cannot separate position from relevance: the items seen at "
                    "several give the bias of position {} only within +-{:.2g} of the "
                    "logit, and {} is enough",
                    worst->position, worst->error, kEnoughError);
  if (requests_to_swap > 1) {
    return text + fmt::format(
                      ". Two neighbours in random order would make it possible in {} requests, "
                      "more than the {} of the log",
                      base::WithThousands(static_cast<uint64_t>(
                          std::ceil(requests_to_swap * static_cast<double>(requests)))),
                      base::WithThousands(requests));
  }
  return text + fmt::format(
                    ". Two neighbours in random order in {} of the requests, so that half of these "
                    "pairs are swapped, would make it possible",
                    Percent(requests_to_swap));
}

}  // namespace upnext::evaluation
