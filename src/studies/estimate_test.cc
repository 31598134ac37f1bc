#include "studies/estimate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace upnext::studies {
namespace {

TEST(MeanWithInterval, MatchesAHandComputedCase) {
  // s = 1, t(0.975, 2) = 4.302653, so half = 4.302653 / sqrt(3).
  const Estimate e = MeanWithInterval(std::vector<double>{1, 2, 3});
  EXPECT_EQ(e.values, 3u);
  EXPECT_DOUBLE_EQ(e.mean, 2);
  EXPECT_NEAR(e.high - e.mean, 4.302653 / std::sqrt(3.0), 1e-5);
  EXPECT_NEAR(e.mean - e.low, 4.302653 / std::sqrt(3.0), 1e-5);
}

TEST(MeanWithInterval, CoversTheMeanOfNormalValuesNineteenTimesInTwenty) {
  base::Rng rng(1);
  int covered = 0;
  constexpr int kRounds = 4000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> values(5);
    for (double& value : values) value = 7 + 2 * rng.Normal();
    const Estimate e = MeanWithInterval(values);
    covered += e.low <= 7 && 7 <= e.high ? 1 : 0;
  }
  EXPECT_NEAR(covered, 0.95 * kRounds, 4 * std::sqrt(kRounds * 0.95 * 0.05));
}

TEST(MeanWithInterval, HasNoIntervalOfOneValueAndIgnoresNonFiniteValues) {
  const Estimate one = MeanWithInterval(std::vector<double>{NAN, 4, INFINITY});
  EXPECT_EQ(one.values, 1u);
  EXPECT_EQ(one.mean, 4);
  EXPECT_TRUE(std::isnan(one.low) && std::isnan(one.high));
  EXPECT_TRUE(std::isnan(MeanWithInterval({}).mean));
}

}  // namespace
}  // namespace upnext::studies
