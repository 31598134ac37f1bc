// What the choice of a score is made by: the axes engagement and satisfaction, and a target, as
// weighted sums of the columns of PageValues.
//
//   UPNEXT_ASSIGN_OR_RETURN(const ScoreTarget target, MakeScoreTarget(values, objectives, "watch:1"));
//   const std::vector<double> figures = target.FiguresOf(values.Of(exponents));
//
// Plain values.
#ifndef UPNEXT_EVALUATION_SCORE_TARGET_H_
#define UPNEXT_EVALUATION_SCORE_TARGET_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "evaluation/page_values.h"
#include "ranking/objectives.h"

namespace upnext::evaluation {

// Engagement: objectives with `position_bias`, by default watch seconds, clicks and completions. Of
// these, those that the score has now; all if it has none. Satisfaction: the objectives without. The
// value of an axis is the mean of the values of its objectives.
enum class Axis : uint8_t { kNone, kEngagement, kSatisfaction };
std::vector<Axis> AxesOf(const std::vector<ranking::Objective>& objectives);

// A number of each line of exponents: "engagement", "satisfaction", "target", then the columns that
// are measured.
struct ScoreFigure {
  std::string name;
  bool less_is_better = false;
};

struct ScoreTarget {
  std::vector<ScoreFigure> figures;
  std::vector<double> weights;  // [figures, columns]
  // Figures: the two axes, where there are such objectives; what there should be most of; and the true
  // watch seconds, where they are known.
  std::optional<size_t> engagement, satisfaction, true_watch;
  size_t target = 0;
  // The target is engagement, and lines whose satisfaction is lower for certain are left out.
  bool keeps_satisfaction = false;
  std::string words;

  std::vector<double> FiguresOf(std::span<const double> columns) const;
};

// `text`: NAME:WEIGHT of objectives, or of the axes, separated by commas; weights above 0. Empty:
// engagement while satisfaction is kept, or the only axis that there is. kInvalidArgument for another
// text, kFailedPrecondition when no page has two different labels of any objective.
Result<ScoreTarget> MakeScoreTarget(const PageValues& values,
                                    const std::vector<ranking::Objective>& objectives,
                                    const std::string& text);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_SCORE_TARGET_H_
