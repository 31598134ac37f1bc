// One level of a mixture of experts: its equations, its gates, and what dropout leaves of them.
#include "ranking/expert_mix.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/rng.h"
#include "nn/dense.h"

namespace upnext::ranking {
namespace {

// Sets the parameter whose name ends so.
void Set(ExpertMix& mix, std::string_view end, const std::vector<float>& values) {
  std::vector<nn::Parameter> parameters;
  mix.AppendParameters("mix", parameters);
  for (const nn::Parameter& parameter : parameters) {
    if (!parameter.name.ends_with(end)) continue;
    ASSERT_EQ(parameter.value.size(), values.size()) << end;
    std::ranges::copy(values, parameter.value.begin());
    return;
  }
  FAIL() << "no parameter is called " << end;
}

// Two experts of two units, two tasks; one example s = (1, 2).
TEST(ExpertMix, MT03_EquationsEqualAHandComputedCase) {
  base::Rng rng(1);
  ExpertMix mix(
      {.streams = {2}, .experts = {0, 0}, .gates = {{0, {0, 1}}, {0, {0, 1}}}, .widths = {2}}, rng);
  Set(mix, "expert.0.0.weight", {1, 0, 0, 1});
  Set(mix, "expert.0.0.bias", {0, -3});  // f_0 = relu(1, -1) = (1, 0)
  Set(mix, "expert.1.0.weight", {1, 1, -1, 1});
  Set(mix, "expert.1.0.bias", {0, 0});  // f_1 = (3, 1)
  Set(mix, "gate.0.weight", {0, 0, 0, 0});
  Set(mix, "gate.0.bias", {0, std::log(3.0f)});  // (1/4, 3/4)
  Set(mix, "gate.1.weight", {1, 0, 0, 0.5f});
  Set(mix, "gate.1.bias", {0, 0});  // logits 1 and 1: (1/2, 1/2)
  const std::vector<float> s = {1, 2};
  const float* const streams[] = {s.data()};
  mix.Forward(streams, 1, {}, nullptr);
  EXPECT_NEAR(mix.out(0)[0], 0.25 * 1 + 0.75 * 3, 1e-6);
  EXPECT_NEAR(mix.out(0)[1], 0.25 * 0 + 0.75 * 1, 1e-6);
  EXPECT_NEAR(mix.out(1)[0], 0.5 * 1 + 0.5 * 3, 1e-6);
  EXPECT_NEAR(mix.out(1)[1], 0.5, 1e-6);
}

std::vector<float> Numbers(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<float> numbers(n);
  for (float& number : numbers) number = static_cast<float>(rng.Normal());
  return numbers;
}

TEST(ExpertMix, MT03_OneExpertIsAPlainTower) {
  base::Rng rng(2), same(2);
  ExpertMix mix({.streams = {4}, .experts = {0}, .gates = {{0, {0}}}, .widths = {6, 3}}, rng);
  nn::Tower tower({.input = 4, .widths = {6, 3}}, same);
  const std::vector<float> x = Numbers(5 * 4, 3);
  const float* const streams[] = {x.data()};
  base::Rng noise(4);
  mix.Forward(streams, 5, {}, &noise);
  const float* const y = tower.Forward(x.data(), 5, {});
  for (size_t i = 0; i < 5 * 3; ++i) EXPECT_EQ(mix.out(0)[i], y[i]);
}

TEST(ExpertMix, MT03_GatesAddUpToOne) {
  base::Rng rng(5);
  ExpertMix mix({.streams = {4, 3},
                 .experts = {0, 0, 1},
                 .gates = {{0, {0, 1, 2}}, {1, {0, 2}}},
                 .widths = {3}},
                rng);
  const std::vector<float> a = Numbers(9 * 4, 6), b = Numbers(9 * 3, 7);
  const float* const streams[] = {a.data(), b.data()};
  ExpertMix::Scratch scratch;
  mix.Infer(streams, 9, scratch, {});
  for (size_t k = 0; k < 2; ++k) {
    const size_t n = mix.options().gates[k].experts.size();
    for (size_t i = 0; i < 9; ++i) {
      float sum = 0;
      for (size_t e = 0; e < n; ++e) sum += scratch.weights[k][i * n + e];
      EXPECT_NEAR(sum, 1.0f, 1e-6f);
    }
  }
}

// All experts give 1 in their own unit, so what a gate mixes is its weights.
class GateDropout : public testing::Test {
 protected:
  static constexpr size_t kExperts = 8, kRows = 4000;
  explicit GateDropout(float dropout = 0.1f)
      : mix_({.streams = {1},
              .experts = std::vector<size_t>(kExperts, 0),
              .gates = {{0, {0, 1, 2, 3, 4, 5, 6, 7}}},
              .widths = {kExperts},
              .gate_dropout = dropout},
             rng_) {
    for (size_t e = 0; e < kExperts; ++e) {
      std::vector<float> one(kExperts);
      one[e] = 1;
      Set(mix_, fmt::format("expert.{}.0.weight", e), std::vector<float>(kExperts));
      Set(mix_, fmt::format("expert.{}.0.bias", e), one);
    }
  }
  const float* Weights(base::Rng* noise) {
    const float* const streams[] = {x_.data()};
    mix_.Forward(streams, kRows, {}, noise);
    return mix_.out(0);
  }

  base::Rng rng_{1};
  ExpertMix mix_;
  const std::vector<float> x_ = Numbers(kRows, 2);
};

TEST_F(GateDropout, MT04_TenPercentAreLeftOutAndTheRestAddsUpToOne) {
  base::Rng noise(3);
  const float* const weights = Weights(&noise);
  size_t left_out = 0;
  for (size_t i = 0; i < kRows; ++i) {
    float sum = 0;
    for (size_t e = 0; e < kExperts; ++e) {
      sum += weights[i * kExperts + e];
      left_out += weights[i * kExperts + e] == 0;
    }
    EXPECT_NEAR(sum, 1.0f, 1e-5f);
  }
  EXPECT_NEAR(static_cast<double>(left_out) / (kRows * kExperts), 0.10, 0.01);
}

TEST_F(GateDropout, MT04_IsOffWithoutNoiseAndWhenServing) {
  const float* const weights = Weights(nullptr);
  const float* const streams[] = {x_.data()};
  ExpertMix::Scratch scratch;
  mix_.Infer(streams, kRows, scratch, {});
  for (size_t i = 0; i < kRows * kExperts; ++i) {
    EXPECT_GT(weights[i], 0.0f);
    EXPECT_NEAR(scratch.outs[0][i], weights[i], 1e-6f);
  }
}

class HeavyGateDropout : public GateDropout {
 protected:
  HeavyGateDropout() : GateDropout(0.98f) {}
};

TEST_F(HeavyGateDropout, MT04_AtLeastOneExpertIsLeft) {
  base::Rng noise(4);
  const float* const weights = Weights(&noise);
  for (size_t i = 0; i < kRows; ++i) {
    const float sum = std::accumulate(weights + i * kExperts, weights + (i + 1) * kExperts, 0.0f);
    EXPECT_NEAR(sum, 1.0f, 1e-5f);
  }
}

}  // namespace
}  // namespace upnext::ranking
