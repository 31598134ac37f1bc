#include "nn/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "nn/dense.h"
#include "nn/gradient_check.h"

namespace upnext::nn {
namespace {

using kernels::BagsView;
using kernels::Pooling;

struct OneParameter {
  explicit OneParameter(std::vector<float> start)
      : value(std::move(start)), gradient(value.size()) {}
  std::vector<Parameter> view() { return {{"p", {value.size()}, value, gradient}}; }
  std::vector<float> value, gradient;
};

TEST(Adam, FirstStepsEqualHandComputedAndClearTheGradient) {
  OneParameter p({1.0f, -2.0f});
  Adam adam(p.view(), {.learning_rate = 0.1f, .epsilon = 0.0f});
  p.gradient = {0.5f, -3.0f};
  adam.Step();
  // Bias correction makes the first step lr * sign(gradient).
  EXPECT_NEAR(p.value[0], 0.9, 1e-6);
  EXPECT_NEAR(p.value[1], -1.9, 1e-6);
  EXPECT_EQ(p.gradient, (std::vector<float>{0, 0}));
  EXPECT_EQ(adam.steps(), 1u);
  p.gradient = {0.0f, 0.0f};
  adam.Step();
  const double m = 0.9 * 0.1 * 0.5 / (1 - 0.81), v = 0.999 * 0.001 * 0.25 / (1 - 0.999 * 0.999);
  EXPECT_NEAR(p.value[0], 0.9 - 0.1 * m / std::sqrt(v), 1e-5);
}

TEST(Adam, WeightDecayShrinksWithoutAGradient) {
  OneParameter p({2.0f});
  Adam adam(p.view(), {.learning_rate = 0.1f, .weight_decay = 0.5f});
  adam.Step();
  EXPECT_NEAR(p.value[0], 2.0 * (1 - 0.05), 1e-6);
}

TEST(Adam, ThreadsChangeNothing) {
  const auto run = [](base::ThreadPool* pool) {
    OneParameter p(std::vector<float>(100'003, 1.0f));
    Adam adam(p.view(), {});
    for (int step = 0; step < 3; ++step) {
      for (size_t i = 0; i < p.gradient.size(); ++i)
        p.gradient[i] = static_cast<float>(i % 17) - 8.0f;
      adam.Step(pool);
    }
    return p.value;
  };
  base::ThreadPool pool(3);
  EXPECT_EQ(run(&pool), run(nullptr));
}

TEST(Adam, StateResumesToTheSameBytes) {
  const auto gradient = [](int step) { return static_cast<float>(std::sin(step)); };
  OneParameter whole({1.0f}), half({1.0f});
  Adam uninterrupted(whole.view(), {}), first(half.view(), {});
  for (int step = 0; step < 10; ++step) {
    if (step == 5) {
      std::vector<Parameter> from, to;
      Adam second(half.view(), {});
      first.AppendState("adam", from);
      second.AppendState("adam", to);
      ASSERT_EQ(from.size(), to.size());
      for (size_t i = 0; i < from.size(); ++i) {
        EXPECT_EQ(from[i].name, to[i].name);
        std::copy(from[i].value.begin(), from[i].value.end(), to[i].value.begin());
      }
      first = std::move(second);
      EXPECT_EQ(first.steps(), 5u);
    }
    whole.gradient[0] = half.gradient[0] = gradient(step);
    uninterrupted.Step();
    first.Step();
  }
  EXPECT_EQ(half.value, whole.value);
}

TEST(EmbeddingTable, CG01_RowZeroIsZeroAndCannotBeSet) {
  base::Rng rng(1);
  EmbeddingTable table({.rows = 10, .dim = 3}, rng);
  table.SetRow(0, std::vector<float>{1, 2, 3});
  table.SetRow(10, std::vector<float>{1, 2, 3});
  EXPECT_THAT(table.Row(0), testing::ElementsAre(0, 0, 0));
  EXPECT_THAT(table.Row(999), testing::ElementsAre(0, 0, 0));
  table.SetRow(4, std::vector<float>{1, 2, 3});
  EXPECT_THAT(table.Row(4), testing::ElementsAre(1, 2, 3));
}

TEST(EmbeddingTable, InitialValuesHaveTheirScaleAndDoNotDependOnThreadsOrRows) {
  base::ThreadPool pool(3);
  base::Rng a(2), b(2), c(2);
  EmbeddingTable alone({.rows = 9000, .dim = 16}, a);
  EmbeddingTable shared({.rows = 9000, .dim = 16}, b, &pool);
  EmbeddingTable longer({.rows = 9500, .dim = 16}, c);
  double squares = 0.0;
  for (uint32_t row = 0; row < 9000; ++row) {
    ASSERT_TRUE(std::ranges::equal(alone.Row(row), shared.Row(row)));
    ASSERT_TRUE(std::ranges::equal(alone.Row(row), longer.Row(row)));
    for (float value : alone.Row(row)) {
      ASSERT_LE(std::abs(value), 0.25f);
      squares += static_cast<double>(value) * value;
    }
  }
  EXPECT_NEAR(squares / (8999 * 16), 0.25 * 0.25 / 3, 0.001);
}

// Both poolings and single rows, gathered from one table: the numeric gradient of the loss sum(w *
// pooled) for each row equals the one given to the optimiser.
TEST(RowwiseAdagrad, RK02_GradientsOfAllFeaturesMeetInOneTable) {
  base::Rng rng(3);
  EmbeddingTable table({.rows = 6, .dim = 4}, rng);
  const std::vector<uint32_t> ids = {1, 2, 2, 0, 3}, offsets = {0, 3, 5}, rows = {2, 5};
  const BagsView bags{ids, offsets};
  std::vector<float> weights(2 * 4 + 2 * 4 + 2 * 4);
  for (float& weight : weights) weight = static_cast<float>(rng.Normal());
  const auto loss = [&] {
    std::vector<float> out(weights.size());
    table.GatherMean(bags, out.data(), 4);
    table.GatherSum(bags, out.data() + 8, 4);
    table.GatherRows(rows, out.data() + 16, 4);
    double sum = 0.0;
    for (size_t i = 0; i < out.size(); ++i) sum += static_cast<double>(out[i]) * weights[i];
    return sum;
  };
  std::vector<float> dense(6 * 4);
  kernels::reference::GatherBackward(Pooling::kMean, bags, weights.data(), 4, 6, 4, dense.data());
  kernels::reference::GatherBackward(Pooling::kSum, bags, weights.data() + 8, 4, 6, 4,
                                     dense.data());
  for (size_t i = 0; i < 2; ++i) {
    for (size_t j = 0; j < 4; ++j) dense[rows[i] * 4 + j] += weights[16 + i * 4 + j];
  }
  std::vector<Parameter> parameters;
  table.AppendParameters("t", parameters);
  const auto worst = CheckGradient(parameters[0].value, dense, loss);
  EXPECT_LT(worst.relative_error, 1e-3) << worst;

  const std::vector<float> before(parameters[0].value.begin(), parameters[0].value.end());
  RowwiseAdagrad step(&table, {.learning_rate = 0.1f});
  step.AddBags(bags, weights.data(), 4, Pooling::kMean);
  step.AddBags(bags, weights.data() + 8, 4, Pooling::kSum);
  step.AddRows(rows, weights.data() + 16, 4);
  const double loss_before = loss();
  step.Step();
  EXPECT_LT(loss(), loss_before);
  std::vector<float> expected = before, accumulators(6);
  kernels::reference::Adagrad({expected.data(), 6, 4}, accumulators, dense.data(),
                              {.learning_rate = 0.1f});
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(parameters[0].value[i], expected[i], 1e-5) << i;
  }
}

TEST(Training, AdamAndAdagradTogetherFitATinyTask) {
  base::Rng rng(4);
  EmbeddingTable table({.rows = 9, .dim = 8}, rng);
  Tower tower({.input = 8, .widths = {16, 1}, .last_linear = true}, rng);
  std::vector<Parameter> parameters;
  tower.AppendParameters("tower", parameters);
  Adam adam(parameters, {.learning_rate = 0.01f});
  RowwiseAdagrad adagrad(&table, {.learning_rate = 0.05f});
  const std::vector<uint32_t> ids = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<float> x(64), d_x(64), d_y(8);
  double first = 0.0, last = 0.0;
  for (int step = 0; step < 300; ++step) {
    table.GatherRows(ids, x.data(), 8);
    const float* y = tower.Forward(x.data(), 8, {});
    last = 0.0;
    for (size_t i = 0; i < 8; ++i) {
      const float error = y[i] - (i % 2 == 0 ? 1.0f : -1.0f);
      last += static_cast<double>(error) * error;
      d_y[i] = error / 4;
    }
    if (step == 0) first = last;
    tower.Backward(d_y.data(), d_x.data(), {});
    adagrad.AddRows(ids, d_x.data(), 8);
    adagrad.Step();
    adam.Step();
  }
  EXPECT_LT(last, 0.01 * first);
}

}  // namespace
}  // namespace upnext::nn
