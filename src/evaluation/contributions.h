// What each objective of the score contributes to the order of pages: the share of the log score's
// variance that its term has, and what changes without its factor.
//
//   for (const Contribution& one : ContributionsOf(objectives, unwanted, exponents, scored)) ...
//
// Pure functions: any thread.
#ifndef UPNEXT_EVALUATION_CONTRIBUTIONS_H_
#define UPNEXT_EVALUATION_CONTRIBUTIONS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/impressions.h"
#include "evaluation/ranker_report.h"
#include "ranking/objectives.h"

namespace upnext::evaluation {

// Of the objectives whose exponent is not 0. `unwanted` as UnwantedOf (page_values.h); exponents
// [objectives]; `scored` has predictions. Figures that no page tells are NaN.
std::vector<Contribution> ContributionsOf(const std::vector<ranking::Objective>& objectives,
                                          std::span<const uint8_t> unwanted,
                                          std::span<const float> exponents,
                                          const Impressions& scored);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_CONTRIBUTIONS_H_
