#include "studies/models.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace upnext::studies {
namespace {

double BruteForce(const std::vector<double>& scores, const std::vector<double>& targets) {
  double ordered = 0, pairs = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    for (size_t j = 0; j < scores.size(); ++j) {
      if (i == j) continue;
      const double weight = targets[i] * (1 - targets[j]);
      pairs += weight;
      ordered += weight * (scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0);
    }
  }
  return ordered / pairs;
}

TEST(ExpectedAuc, EqualsTheCountOverAllPairsWithTies) {
  base::Rng rng(3);
  std::vector<double> scores, targets, clicks;
  for (int i = 0; i < 80; ++i) {
    scores.push_back(static_cast<double>(rng.Below(12)));
    targets.push_back(rng.Uniform());
    clicks.push_back(rng.Below(2) == 0 ? 0 : 1);
  }
  EXPECT_NEAR(ExpectedAuc(scores, targets), BruteForce(scores, targets), 1e-12);
  EXPECT_NEAR(ExpectedAuc(scores, clicks), BruteForce(scores, clicks), 1e-12);
}

TEST(ExpectedAuc, OfProbabilitiesIsTheExpectedAucOfDraws) {
  base::Rng rng(4);
  std::vector<double> scores, targets;
  for (int i = 0; i < 400; ++i) {
    targets.push_back(rng.Uniform() * 0.3);
    scores.push_back(targets.back() + 0.2 * rng.Uniform());
  }
  const double expected = ExpectedAuc(scores, targets);
  double sum = 0;
  constexpr int kRounds = 400;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> clicks;
    for (const double p : targets) clicks.push_back(rng.Uniform() < p ? 1 : 0);
    sum += ExpectedAuc(scores, clicks);
  }
  // The standard deviation of one draw's AUC is about 0.035.
  EXPECT_NEAR(sum / kRounds, expected, 4 * 0.035 / std::sqrt(kRounds));
}

TEST(ExpectedAuc, IsNanWithoutPairs) {
  EXPECT_TRUE(std::isnan(ExpectedAuc(std::vector<double>{1, 2}, std::vector<double>{0, 0})));
}

TEST(Slope, AndCorrelationOfALine) {
  const std::vector<double> x = {1, 2, 3, 4}, y = {5, 3, 1, -1}, flat = {2, 2, 2, 2};
  EXPECT_NEAR(Slope(x, y), -2, 1e-12);
  EXPECT_NEAR(Correlation(x, y), -1, 1e-12);
  EXPECT_NEAR(Slope(x, flat), 0, 1e-12);
  EXPECT_TRUE(std::isnan(Correlation(x, flat)));
  EXPECT_TRUE(std::isnan(Slope(flat, x)));
}

}  // namespace
}  // namespace upnext::studies
