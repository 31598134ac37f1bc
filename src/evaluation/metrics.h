// The metrics, as pure functions.
//
//   double ndcg = Ndcg(ranks_of_targets, targets, 10);
//   Interval interval = BootstrapRatio(wrong_by_user, total_by_user, rng);
//
// Any number of threads. Spans that belong together have equal lengths. The mean of nothing is NaN.
#ifndef UPNEXT_EVALUATION_METRICS_H_
#define UPNEXT_EVALUATION_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/rng.h"

namespace upnext::evaluation {

// ---- Retrieval: ranks of one user's relevant items, from 1, ascending; unranked ones are absent.
double HitRate(std::span<const uint32_t> ranks, size_t k);                  // 1 when any rank <= k
double Recall(std::span<const uint32_t> ranks, size_t relevant, size_t k);  // found / relevant
double Ndcg(std::span<const uint32_t> ranks, size_t relevant,
            size_t k);  // binary gains, ideal = min(relevant, k)
double AveragePrecision(std::span<const uint32_t> ranks,
                        size_t relevant);  // one relevant item: 1 / rank (EV-01)

// How unevenly lists treat items (EV-07): the Gini coefficient of how often each item is listed; 0:
// all equally often, towards 1: all lists show the same few. NaN without an item in any list.
double Gini(std::vector<uint64_t> listed);
// Weight of a target in recall without the bias towards popular items: the inverse of its
// propensity to be observed, watches / most, but at most kMostTargetWeight. Inverse propensities:
// Schnabel et al. 2016 (Recommendations as Treatments); a power of the popularity as propensity, here
// the first: Yang et al. 2018 (Unbiased Offline Recommender Evaluation for Missing-Not-At-Random
// Implicit Feedback).
inline constexpr double kMostTargetWeight = 100;
double TargetWeight(uint64_t watches, uint64_t most);

// ---- Ranking ----
// For each example i: the number of examples with another target, and how many of these pairs the
// predictions order like the targets; a tie in the prediction counts one half (in units of pairs).
// O(n log n). Sums over examples count every pair twice.
struct PairCounts {
  std::vector<double> ordered, compared;
};
PairCounts CountPairs(std::span<const float> predictions, std::span<const float> targets);
// Share of pairs with different targets that the predictions order correctly, ties one half: XAUC,
// and for targets of 0 and 1 the area under the ROC curve (EV-04). NaN without pairs.
double PairShare(const PairCounts& pairs);
double MeanAbsoluteError(std::span<const float> predictions, std::span<const float> targets);
double RootMeanSquaredError(std::span<const float> predictions, std::span<const float> targets);

// Weighted, per-user loss (paper 4.3, EV-03): over (positive, negative) impression pairs of one
// user on one page, the watch time of positives ranked below a negative, as a share of all watch
// time; ties one half.
struct PageLoss {
  double wrong = 0, total = 0;
  double loss() const {
    return total > 0 ? wrong / total : std::numeric_limits<double>::quiet_NaN();
  }
};
// scores, watch_s and clicked of one page's impressions.
PageLoss WeightedPageLoss(std::span<const double> scores, std::span<const float> watch_s,
                          std::span<const uint8_t> clicked);

// Calibration of expected watch time or of probabilities (EV-05): examples in `bins` groups of
// about equal size, sorted by prediction; fewer groups when there are fewer examples.
struct CalibrationBin {
  double predicted, observed;  // means
  uint64_t examples;
  friend bool operator==(const CalibrationBin&, const CalibrationBin&) = default;
};
std::vector<CalibrationBin> Calibration(std::span<const float> predictions,
                                        std::span<const float> targets, size_t bins = 10);
// Least-squares slope of observed on predicted over bins, weighted by examples; 1 means calibrated.
// NaN when all bins have the same prediction.
double CalibrationSlope(std::span<const CalibrationBin> bins);
// Expected calibration error: mean distance of predicted and observed, weighted by examples.
double CalibrationError(std::span<const CalibrationBin> bins);

// ---- Uncertainty ----
struct Interval {
  double low, high;
};
// With fewer users than this, an interval says nothing and none is reported.
inline constexpr uint64_t kFewestUsers = 30;
inline constexpr Interval kNoInterval{std::numeric_limits<double>::quiet_NaN(),
                                      std::numeric_limits<double>::quiet_NaN()};
// 95 % percentile bootstrap of means of per-user values; several means use the same draws of users:
// values [users, columns] -> one interval per column.
std::vector<Interval> BootstrapMeans(std::span<const double> values, size_t columns, base::Rng& rng,
                                     int rounds = 1000);
// The same for a ratio sum(numerator) / sum(denominator).
Interval BootstrapRatio(std::span<const double> numerators, std::span<const double> denominators,
                        base::Rng& rng, int rounds = 1000);
// The same for the difference of two ratios of the same users, `next` less `current`; `root`: of
// their square roots.
struct UserSums {
  std::vector<double> numerators, denominators;  // by user
};
Interval BootstrapDifference(const UserSums& next, const UserSums& current, bool root,
                             base::Rng& rng, int rounds = 1000);
// The same for several weighted sums of such differences, on the same draws of users: `columns` ratios,
// each with a value of every user; weights [figures, columns]. A ratio that a draw does not measure
// does not differ in it.
struct PairedRatios {
  size_t columns = 0;
  std::vector<double> next, current, denominators;  // [users, columns]
};
std::vector<Interval> BootstrapSums(const PairedRatios& ratios, std::span<const double> weights,
                                    base::Rng& rng, int rounds = 1000);
// The same for a share of pairs (AUC, XAUC), from the sums of CountPairs over each user's examples.
// Both ends of a pair are resampled, so to first order the share varies twice as much as the ratio
// of the sums. Resampling users and counting pairs again gives the same, up to noise.
Interval BootstrapPairs(std::span<const double> ordered, std::span<const double> compared,
                        base::Rng& rng, int rounds = 1000);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_METRICS_H_
