#include "evaluation/baseline_losses.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

namespace upnext::evaluation {
namespace {

// A ranker learns what users do with an item that they were shown; a target had to be shown, too. That
// a baseline has more of them is therefore no proof that its feed is better.
std::string WhatToTry(const RankerGoal& goal) {
  return fmt::format(
      "feeds are ordered by the score {}, learned from impressions, {} the targets are ({}); compare, "
      "by upnext evaluate, fewer [generators.NAME] candidates{}; whether users are worse off, only a "
      "test with users says",
      goal.score, goal.is_same ? "whose goal" : "which is not what", goal.targets,
      goal.is_same ? "" : ", and a score_weight for an objective that predicts the targets");
}

std::string_view WhatToTry(std::string_view baseline, bool order_is_auto) {
  const bool is_window = baseline.starts_with("popularity, ");
  const bool has_order = is_window || baseline == "item-knn" || baseline == "recently viewed";
  if (has_order && !order_is_auto) return "set [retrieval] order = \"auto\"";
  if (baseline == "recently viewed") return "set [generators.recent] candidates = 50";
  if (baseline == "markov" || baseline == "item-knn") {
    return "set [retrieval] depth = 0 and recent_windows = [1, 5]";
  }
  if (baseline == "same topic") return "set [generators.topic] candidates = 50";
  if (!is_window) return "train with more events or epochs, or check [labels]";
  return "what is popular changes within days: train more often, and set [retrieval] order = "
         "\"trending\"";
}

std::string LossLine(const BaselineLoss& loss, std::string_view what_to_try) {
  const PairedDifference& difference = loss.difference;
  return fmt::format(
      "{}: {} has {} {:.4f}, the {} {:.4f} (difference {:+.4f}, 95 % interval {:+.4f} to {:+.4f}): "
      "{}",
      difference.stage, loss.baseline, difference.metric, difference.current, loss.ours,
      difference.next, difference.next - difference.current, difference.interval.low,
      difference.interval.high, what_to_try);
}

}  // namespace

std::vector<BaselineLoss> FindLosses(std::string_view stage, const NamedFigure& ours,
                                     std::span<const NamedFigure> baselines, uint64_t seed) {
  std::vector<BaselineLoss> losses;
  const double sign = ours.figure.less_is_better ? -1 : 1;
  for (const NamedFigure& baseline : baselines) {
    // The interval takes a thousand draws of all users; most baselines need none.
    double sum = 0;
    for (size_t user = 0; user < ours.figure.users.numerators.size(); ++user) {
      sum += ours.figure.users.numerators[user] - baseline.figure.users.numerators[user];
    }
    if (sign * sum >= 0) continue;
    std::optional<PairedDifference> difference = Difference({ours.figure}, {baseline.figure}, seed);
    if (!difference) continue;
    const Interval& interval = difference->interval;
    if (!(sign > 0 ? interval.high < 0 : interval.low > 0)) continue;
    difference->stage = stage;
    losses.push_back({.baseline = baseline.name, .ours = ours.name, .difference = *difference});
  }
  std::ranges::stable_sort(losses, std::ranges::greater(), [&](const BaselineLoss& loss) {
    return sign * (loss.difference.current - loss.difference.next);
  });
  return losses;
}

RankerGoal GoalOf(std::span<const ranking::Objective> objectives,
                  const features::PositiveRule& rule, const schema::Schema& schema) {
  const std::string positives = rule.ToText(schema);
  RankerGoal goal{
      .score = "", .targets = positives.substr(0, positives.find(';')), .is_same = true};
  for (const ranking::Objective& one : objectives) {
    if (one.score_weight == 0) continue;
    goal.score += fmt::format("{}{} ^ {:g}", goal.score.empty() ? "" : " * ", one.name,
                              static_cast<double>(one.score_weight));
    goal.is_same = goal.is_same && one.label == ranking::Objective::Label::kEvent &&
                   one.score_weight > 0 && rule.positive(one.event) > 0;
  }
  return goal;
}

std::string LossText(const BaselineLoss& loss, const RankerGoal* goal, bool order_is_auto) {
  return LossLine(loss, goal != nullptr ? WhatToTry(*goal)
                                        : std::string(WhatToTry(loss.baseline, order_is_auto)));
}

std::string RankerLossText(const BaselineLoss& loss, bool reads_reference) {
  if (reads_reference) {
    return LossLine(
        loss,
        "the ranker learns from the days after its reference candidate model alone: lower "
        "[ranking] reference_share, or leave out the features that read the reference");
  }
  return LossLine(
      loss,
      "the log is small for this ranker, or its settings do not suit it: train with more "
      "events, or compare other [ranking] settings by upnext evaluate");
}

}  // namespace upnext::evaluation
