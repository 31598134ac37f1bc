// Writes the choice of a score (evaluation/score_search.h) as a table, as JSON, and as a page with the
// trade-off between engagement and satisfaction.
//
//   fmt::print("{}", RenderScoreTable(report));
//
// Pure functions.
#ifndef UPNEXT_REPORT_SCORE_REPORT_H_
#define UPNEXT_REPORT_SCORE_REPORT_H_

#include <string>
#include <vector>

#include "evaluation/score_search.h"

namespace upnext::report {

struct ScoreReport {
  evaluation::ScoreSearchResult search;
  std::string part;  // "validation"
  double predict_seconds = 0, search_seconds = 0;
  std::string version;  // of the bundle
  std::vector<std::string> notes = {};
};

std::string RenderScoreTable(const ScoreReport& report);
std::string RenderScoreJson(const ScoreReport& report);
// One self-contained page.
std::string RenderScoreHtml(const ScoreReport& report);

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_SCORE_REPORT_H_
