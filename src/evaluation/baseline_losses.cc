#include "evaluation/baseline_losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace upnext::evaluation {
namespace {

std::string_view WhatToTry(std::string_view baseline, OrderOfFeeds order) {
  if (order == OrderOfFeeds::kRanker) {
    return "the ranker orders feeds, so this is of orders that only feeds without it have; the rows "
           "of candidates say what it can choose from";
  }
  const bool is_window = baseline.starts_with("popularity, ");
  const bool has_order = is_window || baseline == "item-knn" || baseline == "recently viewed";
  if (has_order && order == OrderOfFeeds::kNamed) return "set [retrieval] order = \"auto\"";
  if (baseline == "recently viewed") return "set [generators.recent] candidates = 50";
  if (baseline == "markov" || baseline == "item-knn") {
    return "set [retrieval] depth = 0 and recent_windows = [1, 5]";
  }
  if (baseline == "same topic") return "set [generators.topic] candidates = 50";
  if (!is_window) return "train with more events or epochs, or check [labels]";
  return "what is popular changes within a day: train more often, and set [retrieval] order = "
         "\"trending\"";
}

}  // namespace

std::vector<BaselineLoss> FindLosses(const NamedFigure& ours,
                                     std::span<const NamedFigure> baselines, uint64_t seed) {
  std::vector<BaselineLoss> losses;
  for (const NamedFigure& baseline : baselines) {
    // The interval takes a thousand draws of all users; most baselines need none.
    double sum = 0;
    for (size_t user = 0; user < ours.figure.users.numerators.size(); ++user) {
      sum += ours.figure.users.numerators[user] - baseline.figure.users.numerators[user];
    }
    if (sum >= 0) continue;
    std::optional<PairedDifference> difference = Difference({ours.figure}, {baseline.figure}, seed);
    if (!difference || !(difference->interval.high < 0)) continue;
    difference->stage = "retrieval";
    losses.push_back({.baseline = baseline.name, .ours = ours.name, .difference = *difference});
  }
  std::ranges::stable_sort(losses, std::ranges::greater(), [](const BaselineLoss& loss) {
    return loss.difference.current - loss.difference.next;
  });
  return losses;
}

std::string LossText(const BaselineLoss& loss, OrderOfFeeds order) {
  const PairedDifference& difference = loss.difference;
  return fmt::format(
      "retrieval: {} has {} {:.4f}, the {} {:.4f} (difference {:+.4f}, 95 % interval {:+.4f} to "
      "{:+.4f}): {}",
      loss.baseline, difference.metric, difference.current, loss.ours, difference.next,
      difference.next - difference.current, difference.interval.low, difference.interval.high,
      WhatToTry(loss.baseline, order));
}

}  // namespace upnext::evaluation
