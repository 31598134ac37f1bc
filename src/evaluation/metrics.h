// The numbers, each a pure function that a toy case checks by hand.
#ifndef UPNEXT_EVALUATION_METRICS_H_
#define UPNEXT_EVALUATION_METRICS_H_

#include <cstddef>
#include <cstdint>
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
// Area under the ROC curve, ties one half (EV-04). NaN without both classes.
double Auc(std::span<const float> scores, std::span<const uint8_t> labels);
// Share of pairs with different targets that are ordered alike; a tie in the prediction counts one
// half. O(n log n).
double Xauc(std::span<const float> predictions, std::span<const float> targets);
double MeanAbsoluteError(std::span<const float> predictions, std::span<const float> targets);
double RootMeanSquaredError(std::span<const float> predictions, std::span<const float> targets);

// Weighted, per-user loss (paper 4.3, EV-03): over (positive, negative) impression pairs of one
// user on one page, the watch time of positives ranked below a negative, as a share of all; ties
// one half.
struct PageLoss {
  double wrong = 0, total = 0;
  double loss() const { return total > 0 ? wrong / total : 0.0 / 0.0; }
};
// score, watch_s, clicked of one page's impressions.
PageLoss WeightedPageLoss(std::span<const double> scores, std::span<const float> watch_s,
                          std::span<const uint8_t> clicked);

// ---- Uncertainty ----
struct Interval {
  double low, high;
};
// 95 % percentile bootstrap of a mean of per-user values / of a ratio sum(numerator) /
// sum(denominator).
Interval BootstrapMean(std::span<const double> values, base::Rng& rng, int rounds = 1000);
Interval BootstrapRatio(std::span<const double> numerators, std::span<const double> denominators,
                        base::Rng& rng, int rounds = 1000);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_METRICS_H_
