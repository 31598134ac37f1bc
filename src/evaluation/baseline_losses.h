// Which baselines are clearly better than what is evaluated, and what to try then.
//
//   std::vector<BaselineLoss> losses = FindLosses("retrieval", ours, baselines, seed);
//   if (!losses.empty()) notes.push_back(LossText(losses.front(), /*goal=*/nullptr, is_auto));
//
// Pure functions: any number of threads. Only this room includes it.
#ifndef UPNEXT_EVALUATION_BASELINE_LOSSES_H_
#define UPNEXT_EVALUATION_BASELINE_LOSSES_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/deciding_figures.h"
#include "evaluation/report.h"
#include "features/positive_rule.h"
#include "ranking/objectives.h"
#include "schema/schema.h"

namespace upnext::evaluation {

struct NamedFigure {
  std::string name;
  DecidingFigure figure;
};
// The baselines whose figure is better than ours, with 0 outside of the interval of the difference: the
// worst loss first. All figures are of one metric and of the same labels.
std::vector<BaselineLoss> FindLosses(std::string_view stage, const NamedFigure& ours,
                                     std::span<const NamedFigure> baselines, uint64_t seed);
// What a ranker orders feeds by, and what their figures count.
struct RankerGoal {
  std::string score, targets;  // "watch ^ 1", "positive: purchase 1"
  bool is_same = false;        // the score is of nothing but positive events
};
RankerGoal GoalOf(std::span<const ranking::Objective> objectives,
                  const features::PositiveRule& rule, const schema::Schema& schema);
// One line: the loss of retrieval, and what to try. Without a ranker `goal` is null; `order_is_auto`: [retrieval]
// order chose among all there are.
std::string LossText(const BaselineLoss& loss, const RankerGoal* goal, bool order_is_auto);
// The same of a figure of the ranker among impressions.
// `reads_reference`: its features read a reference candidate model, which takes days from it.
std::string RankerLossText(const BaselineLoss& loss, bool reads_reference);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_BASELINE_LOSSES_H_
