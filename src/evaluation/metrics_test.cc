#include "evaluation/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace upnext::evaluation {
namespace {

using Ranks = std::vector<uint32_t>;

TEST(RetrievalMetrics, EV01_ToyCaseByHand) {
  // Three relevant items; two are found, at ranks 2 and 5.
  const Ranks ranks{2, 5};
  EXPECT_EQ(HitRate(ranks, 1), 0.0);
  EXPECT_EQ(HitRate(ranks, 2), 1.0);
  EXPECT_DOUBLE_EQ(Recall(ranks, 3, 4), 1.0 / 3);
  EXPECT_DOUBLE_EQ(Recall(ranks, 3, 10), 2.0 / 3);
  EXPECT_DOUBLE_EQ(AveragePrecision(ranks, 3), (1.0 / 2 + 2.0 / 5) / 3);
  const double ideal = 1 + 1 / std::log2(3.0) + 1 / std::log2(4.0);
  EXPECT_DOUBLE_EQ(Ndcg(ranks, 3, 10), (1 / std::log2(3.0) + 1 / std::log2(6.0)) / ideal);
  EXPECT_DOUBLE_EQ(Ndcg(ranks, 3, 2), (1 / std::log2(3.0)) / (1 + 1 / std::log2(3.0)));
}

TEST(RetrievalMetrics, EV01_WithOneRelevantItemMapIsTheReciprocalRank) {
  for (const uint32_t rank : {1u, 3u, 77u}) {
    EXPECT_DOUBLE_EQ(AveragePrecision(Ranks{rank}, 1), 1.0 / rank);
    EXPECT_DOUBLE_EQ(Ndcg(Ranks{rank}, 1, 100), 1.0 / std::log2(rank + 1.0));
    EXPECT_EQ(HitRate(Ranks{rank}, 10), Recall(Ranks{rank}, 1, 10));
  }
}

TEST(RetrievalMetrics, EV07_GiniByHand) {
  EXPECT_DOUBLE_EQ(Gini({2, 2, 2, 2}), 0.0);
  EXPECT_DOUBLE_EQ(Gini({0, 4, 0, 0}), 3.0 / 4);
  EXPECT_DOUBLE_EQ(Gini({3, 1}), 1.0 / 4);
  EXPECT_TRUE(std::isnan(Gini({0, 0})));
}

TEST(RetrievalMetrics, ATargetWeighsTheInverseOfItsPopularityUpToALimit) {
  EXPECT_DOUBLE_EQ(TargetWeight(50, 50), 1.0);
  EXPECT_DOUBLE_EQ(TargetWeight(20, 50), 2.5);
  EXPECT_DOUBLE_EQ(TargetWeight(1, 5000), kMostTargetWeight);
  EXPECT_DOUBLE_EQ(TargetWeight(0, 50), 50.0) << "as if it had one watch";
  EXPECT_DOUBLE_EQ(TargetWeight(0, 0), 1.0);
}

TEST(RetrievalMetrics, AnItemThatIsNotRankedIsAMiss) {
  EXPECT_EQ(HitRate(Ranks{}, 10), 0.0);
  EXPECT_EQ(Recall(Ranks{}, 1, 10), 0.0);
  EXPECT_EQ(Ndcg(Ranks{}, 1, 10), 0.0);
  EXPECT_EQ(AveragePrecision(Ranks{}, 1), 0.0);
}

// ---- Pairs ----

struct Pairs {
  std::vector<float> predictions, targets;
};
// Few distinct values, so that there are many ties on both sides.
Pairs RandomPairs(size_t n, uint64_t values, uint64_t seed) {
  base::Rng rng(seed);
  Pairs pairs;
  for (size_t i = 0; i < n; ++i) {
    pairs.predictions.push_back(static_cast<float>(rng.Below(values)) - 3);
    pairs.targets.push_back(static_cast<float>(rng.Below(values)) * 0.5f);
  }
  return pairs;
}

double BruteForceXauc(const Pairs& pairs) {
  double ordered = 0, compared = 0;
  for (size_t i = 0; i < pairs.targets.size(); ++i) {
    for (size_t j = 0; j < pairs.targets.size(); ++j) {
      if (!(pairs.targets[i] > pairs.targets[j])) continue;
      compared += 1;
      if (pairs.predictions[i] > pairs.predictions[j]) ordered += 1;
      if (pairs.predictions[i] == pairs.predictions[j]) ordered += 0.5;
    }
  }
  return ordered / compared;
}

double ShareOf(const std::vector<float>& predictions, const std::vector<float>& targets) {
  return PairShare(CountPairs(predictions, targets));
}

TEST(PairShare, EV04_EqualsBruteForcePairCount) {
  for (const uint64_t values : {2u, 5u, 40u, 100000u}) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const Pairs pairs = RandomPairs(97 + seed, values, seed);
      EXPECT_NEAR(ShareOf(pairs.predictions, pairs.targets), BruteForceXauc(pairs), 1e-12)
          << values;
    }
  }
}

// Area under the ROC curve, by definition the probability that a positive is above a negative.
TEST(PairShare, EV04_OfTwoClassesIsTheAreaUnderTheRocCurve) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    Pairs pairs = RandomPairs(80, 2 + 7 * seed, seed);
    for (float& target : pairs.targets) target = target > 0.6f ? 1.0f : 0.0f;
    if (std::ranges::count(pairs.targets, 1.0f) == 0) continue;
    EXPECT_NEAR(ShareOf(pairs.predictions, pairs.targets), BruteForceXauc(pairs), 1e-12);
  }
  // 0.8 is above both negatives, 0.4 above one: 3 of 4 pairs.
  EXPECT_EQ(ShareOf({0.1f, 0.6f, 0.4f, 0.8f}, {0, 0, 1, 1}), 0.75);
}

TEST(PairShare, IsOneHalfForAConstantAndNothingWithoutBothClasses) {
  const std::vector<float> same(5, 0.3f);
  EXPECT_EQ(ShareOf(same, {1, 0, 0, 1, 0}), 0.5);
  EXPECT_TRUE(std::isnan(ShareOf(same, std::vector<float>(5, 1))));
}

TEST(Pairs, EveryExampleKnowsItsOwnPairs) {
  const PairCounts pairs =
      CountPairs(std::vector<float>{1, 3, 3, 2}, std::vector<float>{0, 1, 1, 5});
  // 0: correctly below the other three. 1 and 2: not compared with each other, correctly above 0,
  // wrongly above 3. 3: correctly above 0, wrongly below 1 and 2.
  EXPECT_EQ(pairs.ordered, (std::vector<double>{3, 1, 1, 1}));
  EXPECT_EQ(pairs.compared, (std::vector<double>{3, 2, 2, 3}));
}

TEST(Errors, ToyCaseByHand) {
  const std::vector<float> predictions{1, 5, 2}, targets{1, 2, 6};
  EXPECT_DOUBLE_EQ(MeanAbsoluteError(predictions, targets), 7.0 / 3);
  EXPECT_DOUBLE_EQ(RootMeanSquaredError(predictions, targets), std::sqrt(25.0 / 3));
}

// ---- Weighted per-user loss ----

TEST(WeightedPageLoss, EV03_ToyCaseByHand) {
  // Clicked: 60 s at score 3, 10 s at score 1. Not clicked: scores 2 and 1.
  const std::vector<double> scores{3, 2, 1, 1};
  const std::vector<float> watch_s{60, 0, 10, 0};
  const std::vector<uint8_t> clicked{1, 0, 1, 0};
  const PageLoss loss = WeightedPageLoss(scores, watch_s, clicked);
  EXPECT_DOUBLE_EQ(loss.total, 2 * 60 + 2 * 10);
  EXPECT_DOUBLE_EQ(loss.wrong, 10 * (1 + 0.5));
  EXPECT_DOUBLE_EQ(loss.loss(), 15.0 / 140);
}

TEST(WeightedPageLoss, EV03_RandomIsHalfOracleIsNothingTiesAreHalf) {
  base::Rng rng(7);
  PageLoss random, oracle, constant, worst;
  const auto add = [](PageLoss page, PageLoss* to) {
    to->wrong += page.wrong;
    to->total += page.total;
  };
  for (int page = 0; page < 4000; ++page) {
    std::vector<double> scores, ideal, reverse;
    std::vector<float> watch_s;
    std::vector<uint8_t> clicked;
    for (int i = 0; i < 8; ++i) {
      clicked.push_back(rng.Below(3) == 0);
      watch_s.push_back(clicked.back() != 0 ? static_cast<float>(rng.Below(300)) : 0.0f);
      scores.push_back(rng.Uniform());
      ideal.push_back(clicked.back());
      reverse.push_back(-ideal.back());
    }
    add(WeightedPageLoss(scores, watch_s, clicked), &random);
    add(WeightedPageLoss(ideal, watch_s, clicked), &oracle);
    add(WeightedPageLoss(reverse, watch_s, clicked), &worst);
    add(WeightedPageLoss(std::vector<double>(8, 1.0), watch_s, clicked), &constant);
  }
  EXPECT_NEAR(random.loss(), 0.5, 0.01);
  EXPECT_EQ(oracle.loss(), 0.0);
  EXPECT_EQ(worst.loss(), 1.0);
  EXPECT_EQ(constant.loss(), 0.5);
}

TEST(WeightedPageLoss, IsNothingWithoutBothKinds) {
  const std::vector<double> scores{1, 2};
  const std::vector<float> watch_s{5, 5};
  EXPECT_TRUE(std::isnan(WeightedPageLoss(scores, watch_s, std::vector<uint8_t>{1, 1}).loss()));
  EXPECT_TRUE(std::isnan(WeightedPageLoss(scores, watch_s, std::vector<uint8_t>{0, 0}).loss()));
}

// ---- Calibration ----

TEST(Calibration, EV05_SlopeIsOneWhenPredictionsAreExpectations) {
  base::Rng rng(3);
  std::vector<float> predictions, targets, doubled;
  for (int i = 0; i < 20000; ++i) {
    const double expected = 100 * rng.Uniform();
    predictions.push_back(static_cast<float>(expected));
    doubled.push_back(static_cast<float>(2 * expected));
    targets.push_back(static_cast<float>(-expected * std::log(1 - rng.Uniform())));
  }
  const auto bins = Calibration(predictions, targets);
  ASSERT_EQ(bins.size(), 10u);
  for (const CalibrationBin& bin : bins) EXPECT_EQ(bin.examples, 2000u);
  EXPECT_NEAR(CalibrationSlope(bins), 1.0, 0.1);
  EXPECT_NEAR(CalibrationSlope(Calibration(doubled, targets)), 0.5, 0.05);
}

TEST(Calibration, FewExamplesGiveFewBins) {
  const auto bins =
      Calibration(std::vector<float>{3, 1, 2}, std::vector<float>{30, 10, 20}, /*bins=*/10);
  ASSERT_EQ(bins.size(), 3u);
  EXPECT_EQ(bins[0], (CalibrationBin{1, 10, 1}));
  EXPECT_EQ(bins[2], (CalibrationBin{3, 30, 1}));
  EXPECT_TRUE(Calibration({}, {}).empty());
}

// ---- Bootstrap ----

TEST(Bootstrap, CoversTheMeanAboutNineteenTimesInTwenty) {
  int covered = 0;
  constexpr int kTrials = 400;
  for (int trial = 0; trial < kTrials; ++trial) {
    base::Rng rng(11, static_cast<uint64_t>(trial));
    std::vector<double> values;
    for (int i = 0; i < 100; ++i) values.push_back(2 + rng.Normal());
    const Interval interval = BootstrapMeans(values, 1, rng, /*rounds=*/300)[0];
    covered += interval.low <= 2 && 2 <= interval.high;
  }
  EXPECT_GE(covered, kTrials * 0.90);
  EXPECT_LE(covered, kTrials * 0.985);
}

TEST(Bootstrap, RatioWeighsUsersByTheirDenominator) {
  base::Rng rng(5);
  std::vector<double> numerators, denominators;
  for (int i = 0; i < 500; ++i) {
    denominators.push_back(1 + static_cast<double>(rng.Below(10)));
    numerators.push_back(0.3 * denominators.back() + 0.05 * rng.Normal());
  }
  const Interval interval = BootstrapRatio(numerators, denominators, rng);
  EXPECT_LT(interval.low, 0.3);
  EXPECT_GT(interval.high, 0.3);
  EXPECT_LT(interval.high - interval.low, 0.01);
}

TEST(Bootstrap, OfPairsAgreesWithCountingThePairsAnew) {
  // 120 users with 6 examples each; targets follow predictions with noise of the user's own.
  constexpr size_t kUsers = 120, kEach = 6;
  base::Rng rng(23);
  std::vector<float> predictions, targets;
  for (size_t u = 0; u < kUsers; ++u) {
    const double mood = rng.Normal();
    for (size_t i = 0; i < kEach; ++i) {
      predictions.push_back(static_cast<float>(rng.Normal()));
      targets.push_back(predictions.back() + static_cast<float>(mood + rng.Normal()));
    }
  }
  const PairCounts pairs = CountPairs(predictions, targets);
  std::vector<double> ordered(kUsers, 0), compared(kUsers, 0);
  for (size_t i = 0; i < predictions.size(); ++i) {
    ordered[i / kEach] += pairs.ordered[i];
    compared[i / kEach] += pairs.compared[i];
  }
  const Interval fast = BootstrapPairs(ordered, compared, rng, 2000);

  std::vector<double> draws;
  for (int round = 0; round < 2000; ++round) {
    std::vector<float> drawn_predictions, drawn_targets;
    for (size_t u = 0; u < kUsers; ++u) {
      const size_t begin = kEach * static_cast<size_t>(rng.Below(kUsers));
      for (size_t i = begin; i < begin + kEach; ++i) {
        drawn_predictions.push_back(predictions[i]);
        drawn_targets.push_back(targets[i]);
      }
    }
    draws.push_back(ShareOf(drawn_predictions, drawn_targets));
  }
  std::ranges::sort(draws);
  EXPECT_NEAR(fast.low, draws[50], 0.006);
  EXPECT_NEAR(fast.high, draws[1949], 0.006);
}

TEST(Bootstrap, SameSeedSameInterval) {
  const std::vector<double> values{1, 2, 3, 4, 5, 9};
  base::Rng a(4), b(4);
  const Interval first = BootstrapMeans(values, 1, a)[0];
  const Interval second = BootstrapMeans(values, 1, b)[0];
  EXPECT_EQ(first.low, second.low);
  EXPECT_EQ(first.high, second.high);
  EXPECT_TRUE(std::isnan(BootstrapMeans({}, 1, a)[0].low));
}

TEST(Bootstrap, SumsOfOneDifferenceHaveItsInterval) {
  UserSums next, current;
  PairedRatios ratios{.columns = 2, .next = {}, .current = {}, .denominators = {}};
  base::Rng draw(7);
  for (int user = 0; user < 60; ++user) {
    const double before = draw.Uniform(), after = before + 0.2 * draw.Uniform(), n = 1 + user % 3;
    next.numerators.push_back(after);
    current.numerators.push_back(before);
    next.denominators.push_back(n);
    current.denominators.push_back(n);
    // The second column is the first one twice.
    for (const double factor : {1.0, 2.0}) {
      ratios.next.push_back(factor * after);
      ratios.current.push_back(factor * before);
      ratios.denominators.push_back(n);
    }
  }
  base::Rng one(1), other(1);
  const Interval expected = BootstrapDifference(next, current, /*root=*/false, one);
  const std::vector<Interval> found =
      BootstrapSums(ratios, std::vector<double>{1, 0, 0, 1, 1, 0.5}, other);
  ASSERT_EQ(found.size(), 3u);
  for (size_t f = 0; f < 3; ++f) {
    const double factor = f == 0 ? 1 : 2;
    EXPECT_NEAR(found[f].low, factor * expected.low, 1e-12);
    EXPECT_NEAR(found[f].high, factor * expected.high, 1e-12);
  }
}

}  // namespace
}  // namespace upnext::evaluation
