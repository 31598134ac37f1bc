#include "evaluation/score_target.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "ranking/score.h"

namespace upnext::evaluation {
namespace {

using ranking::Objective;
using ColumnWeights = std::vector<double>;

constexpr const char* kEngagementName = "engagement";
constexpr const char* kSatisfactionName = "satisfaction";

// The mean over the measured objectives of an axis; empty when there is none.
ColumnWeights MeanOf(Axis axis, const std::vector<Axis>& axes, const PageValues& values) {
  const std::vector<ValueColumn>& columns = values.columns();
  const auto counts = [&](size_t k) { return axes[k] == axis && columns[k].measured; };
  double count = 0;
  for (size_t k = 0; k < axes.size(); ++k) count += counts(k) ? 1 : 0;
  if (count == 0) return {};
  ColumnWeights weights(columns.size(), 0.0);
  for (size_t k = 0; k < axes.size(); ++k) weights[k] = counts(k) ? 1 / count : 0;
  return weights;
}

// A figure of its own; returns its number.
size_t AddFigure(std::string name, bool less_is_better, const ColumnWeights& weights,
                 ScoreTarget* target) {
  target->figures.push_back({std::move(name), less_is_better});
  target->weights.insert(target->weights.end(), weights.begin(), weights.end());
  return target->figures.size() - 1;
}

// The sum that the text gives, of the columns that are measured.
Result<ColumnWeights> ParseTarget(const std::string& text, const PageValues& values,
                                  const ColumnWeights& engagement,
                                  const ColumnWeights& satisfaction) {
  const std::vector<ValueColumn>& columns = values.columns();
  std::vector<std::string> names;
  for (size_t k = 0; k < values.objectives(); ++k) {
    if (columns[k].measured) names.push_back(columns[k].name);
  }
  if (!engagement.empty()) names.emplace_back(kEngagementName);
  if (!satisfaction.empty()) names.emplace_back(kSatisfactionName);
  const auto refuse = [&] {
    return InvalidArgument(
        "target: expected NAME:WEIGHT, separated by commas, weights above 0, names out of {} (what "
        "these pages measure), found '{}'",
        fmt::join(names, ", "), text);
  };
  const Result<ranking::ScoreWeights> parsed = ranking::ParseScoreWeights(text);
  if (!parsed) return refuse();
  ColumnWeights sum(columns.size(), 0.0);
  for (const auto& [name, weight] : *parsed) {
    if (!(weight > 0) || std::ranges::find(names, name) == names.end()) return refuse();
    const auto column = std::ranges::find(columns, name, &ValueColumn::name);
    if (column != columns.end()) {
      sum[static_cast<size_t>(column - columns.begin())] += static_cast<double>(weight);
      continue;
    }
    const ColumnWeights& axis = name == kEngagementName ? engagement : satisfaction;
    for (size_t c = 0; c < sum.size(); ++c) sum[c] += static_cast<double>(weight) * axis[c];
  }
  return sum;
}

}  // namespace

std::vector<Axis> AxesOf(const std::vector<Objective>& objectives) {
  const bool any_scored = std::ranges::any_of(objectives, [](const Objective& objective) {
    return objective.position_bias && objective.score_weight > 0;
  });
  std::vector<Axis> axes;
  for (const Objective& objective : objectives) {
    const bool counts = !any_scored || objective.score_weight > 0;
    axes.push_back(!objective.position_bias ? Axis::kSatisfaction
                   : counts                 ? Axis::kEngagement
                                            : Axis::kNone);
  }
  return axes;
}

std::vector<double> ScoreTarget::FiguresOf(std::span<const double> columns) const {
  std::vector<double> result(figures.size(), 0.0);
  for (size_t f = 0; f < result.size(); ++f) {
    for (size_t c = 0; c < columns.size(); ++c) {
      result[f] += weights[f * columns.size() + c] * columns[c];
    }
  }
  return result;
}

Result<ScoreTarget> MakeScoreTarget(const PageValues& values,
                                    const std::vector<Objective>& objectives,
                                    const std::string& text) {
  const std::vector<Axis> axes = AxesOf(objectives);
  const ColumnWeights engagement = MeanOf(Axis::kEngagement, axes, values);
  const ColumnWeights satisfaction = MeanOf(Axis::kSatisfaction, axes, values);
  if (engagement.empty() && satisfaction.empty()) {
    return FailedPrecondition(
        "expected a page with two impressions that users treated differently, found none among {} "
        "pages: no order is better than another; take a longer part of the split",
        values.pages());
  }
  ScoreTarget target;
  if (!engagement.empty()) {
    target.engagement = AddFigure(kEngagementName, false, engagement, &target);
  }
  if (!satisfaction.empty()) {
    target.satisfaction = AddFigure(kSatisfactionName, false, satisfaction, &target);
  }
  if (text.empty()) {
    target.keeps_satisfaction = target.engagement && target.satisfaction;
    target.target = target.engagement ? *target.engagement : *target.satisfaction;
    target.words = target.figures[target.target].name;
    if (target.keeps_satisfaction) target.words += " while satisfaction is not lower for certain";
  } else {
    UPNEXT_ASSIGN_OR_RETURN(const ColumnWeights sum,
                            ParseTarget(text, values, engagement, satisfaction));
    target.target = AddFigure("target", false, sum, &target);
    target.words = text;
  }
  for (size_t c = 0; c < values.columns().size(); ++c) {
    const ValueColumn& column = values.columns()[c];
    if (!column.measured) continue;
    ColumnWeights alone(values.columns().size(), 0.0);
    alone[c] = 1;
    const size_t figure =
        AddFigure(column.name, column.kind == ValueColumn::Kind::kLoss, alone, &target);
    if (column.name == kTrueWatchSeconds) target.true_watch = figure;
  }
  return target;
}

}  // namespace upnext::evaluation
