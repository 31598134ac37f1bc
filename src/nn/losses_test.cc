#include "nn/losses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <vector>

#include "base/rng.h"
#include "nn/gradient_check.h"

namespace upnext::nn {
namespace {

std::vector<float> Random(size_t n, uint64_t seed, double scale = 1.0) {
  base::Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(scale * rng.Normal());
  return values;
}

TEST(FullSoftmaxLoss, HandComputedAndGradientChecked) {
  const std::vector<uint32_t> targets = {1, 0};
  std::vector<float> logits = {0, std::log(3.0f), 0, 0};
  auto work = logits;
  const LossValue loss = FullSoftmaxLoss(2, 2, targets, work.data());
  EXPECT_NEAR(loss.mean(), (std::log(4.0 / 3.0) + std::log(2.0)) / 2, 1e-6);
  EXPECT_NEAR(work[0], 0.25 / 2, 1e-6);
  EXPECT_NEAR(work[1], -0.25 / 2, 1e-6);
  const auto worst = CheckGradient(logits, work, [&] {
    auto copy = logits;
    return FullSoftmaxLoss(2, 2, targets, copy.data()).mean();
  });
  EXPECT_LT(worst.relative_error, 1e-3) << worst;
}

// A batch of users against classes, with the loss of each way of sampling.
struct SoftmaxProblem {
  static constexpr size_t kBatch = 6, kClasses = 40;
  SoftmaxProblem() : logits(Random(kBatch * kClasses, 1, 2.0)) {
    base::Rng rng(2);
    for (size_t i = 0; i < kBatch; ++i)
      targets.push_back(static_cast<uint32_t>(rng.Below(kClasses)));
  }
  // The loss over the sample `ids`; the gradient by class is added to `gradient` [batch, classes].
  double Sampled(const std::vector<uint32_t>& ids, const std::vector<float>& target_log,
                 const std::vector<float>& negative_log, std::vector<double>& gradient) const {
    const size_t width = ids.size() + 1;
    std::vector<float> sampled(kBatch * width);
    for (size_t row = 0; row < kBatch; ++row) {
      sampled[row * width] = logits[row * kClasses + targets[row]];
      for (size_t i = 0; i < ids.size(); ++i) {
        sampled[row * width + 1 + i] = logits[row * kClasses + ids[i]];
      }
    }
    const LossValue loss = SampledSoftmaxLoss({.batch = kBatch,
                                               .negatives = ids.size(),
                                               .targets = targets,
                                               .negative_ids = ids,
                                               .target_log_expected = target_log,
                                               .negative_log_expected = negative_log,
                                               .weights = {}},
                                              sampled.data());
    for (size_t row = 0; row < kBatch; ++row) {
      gradient[row * kClasses + targets[row]] += sampled[row * width];
      for (size_t i = 0; i < ids.size(); ++i) {
        gradient[row * kClasses + ids[i]] += sampled[row * width + 1 + i];
      }
    }
    return loss.mean();
  }
  double Full(std::vector<float>& gradient) const {
    gradient = logits;
    return FullSoftmaxLoss(kBatch, kClasses, targets, gradient.data()).mean();
  }
  std::vector<float> logits;
  std::vector<uint32_t> targets;
};

double LargestDifference(const std::vector<double>& a, const std::vector<float>& b) {
  double largest = 0.0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

TEST(LogQ, CG13_FullSampleEqualsFullSoftmaxInLossAndGradient) {
  const SoftmaxProblem problem;
  std::vector<uint32_t> ids(SoftmaxProblem::kClasses);
  std::iota(ids.begin(), ids.end(), 0u);
  std::vector<float> full;
  const double full_loss = problem.Full(full);
  std::vector<double> sampled(full.size());
  const std::vector<float> zeros(ids.size(), 0.0f), target_zeros(SoftmaxProblem::kBatch, 0.0f);
  EXPECT_NEAR(problem.Sampled(ids, target_zeros, zeros, sampled), full_loss, 1e-5);
  EXPECT_LT(LargestDifference(sampled, full), 1e-5);
}

// Classes that occur c times in the sample have the expected count c: with the right correction the
// repeated sample equals the full softmax; without it, or with its sign reversed, it does not.
TEST(LogQ, CG13_UnevenCountsNeedTheCorrectionWithTheRightSign) {
  const SoftmaxProblem problem;
  std::vector<uint32_t> ids;
  std::vector<float> log_expected, target_log_expected;
  const auto count = [](uint32_t id) { return 1 + id % 5; };
  for (uint32_t id = 0; id < SoftmaxProblem::kClasses; ++id) {
    for (uint32_t i = 0; i < count(id); ++i) {
      ids.push_back(id);
      log_expected.push_back(std::log(static_cast<float>(count(id))));
    }
  }
  std::vector<float> full;
  const double full_loss = problem.Full(full);
  // The target itself appears once in column 0, so its own expected count is 1.
  target_log_expected.assign(SoftmaxProblem::kBatch, 0.0f);
  std::vector<double> sampled(full.size());
  EXPECT_NEAR(problem.Sampled(ids, target_log_expected, log_expected, sampled), full_loss, 1e-5);
  EXPECT_LT(LargestDifference(sampled, full), 1e-5);

  std::vector<double> mutated(full.size());
  const std::vector<float> missing;
  EXPECT_GT(std::abs(problem.Sampled(ids, missing, missing, mutated) - full_loss), 0.1);
  EXPECT_GT(LargestDifference(mutated, full), 0.01);
  auto wrong_sign = log_expected;
  for (float& value : wrong_sign) value = -value;
  mutated.assign(full.size(), 0.0);
  EXPECT_GT(std::abs(problem.Sampled(ids, target_log_expected, wrong_sign, mutated) - full_loss),
            0.1);
  EXPECT_GT(LargestDifference(mutated, full), 0.01);
}

TEST(LogQ, CG13_ExpectedGradientApproachesTheFullOneWithMoreNegatives) {
  const SoftmaxProblem problem;
  constexpr size_t kClasses = SoftmaxProblem::kClasses;
  // A steep sampler: class i with probability proportional to 1 / (i + 1).
  std::vector<double> cumulative(kClasses);
  double total = 0.0;
  for (size_t i = 0; i < kClasses; ++i) cumulative[i] = total += 1.0 / static_cast<double>(i + 1);
  std::vector<float> full;
  problem.Full(full);
  const auto bias = [&](size_t negatives, double sign) {
    base::Rng rng(3);
    constexpr int kDraws = 4000;
    std::vector<double> mean(full.size());
    const auto log_expected = [&](uint32_t id) {
      return static_cast<float>(
          sign * std::log(static_cast<double>(negatives) / (static_cast<double>(id + 1) * total)));
    };
    std::vector<float> target_log;
    // The true class is certain to be in the row, so it needs no correction.
    target_log.assign(SoftmaxProblem::kBatch, 0.0f);
    for (int draw = 0; draw < kDraws; ++draw) {
      std::vector<uint32_t> ids;
      std::vector<float> negative_log;
      for (size_t i = 0; i < negatives; ++i) {
        const double u = rng.Uniform() * total;
        const auto id = static_cast<uint32_t>(
            std::upper_bound(cumulative.begin(), cumulative.end() - 1, u) - cumulative.begin());
        ids.push_back(id);
        negative_log.push_back(log_expected(id));
      }
      problem.Sampled(ids, target_log, negative_log, mean);
    }
    for (double& value : mean) value /= kDraws;
    return LargestDifference(mean, full);
  };
  const double few = bias(10, 1.0), many = bias(160, 1.0);
  EXPECT_LT(many, few / 2);
  EXPECT_LT(many, 0.02);
  EXPECT_GT(bias(160, 0.0), 4 * many) << "no correction: popular classes are pushed down";
}

// Targets follow P, the model scores log P. With the correction on both sides the gradient is zero
// for any sampler; without it the classes that are sampled most are pushed down.
TEST(LogQ, CG13_TrueScoresAreTheOptimumForFewNegatives) {
  constexpr size_t kClasses = 12, kNegatives = 4;
  constexpr int kDraws = 200'000;
  std::vector<double> p(kClasses), q(kClasses), p_sum(kClasses), q_sum(kClasses);
  double p_total = 0.0, q_total = 0.0;
  for (size_t i = 0; i < kClasses; ++i) {
    p_sum[i] = p_total += p[i] = 1.0 + static_cast<double>(i % 3);
    q_sum[i] = q_total += q[i] = 1.0 / static_cast<double>(i + 1);
  }
  const auto draw = [](const std::vector<double>& sums, base::Rng& rng) {
    const double u = rng.Uniform() * sums.back();
    return static_cast<uint32_t>(std::upper_bound(sums.begin(), sums.end() - 1, u) - sums.begin());
  };
  const auto pull = [&](bool corrected) {
    base::Rng rng(5);
    std::vector<double> gradient(kClasses);
    for (int i = 0; i < kDraws; ++i) {
      const std::vector<uint32_t> target = {draw(p_sum, rng)};
      std::vector<uint32_t> ids;
      std::vector<float> logits = {static_cast<float>(std::log(p[target[0]]))}, negative_log;
      const auto log_expected = [&](uint32_t id) {
        // The probability to be in the sample at all: hits and repeats count once.
        return static_cast<float>(std::log(1.0 - std::pow(1.0 - q[id] / q_total, kNegatives)));
      };
      for (size_t j = 0; j < kNegatives; ++j) {
        const uint32_t id = draw(q_sum, rng);
        if (std::ranges::find(ids, id) != ids.end()) continue;
        ids.push_back(id);
        logits.push_back(static_cast<float>(std::log(p[id])));
        negative_log.push_back(log_expected(id));
      }
      std::vector<float> target_log = {log_expected(target[0])};
      if (!corrected) {
        target_log.clear();
        negative_log.clear();
      }
      SampledSoftmaxLoss({.batch = 1,
                          .negatives = ids.size(),
                          .targets = target,
                          .negative_ids = ids,
                          .target_log_expected = target_log,
                          .negative_log_expected = negative_log},
                         logits.data());
      gradient[target[0]] += logits[0];
      for (size_t j = 0; j < ids.size(); ++j) gradient[ids[j]] += logits[j + 1];
    }
    double largest = 0.0;
    for (double value : gradient) largest = std::max(largest, std::abs(value) / kDraws);
    return largest;
  };
  EXPECT_LT(pull(true), 0.01) << pull(false);
  EXPECT_GT(pull(false), 0.05);
}

TEST(SampledSoftmaxLoss, AccidentalHitsTakeNoPartAndGradientIsRight) {
  const std::vector<uint32_t> targets = {3, 5}, ids = {3, 4, 5, 3};
  const std::vector<float> target_log = {-1.0f, -2.0f}, negative_log = {-1.0f, 0.5f, -2.0f, -1.0f};
  auto logits = Random(10, 4);
  const SampledSoftmaxBatch batch{.batch = 2,
                                  .negatives = 4,
                                  .targets = targets,
                                  .negative_ids = ids,
                                  .target_log_expected = target_log,
                                  .negative_log_expected = negative_log,
                                  .weights = {}};
  auto gradient = logits;
  SampledSoftmaxLoss(batch, gradient.data());
  EXPECT_EQ(gradient[1], 0.0f);
  EXPECT_EQ(gradient[4], 0.0f);
  EXPECT_EQ(gradient[5 + 3], 0.0f);
  const auto worst = CheckGradient(logits, gradient, [&] {
    auto copy = logits;
    return SampledSoftmaxLoss(batch, copy.data()).mean();
  });
  EXPECT_LT(worst.relative_error, 1e-3) << worst;
}

using LossFunction = std::function<LossValue(std::span<const float>, float*)>;

void ExpectGradientMatches(const LossFunction& loss_of, std::vector<float> logits) {
  std::vector<float> gradient(logits.size());
  const LossValue with = loss_of(logits, gradient.data());
  EXPECT_EQ(loss_of(logits, nullptr).sum, with.sum) << "the gradient is optional";
  const auto worst = CheckGradient(
      logits, gradient, [&] { return loss_of(logits, nullptr).mean(); }, {.step = 1e-3f});
  EXPECT_LT(worst.relative_error, 1e-3) << worst;
}

TEST(LogisticLoss, HandComputedMaskedWeightedAndChecked) {
  const std::vector<float> logits = {0, 2, -1}, labels = {1, 0, 1}, weights = {2, 1, 5};
  const std::vector<uint8_t> mask = {1, 1, 0};
  std::vector<float> gradient(3, 9.0f);
  const LossValue loss =
      LogisticLoss(logits, labels, {.weights = weights, .mask = mask}, gradient.data());
  EXPECT_NEAR(loss.sum, 2 * std::log(2.0) + std::log1p(std::exp(2.0)), 1e-6);
  EXPECT_EQ(loss.count, 2.0);
  EXPECT_NEAR(gradient[0], 2 * -0.5 / 2, 1e-6);
  EXPECT_NEAR(gradient[1], 1 / (1 + std::exp(-2.0)) / 2, 1e-6);
  EXPECT_EQ(gradient[2], 0.0f) << "MT-01: a masked example has no gradient";
  ExpectGradientMatches(
      [&](std::span<const float> z, float* d) {
        return LogisticLoss(z, labels, {.weights = weights, .mask = mask}, d);
      },
      logits);
}

TEST(LogisticLoss, FiniteForHugeLogitsAndEmptyWhenAllIsMasked) {
  const std::vector<float> logits = {1e4f, -1e4f}, labels = {0, 1};
  std::vector<float> gradient(2);
  EXPECT_DOUBLE_EQ(LogisticLoss(logits, labels, {}, gradient.data()).mean(), 1e4);
  EXPECT_EQ(gradient, (std::vector<float>{0.5f, -0.5f}));
  const std::vector<uint8_t> nobody = {0, 0};
  EXPECT_EQ(LogisticLoss(logits, labels, {.mask = nobody}, gradient.data()).mean(), 0.0);
  EXPECT_EQ(gradient, (std::vector<float>{0, 0}));
}

TEST(LogisticLoss, GradientScaleIsTheTasksWeight) {
  const std::vector<float> logits = {0.3f, -2}, labels = {1, 0};
  std::vector<float> one(2), three(2);
  const double loss = LogisticLoss(logits, labels, {}, one.data()).sum;
  EXPECT_EQ(LogisticLoss(logits, labels, {.gradient_scale = 3}, three.data()).sum, loss);
  EXPECT_FLOAT_EQ(three[0], 3 * one[0]);
}

TEST(OrdinalLoss, HandComputedMaskedAndChecked) {
  // Values 0, 15 and 40 against the thresholds 0 and 20: bits 00, 10, 11; the last is masked.
  const std::vector<float> values = {0, 15, 40}, thresholds = {0, 20};
  const std::vector<float> logits = {0, std::log(3.0f), std::log(3.0f), 0, 5, 5};
  const std::vector<uint8_t> mask = {1, 1, 0};
  std::vector<float> gradient(6);
  const LossValue loss = OrdinalLoss(logits, values, thresholds, {.mask = mask}, gradient.data());
  EXPECT_EQ(loss.count, 2);
  EXPECT_NEAR(loss.sum, std::log(2.0) + std::log(4.0) + std::log(4.0 / 3) + std::log(2.0), 1e-6);
  const std::vector<double> expected = {.5 / 2, .75 / 2, -.25 / 2, .5 / 2, 0, 0};
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(gradient[i], expected[i], 1e-6) << i;
  std::vector<float> moved = logits;
  const auto worst = CheckGradient(moved, gradient, [&] {
    return OrdinalLoss(moved, values, thresholds, {.mask = mask}, nullptr).mean();
  });
  EXPECT_LT(worst.relative_error, 1e-3) << worst;
}

TEST(SquaredLoss, HandComputedAndChecked) {
  const std::vector<float> targets = {1, -1, 0}, weights = {1, 0.5f, 3};
  std::vector<float> gradient(3);
  const LossValue loss =
      SquaredLoss(std::vector<float>{3, -1, 1}, targets, {.weights = weights}, gradient.data());
  EXPECT_DOUBLE_EQ(loss.mean(), (4.0 + 0.0 + 3.0) / 3);
  EXPECT_EQ(gradient, (std::vector<float>{4.0f / 3, 0, 2}));
  ExpectGradientMatches([&](std::span<const float> p,
                            float* d) { return SquaredLoss(p, targets, {.weights = weights}, d); },
                        {3, -1, 1});
}

TEST(HuberLoss, HandComputedAndChecked) {
  const std::vector<float> targets = {1, -1, 0, 0}, weights = {1, 0.5f, 3, 1};
  std::vector<float> gradient(4);
  const LossValue loss = HuberLoss(std::vector<float>{1.5f, -4, 1, -3}, targets, 2,
                                   {.weights = weights}, gradient.data());
  EXPECT_DOUBLE_EQ(loss.mean(), (.25 + .5 * 2 * (2 * 3 - 2) + 3 + 2 * (2 * 3 - 2)) / 4);
  EXPECT_EQ(gradient, (std::vector<float>{.25f, -.5f, 1.5f, -1}));
  ExpectGradientMatches([&](std::span<const float> p,
                            float* d) { return HuberLoss(p, targets, 2, {.weights = weights}, d); },
                        {1.5f, -4, 1, -3});
}

TEST(HuberLoss, OfAWideDeltaIsTheSquaredLoss) {
  const std::vector<float> predictions = {3, -1, 1}, targets = {1, -1, 0};
  std::vector<float> huber(3), squared(3);
  EXPECT_EQ(HuberLoss(predictions, targets, 2, {}, huber.data()).sum,
            SquaredLoss(predictions, targets, {}, squared.data()).sum);
  EXPECT_EQ(huber, squared);
}

class WatchTime : public testing::TestWithParam<WatchTimeForm> {
 protected:
  WatchTimeOptions options_{.form = GetParam()};
};
INSTANTIATE_TEST_SUITE_P(, WatchTime, testing::Values(WatchTimeForm::kPaper, WatchTimeForm::kExact),
                         [](const auto& form) {
                           return form.param == WatchTimeForm::kPaper ? "Paper" : "Exact";
                         });

TEST_P(WatchTime, RK12_GradientEqualsAnalytic) {
  const std::vector<float> clicked = {1, 0, 1, 0}, watch_time = {30, 99, 0, 0};
  const std::vector<float> logits = {0.5f, -1, 2, 3};
  std::vector<float> gradient(4);
  WatchTimeLoss(logits, clicked, watch_time, options_, {}, gradient.data());
  for (size_t i = 0; i < 4; ++i) {
    const double share = 1 / (1 + std::exp(-static_cast<double>(logits[i])));
    double expected = clicked[i] != 0 ? watch_time[i] * (share - 1) : share;
    if (clicked[i] != 0 && GetParam() == WatchTimeForm::kExact) expected += share;
    EXPECT_NEAR(gradient[i], expected / 4, 1e-5) << i;
  }
  ExpectGradientMatches(
      [&](std::span<const float> z, float* d) {
        return WatchTimeLoss(z, clicked, watch_time, options_, {}, d);
      },
      logits);
}

TEST(WatchTimeLoss, RK12_EqualsRepeatingThePositiveTFold) {
  // One positive of T = 4 and two negatives, against the unweighted log loss of 4 + 2 examples.
  const float z = 0.7f;
  std::vector<float> weighted(3), repeated(6);
  const LossValue once = WatchTimeLoss(std::vector<float>(3, z), std::vector<float>{1, 0, 0},
                                       std::vector<float>{4, 0, 0}, {.form = WatchTimeForm::kPaper},
                                       {}, weighted.data());
  const LossValue folded = LogisticLoss(std::vector<float>(6, z),
                                        std::vector<float>{1, 1, 1, 1, 0, 0}, {}, repeated.data());
  EXPECT_NEAR(once.sum, folded.sum, 1e-9);
  const auto sum = [](const std::vector<float>& d) {
    return std::accumulate(d.begin(), d.end(), 0.0);
  };
  EXPECT_NEAR(sum(weighted) * once.count, sum(repeated) * folded.count, 1e-5);
}

TEST_P(WatchTime, RK13_OptimumIsThatOfTheForm) {
  // Click probability 0.3, mean watch time 20 s when clicked: E[T] = 6.
  std::vector<float> clicked(1000, 0.0f), watch_time(1000, 0.0f);
  for (size_t i = 0; i < 300; ++i) {
    clicked[i] = 1.0f;
    watch_time[i] = i % 2 == 0 ? 10.0f : 30.0f;
  }
  float z = 0.0f;
  std::vector<float> gradient(1000);
  for (int step = 0; step < 2000; ++step) {
    WatchTimeLoss(std::vector<float>(1000, z), clicked, watch_time, options_, {}, gradient.data());
    z -= 0.3f * std::accumulate(gradient.begin(), gradient.end(), 0.0f);
  }
  const double expected = GetParam() == WatchTimeForm::kPaper ? 6.0 / (1 - 0.3) : 6.0;
  EXPECT_NEAR(ExpectedWatchTime(z, options_), expected, 0.02);
}

TEST_P(WatchTime, ClippedLogitsOnlyMoveBackInside) {
  options_.clip = 3.0f;
  const std::vector<float> logits = {9, 9, -9, -9}, clicked = {1, 0, 0, 1},
                           time = {1000, 0, 0, 1000};
  std::vector<float> gradient(4);
  const LossValue loss = WatchTimeLoss(logits, clicked, time, options_, {}, gradient.data());
  EXPECT_TRUE(std::isfinite(loss.sum));
  EXPECT_EQ(gradient[0], 0.0f);
  EXPECT_GT(gradient[1], 0.0f);
  EXPECT_EQ(gradient[2], 0.0f);
  EXPECT_LT(gradient[3], 0.0f);
  EXPECT_FLOAT_EQ(ExpectedWatchTime(100.0f, options_), std::exp(3.0f));
}

TEST(WatchTimeLoss, TR05_NaNShows) {
  std::vector<float> gradient(1);
  const LossValue loss = WatchTimeLoss(std::vector<float>{std::nanf("")}, std::vector<float>{1},
                                       std::vector<float>{1}, {}, {}, gradient.data());
  EXPECT_TRUE(std::isnan(loss.sum));
  EXPECT_TRUE(std::isnan(gradient[0]));
}

}  // namespace
}  // namespace upnext::nn
