// Which baselines are clearly better than what is evaluated, and what to try then.
//
//   std::vector<BaselineLoss> losses = FindLosses(ours, baselines, seed);
//   if (!losses.empty()) notes.push_back(LossText(losses.front(), ...));
//
// Pure functions: any number of threads. Only this room includes it.
#ifndef UPNEXT_EVALUATION_BASELINE_LOSSES_H_
#define UPNEXT_EVALUATION_BASELINE_LOSSES_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "evaluation/deciding_figures.h"
#include "evaluation/report.h"

namespace upnext::evaluation {

struct NamedFigure {
  std::string name;
  DecidingFigure figure;
};
// The baselines whose figure is larger than ours, with the whole interval of the difference below 0:
// the worst loss first.
std::vector<BaselineLoss> FindLosses(const NamedFigure& ours,
                                     std::span<const NamedFigure> baselines, uint64_t seed);
// What there is to try: a ranker orders feeds, [retrieval] order chose already, or neither.
enum class OrderOfFeeds : uint8_t { kRanker, kAuto, kNamed };
// One line: the loss, and what to try.
std::string LossText(const BaselineLoss& loss, OrderOfFeeds order);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_BASELINE_LOSSES_H_
