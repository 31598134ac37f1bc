// The metric that decides between two models of a stage, by user, and the difference between two
// models on the same held-out events: users are drawn in pairs, so what makes one user's events
// harder than another's cancels.
//
//   DecidingFigures next, current;
//   Evaluate(subject, options, pool, progress, &next);              of the same source and options
//   Evaluate(other, options, pool, progress, &current);
//   const auto difference = Difference(next.retrieval, current.retrieval, options.seed);
//
// Values; pure functions: any number of threads.
#ifndef UPNEXT_EVALUATION_DECIDING_FIGURES_H_
#define UPNEXT_EVALUATION_DECIDING_FIGURES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evaluation/metrics.h"
#include "evaluation/report.h"

namespace upnext::evaluation {

// The metric is the ratio of the sums, or its square root.
struct DecidingFigure {
  std::string metric;  // "ndcg@10"
  std::string of;      // what the labels depend on besides the log: "watch seconds up to 300"
  bool less_is_better = false, root = false;
  bool of_pairs = false;  // of two users each: a share of pairs, as BootstrapPairs
  UserSums users;  // in the order of the held-out users, with zeros where nothing is measured
};
// Of each stage, the one that decides first; the next where that is not measured.
struct DecidingFigures {
  std::vector<DecidingFigure> retrieval, ranking;
};

// Of the first metric that both have of the same labels, over the users in whom it is measured;
// nothing when there is none. Its stage is empty. Without an interval when the users are fewer than kFewestUsers.
std::optional<PairedDifference> Difference(const std::vector<DecidingFigure>& next,
                                           const std::vector<DecidingFigure>& current,
                                           uint64_t seed);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_DECIDING_FIGURES_H_
