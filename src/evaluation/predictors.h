// The models of a ranking table: the ranker and simple averages over the training part, each as its
// predictions for the held-out impressions.
//
//   for (const Predictor& p : RankingBaselines(subject, test, pool)) ...
//
// Immutable values. Only this room includes it.
#ifndef UPNEXT_EVALUATION_PREDICTORS_H_
#define UPNEXT_EVALUATION_PREDICTORS_H_

#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "evaluation/impressions.h"
#include "ranking/objectives.h"

namespace upnext::evaluation {

// A column has one value per held-out impression, or is empty when there is no prediction.
struct Predictor {
  std::string name;
  std::vector<double> score;                    // for ordering a page
  std::vector<std::vector<float>> predictions;  // by objective, in its unit
};

// Index of the objective that predicts watch seconds, or objectives.size().
size_t WatchObjective(const std::vector<ranking::Objective>& objectives);

Predictor RankerPredictor(const std::vector<ranking::Objective>& objectives,
                          const Impressions& held_out);

// Baselines. For each objective with label t (capped watch seconds, a share, a rating; 1 or 0 for yes
// or no), with t~ its mean over the training part:
//   mean, median      the median of numbers alone
//   duration mean, user mean, item mean   mean of t by decile of duration, by user, by item; t~
//                                         for an empty group
//   additive          t~ + (duration mean - t~) + (user mean - t~) + (item mean - t~), at least 0
//   additive, shrunk  t~ + effects of the decile of duration, of the user and of the item, fitted
//                     together, with the shrinkage that suits the validation part
//                     (additive_effects.h)
//   rates             for each yes-or-no objective: rate of the user + rate of the item, each
//                     (successes + 10 * overall rate) / (trials + 10)
//   popularity        clicks of the item, as a score only
std::vector<Predictor> RankingBaselines(const Subject& subject, const Impressions& held_out,
                                        base::ThreadPool& pool);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_PREDICTORS_H_
