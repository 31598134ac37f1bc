// The numbers, each a pure function that a toy case checks by hand.
//
//   double ndcg = Ndcg(ranks_of_targets, targets, 10);
//   Interval interval = BootstrapRatio(wrong_by_user, total_by_user, rng);
//
// Any number of threads. Spans that belong together have equal lengths; of nothing, means are NaN.
#ifndef UPNEXT_EVALUATION_METRICS_H_
#define UPNEXT_EVALUATION_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "base/rng.h"

namespace upnext::evaluation {

// ---- Retrieval: ranks of the relevant items of one user, from 1, ascending; absent = not ranked.
// ----
double HitRate(std::span<const uint32_t> ranks, size_t k);                  // 1 when any rank <= k
double Recall(std::span<const uint32_t> ranks, size_t relevant, size_t k);  // found / relevant
double Ndcg(std::span<const uint32_t> ranks, size_t relevant,
            size_t k);  // binary gains, ideal = min(relevant, k)
double AveragePrecision(std::span<const uint32_t> ranks,
                        size_t relevant);  // one relevant item: 1 / rank (EV-01)

// ---- Ranking ----
// Per example i: with how many examples of another target it is compared, and how many of these
// pairs the predictions order like the targets; a tie in the prediction counts one half (in units
// of pairs). O(n log n). Sums over examples count every pair twice.
struct PairCounts {
  std::vector<double> ordered, compared;
};
PairCounts CountPairs(std::span<const float> predictions, std::span<const float> targets);
// Share of pairs with different targets that are ordered alike, a tie in the prediction one half:
// XAUC, and for targets of 0 and 1 the area under the ROC curve (EV-04). NaN without pairs.
double PairShare(const PairCounts& pairs);
double MeanAbsoluteError(std::span<const float> predictions, std::span<const float> targets);
double RootMeanSquaredError(std::span<const float> predictions, std::span<const float> targets);

// Weighted, per-user loss (paper 4.3, EV-03): over (positive, negative) impression pairs of one
// user on one page, the watch time of positives ranked below a negative, as a share of all; ties
// one half.
struct PageLoss {
  double wrong = 0, total = 0;
  double loss() const {
    return total > 0 ? wrong / total : std::numeric_limits<double>::quiet_NaN();
  }
};
// score, watch_s, clicked of one page's impressions.
PageLoss WeightedPageLoss(std::span<const double> scores, std::span<const float> watch_s,
                          std::span<const uint8_t> clicked);

// Calibration of expected watch time or of probabilities (EV-05): examples in `bins` groups of
// about equal size by prediction, lowest first; fewer when there are fewer examples.
struct CalibrationBin {
  double predicted, observed;  // means
  uint64_t examples;
  friend bool operator==(const CalibrationBin&, const CalibrationBin&) = default;
};
std::vector<CalibrationBin> Calibration(std::span<const float> predictions,
                                        std::span<const float> targets, size_t bins = 10);
// Least-squares slope of observed on predicted over bins, weighted by examples; 1 is calibrated.
// NaN when all bins predict the same.
double CalibrationSlope(std::span<const CalibrationBin> bins);

// ---- Uncertainty ----
struct Interval {
  double low, high;
};
inline constexpr Interval kNoInterval{std::numeric_limits<double>::quiet_NaN(),
                                      std::numeric_limits<double>::quiet_NaN()};
// 95 % percentile bootstrap of means of per-user values, several means of the same users on the
// same draws: values [users, columns] -> one per column.
std::vector<Interval> BootstrapMeans(std::span<const double> values, size_t columns, base::Rng& rng,
                                     int rounds = 1000);
// The same of a ratio sum(numerator) / sum(denominator).
Interval BootstrapRatio(std::span<const double> numerators, std::span<const double> denominators,
                        base::Rng& rng, int rounds = 1000);
// The same for a share of pairs (AUC, XAUC), from the sums of CountPairs over each user's examples.
// Both ends of a pair are resampled, so to first order the share moves twice as far as the ratio of
// the sums; resampling users and counting pairs anew gives the same within noise.
Interval BootstrapPairs(std::span<const double> ordered, std::span<const double> compared,
                        base::Rng& rng, int rounds = 1000);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_METRICS_H_
