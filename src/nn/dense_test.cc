#include "nn/dense.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <thread>
#include <vector>

#include "nn/gradient_check.h"
#include "nn/optimizer.h"

namespace upnext::nn {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

std::vector<float> RandomValues(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(rng.Normal());
  return values;
}

double WeightedSum(const float* y, const std::vector<float>& weights) {
  double sum = 0.0;
  for (size_t i = 0; i < weights.size(); ++i) sum += static_cast<double>(y[i]) * weights[i];
  return sum;
}

TEST(Linear, HandComputedForward) {
  base::Rng rng(1);
  Linear layer(2, 2, Initialisation::kHe, rng);
  layer.weight() = {1, 2, 3, -4};
  layer.bias() = {0.5f, -1};
  const std::vector<float> x = {1, 1, 2, 0};
  std::vector<float> y(4);
  layer.Forward(x.data(), 2, y.data(), {});
  EXPECT_EQ(y, (std::vector<float>{3.5f, -2, 2.5f, 5}));
  layer.Forward(x.data(), 2, y.data(), {}, /*relu=*/true);
  EXPECT_EQ(y, (std::vector<float>{3.5f, 0, 2.5f, 5}));
}

TEST(Linear, GradientsEqualFiniteDifferencesAndAddUp) {
  constexpr size_t kBatch = 5, kIn = 7, kOut = 3;
  base::Rng rng(2);
  Linear layer(kIn, kOut, Initialisation::kXavier, rng);
  auto x = RandomValues(kBatch * kIn, 3);
  const auto d_y = RandomValues(kBatch * kOut, 4);
  std::vector<float> y(kBatch * kOut), d_x(kBatch * kIn);
  const auto loss = [&] {
    layer.Forward(x.data(), kBatch, y.data(), {});
    return WeightedSum(y.data(), d_y);
  };
  layer.Backward(x.data(), d_y.data(), kBatch, d_x.data(), {});
  const GradientCheckResult weight = CheckGradient(layer.weight(), layer.weight_gradient(), loss);
  const GradientCheckResult bias = CheckGradient(layer.bias(), layer.bias_gradient(), loss);
  const GradientCheckResult input = CheckGradient(x, d_x, loss);
  EXPECT_LT(weight.relative_error, 5e-3) << weight;
  EXPECT_LT(bias.relative_error, 5e-3) << bias;
  EXPECT_LT(input.relative_error, 5e-3) << input;
  auto twice = layer.weight_gradient();
  for (float& value : twice) value *= 2.0f;
  layer.Backward(x.data(), d_y.data(), kBatch, nullptr, {});
  EXPECT_THAT(layer.weight_gradient(), Pointwise(FloatNear(1e-4f), twice));
}

TEST(Linear, InitialSpreadIsHeAndXavier) {
  base::Rng rng(5);
  for (auto [kind, expected] : {std::pair{Initialisation::kHe, 2.0 / 400},
                                std::pair{Initialisation::kXavier, 2.0 / (400 + 100)}}) {
    const Linear layer(400, 100, kind, rng);
    double squares = 0.0;
    for (float value : layer.weight()) squares += static_cast<double>(value) * value;
    EXPECT_NEAR(squares / 40000, expected, 0.03 * expected);
    for (float value : layer.bias()) EXPECT_EQ(value, 0.0f);
  }
}

class TowerShapes : public testing::TestWithParam<TowerOptions> {};

TEST_P(TowerShapes, CG10_GradientsEqualFiniteDifferences) {
  constexpr size_t kBatch = 4;
  base::Rng rng(6);
  Tower tower(GetParam(), rng);
  std::vector<Parameter> parameters;
  tower.AppendParameters("tower", parameters);
  // Biases away from zero, so that no unit is at the ReLU's kink.
  for (Parameter& p : parameters) {
    if (p.shape.size() == 1) {
      for (float& value : p.value) value = static_cast<float>(0.5 * rng.Normal());
    }
  }
  auto x = RandomValues(kBatch * tower.input(), 7);
  const auto d_out = RandomValues(kBatch * tower.output(), 8);
  std::vector<float> d_x(x.size());
  const auto loss = [&] { return WeightedSum(tower.Forward(x.data(), kBatch, {}), d_out); };
  loss();
  tower.Backward(d_out.data(), d_x.data(), {});
  const GradientCheckOptions options{.step = 2e-3f, .floor = 0.1};
  for (Parameter& p : parameters) {
    const GradientCheckResult worst = CheckGradient(p.value, p.gradient, loss, options);
    EXPECT_LT(worst.relative_error, 2e-2) << p.name << " " << worst;
  }
  const GradientCheckResult input = CheckGradient(x, d_x, loss, options);
  EXPECT_LT(input.relative_error, 2e-2) << input;
}

TEST_P(TowerShapes, InferGivesTheNumbersOfForwardInBothPrecisions) {
  constexpr size_t kBatch = 33;
  base::Rng rng(9);
  Tower tower(GetParam(), rng);
  const auto x = RandomValues(kBatch * tower.input(), 10);
  for (kernels::Precision precision : {kernels::Precision::kFp32, kernels::Precision::kBf16}) {
    const Compute compute{precision, nullptr};
    const float* forward = tower.Forward(x.data(), kBatch, compute);
    const std::vector<float> expected(forward, forward + kBatch * tower.output());
    Tower::Scratch scratch;
    std::vector<float> out(expected.size());
    tower.Infer(x.data(), kBatch, out.data(), scratch, compute);
    EXPECT_EQ(out, expected);
    // SV-07: a batch equals its rows one by one.
    std::vector<float> row(tower.output());
    for (size_t i = 0; i < kBatch; ++i) {
      tower.Infer(x.data() + i * tower.input(), 1, row.data(), scratch, compute);
      for (size_t j = 0; j < row.size(); ++j) {
        ASSERT_NEAR(
            row[j], expected[i * row.size() + j],
            1e-5 * (1.0 + std::abs(row[j])) * (precision == kernels::Precision::kBf16 ? 1000 : 1));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    , TowerShapes,
    testing::Values(TowerOptions{.input = 6, .widths = {}}, TowerOptions{.input = 6, .widths = {5}},
                    TowerOptions{.input = 6, .widths = {4}, .last_linear = true},
                    TowerOptions{.input = 9, .widths = {8, 4}},
                    TowerOptions{.input = 11, .widths = {16, 7, 3}, .last_linear = true},
                    TowerOptions{.input = 40, .widths = {32, 16, 8}}));

TEST(Tower, CG10_ShapesAndMultiplications) {
  base::Rng rng(11);
  const Tower tower({.input = 100, .widths = {64, 32, 16}}, rng);
  EXPECT_EQ(tower.output(), 16u);
  EXPECT_EQ(tower.multiplications(), 100u * 64 + 64 * 32 + 32 * 16);
  EXPECT_EQ(Tower({.input = 7, .widths = {}}, rng).output(), 7u);
}

TEST(Tower, Bf16StaysNearFp32) {
  base::Rng rng(12);
  Tower tower({.input = 128, .widths = {64, 32}}, rng);
  const auto x = RandomValues(16 * 128, 13);
  const float* y = tower.Forward(x.data(), 16, {kernels::Precision::kFp32, nullptr});
  const std::vector<float> exact(y, y + 16 * 32);
  y = tower.Forward(x.data(), 16, {kernels::Precision::kBf16, nullptr});
  EXPECT_THAT(std::vector<float>(y, y + 16 * 32), Pointwise(FloatNear(0.1f), exact));
}

TEST(Tower, InferRunsOnManyThreads) {
  base::Rng rng(14);
  const Tower tower({.input = 24, .widths = {16, 8}}, rng);
  const auto x = RandomValues(10 * 24, 15);
  Tower::Scratch scratch;
  std::vector<float> expected(80);
  tower.Infer(x.data(), 10, expected.data(), scratch, {});
  std::vector<std::vector<float>> results(4, std::vector<float>(80));
  std::vector<std::jthread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      Tower::Scratch own;
      for (int i = 0; i < 50; ++i) tower.Infer(x.data(), 10, result.data(), own, {});
    });
  }
  threads.clear();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST(Tower, TR05_CountsUnitsThatNeverWoke) {
  base::Rng rng(16);
  Tower tower({.input = 4, .widths = {4, 2}, .last_linear = true}, rng);
  EXPECT_EQ(Shares(tower.ReluLayers()), std::vector<double>{0.0}) << "nothing seen, nothing dead";
  Linear& first = tower.layers()[0];
  std::fill(first.weight().begin(), first.weight().end(), 0.0f);
  first.bias() = {1, -1, -1, 0};
  first.weight()[1 * 4 + 0] = 2.0f;  // unit 1 is active when x[0] > 0.5
  const std::vector<float> quiet(8, 0.0f), loud = {0, 0, 0, 0, 1, 0, 0, 0};
  tower.Forward(quiet.data(), 2, {});
  EXPECT_EQ(Shares(tower.ReluLayers()), std::vector<double>{0.75});
  tower.Forward(loud.data(), 2, {});
  EXPECT_EQ(Shares(tower.ReluLayers()), std::vector<double>{0.5});
  tower.ReluLayers()[0]->Reset();
  EXPECT_EQ(Shares(tower.ReluLayers()), std::vector<double>{0.0});
  tower.Forward(quiet.data(), 2, {});
  EXPECT_EQ(Shares(tower.ReluLayers()), std::vector<double>{0.75});
}

// |a - b| / |b|
double Apart(std::span<const float> a, std::span<const float> b) {
  double difference = 0, length = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    length += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / length);
}

// Sizes that fill neither tiles nor pieces nor blocks; then a smaller batch, for which most of the
// buffers hold values of the batch before.
TEST(Tower, GradientsInBf16AreThoseInFp32Rounded) {
  base::ThreadPool pool(3);
  const TowerOptions options{.input = 70, .widths = {65, 40}, .last_linear = true};
  base::Rng rng(21), same(21);
  Tower narrow(options, rng), wide(options, same);
  for (size_t batch : {1100, 40, 9}) {
    const auto x = RandomValues(batch * 70, batch), d_out = RandomValues(batch * 40, batch + 1);
    const auto gradients = [&](Tower& tower, kernels::Precision precision) {
      std::vector<Parameter> parameters;
      tower.AppendParameters("tower", parameters);
      for (Parameter& p : parameters) std::ranges::fill(p.gradient, 0.0f);
      // Every other unit active and the rest inactive, so far from the ReLU's kink that rounding
      // changes neither.
      std::span<float> bias = parameters[1].value;
      for (size_t i = 0; i < bias.size(); ++i) bias[i] = i % 2 == 0 ? 8.0f : -8.0f;
      tower.Forward(x.data(), batch, {precision, &pool});
      tower.Backward(d_out.data(), nullptr, {precision, &pool});
      return parameters;
    };
    const auto found = gradients(narrow, kernels::Precision::kBf16);
    const auto expected = gradients(wide, kernels::Precision::kFp32);
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_LT(Apart(found[i].gradient, expected[i].gradient), 0.01)
          << found[i].name << ", batch " << batch;
    }
  }
}

TEST(Tower, SameSeedAndThreadsGiveTheSameBytes) {
  const auto train = [](kernels::Precision precision) {
    base::ThreadPool pool(2);
    const Compute compute{precision, &pool};
    base::Rng rng(17);
    Tower tower({.input = 96, .widths = {128, 64}}, rng);
    std::vector<Parameter> parameters;
    tower.AppendParameters("tower", parameters);
    Adam adam(parameters, {});
    const auto x = RandomValues(256 * 96, 18);
    std::vector<float> d_out(256 * 64);
    for (int step = 0; step < 5; ++step) {
      const float* y = tower.Forward(x.data(), 256, compute);
      for (size_t i = 0; i < d_out.size(); ++i) d_out[i] = (y[i] - 1.0f) / 256;
      tower.Backward(d_out.data(), nullptr, compute);
      adam.Step(&pool);
    }
    std::vector<float> all;
    for (const Parameter& p : parameters) all.insert(all.end(), p.value.begin(), p.value.end());
    return all;
  };
  for (kernels::Precision precision : {kernels::Precision::kFp32, kernels::Precision::kBf16}) {
    EXPECT_EQ(train(precision), train(precision));
  }
}

TEST(Tower, TR05_ActivitySurvivesACheckpointAndThatOfAnotherTowerIsRefused) {
  base::Rng rng(3);
  Tower tower({.input = 2, .widths = {8, 4}}, rng), same({.input = 2, .widths = {8, 4}}, rng);
  const std::vector<float> x = {1, 0, 0, 1, -1, 2};
  tower.Forward(x.data(), 3, {});
  const std::vector<uint64_t> saved = Save(tower.ReluLayers());
  ASSERT_TRUE(Restore(same.ReluLayers(), saved));
  EXPECT_EQ(Shares(same.ReluLayers()), Shares(tower.ReluLayers()));
  Tower other({.input = 2, .widths = {1}}, rng);
  EXPECT_FALSE(Restore(other.ReluLayers(), saved));
  EXPECT_FALSE(Restore(other.ReluLayers(), {}));
  const std::vector<uint64_t> unsorted = {3, 2, 5, 4, 3, 0}, beyond = {3, 1, 8, 3, 0}, cut = {3, 9},
                              longer = {3, 0, 3, 0, 7};
  for (const auto& activity : {unsorted, beyond, cut, longer}) {
    EXPECT_FALSE(Restore(same.ReluLayers(), activity));
  }
  EXPECT_EQ(Shares(same.ReluLayers()), Shares(tower.ReluLayers()));
}

}  // namespace
}  // namespace upnext::nn
