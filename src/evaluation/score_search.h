// Which exponents of the score (ranking/score.h) would have been worth most on held-out pages: a line
// search over each exponent in turn, for several weights of engagement against satisfaction, then
// random steps from the lines that no other is better than on both. Of satisfaction, what users want
// gets no negative exponent and what they do not want no positive one, unless it has one now: with few
// labels, such lines would be found where there is nothing to find.
//
//   UPNEXT_ASSIGN_OR_RETURN(const ScoreSearchResult found,
//                           SearchScore(values, objectives, options, pool, progress));
//   if (found.changed) ... found.chosen.exponents
//
// One search at a time per pool. Same seed and pages: same lines, whatever the number of threads.
#ifndef UPNEXT_EVALUATION_SCORE_SEARCH_H_
#define UPNEXT_EVALUATION_SCORE_SEARCH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/metrics.h"
#include "evaluation/page_values.h"
#include "evaluation/score_target.h"
#include "ranking/objectives.h"

namespace upnext::evaluation {

struct ScoreSearchOptions {
  std::string target = {};           // what the chosen line has the most of: score_target.h
  std::vector<uint8_t> varied = {};  // [objectives]: exponents that may change; empty: all
  uint32_t max_lines = 2000;         // tried
  uint64_t seed = 1;
};

struct ScoreLine {
  std::vector<float> exponents;       // [objectives]
  std::vector<double> values;         // [figures]
  std::vector<Interval> differences;  // to the present line: 95 %, paired by user, or kNoInterval
};
struct ScoreSearchResult {
  std::vector<std::string> objectives = {};
  std::vector<ScoreFigure> figures = {};
  std::string target = {};  // in words
  ScoreLine present = {}, chosen = {};
  bool changed = false;  // false: no line has more of the target for certain, and chosen = present
  std::vector<ScoreLine> front = {};    // from most engagement to most satisfaction, 12 at most
  std::optional<ScoreLine> truth = {};  // of most true watch seconds
  std::vector<std::pair<double, double>> tried = {};  // (satisfaction, engagement) of all lines
  uint64_t lines = 0, pages = 0, users = 0, impressions = 0, seed = 0;
  bool by_request = false;
};

// "watch:1,unwanted:-0.5", without zeros.
std::string ScoreText(const std::vector<std::string>& objectives,
                      const std::vector<float>& exponents);

// `objectives` are those of `values`; the present line has their exponents. The chosen line has the
// highest value of the target, and more than the present one for certain: the interval is above 0.
// Below kFewestUsers users there is no interval and nothing changes. kInvalidArgument for a target
// that is none, kFailedPrecondition when no page has two different labels, kCancelled.
Result<ScoreSearchResult> SearchScore(const PageValues& values,
                                      const std::vector<ranking::Objective>& objectives,
                                      const ScoreSearchOptions& options, base::ThreadPool& pool,
                                      base::Progress& progress);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_SCORE_SEARCH_H_
