#include "nn/norm_silu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "nn/gradient_check.h"

namespace upnext::nn {
namespace {

std::vector<float> RandomNumbers(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<float> numbers(n);
  for (float& number : numbers) number = static_cast<float>(rng.Normal());
  return numbers;
}

TEST(NormSiluTower, OneLayerByHand) {
  base::Rng rng(1);
  NormSiluTower tower(2, {2}, rng);
  std::vector<Parameter> parameters;
  tower.AppendParameters("t", parameters);
  const std::vector<std::vector<float>> values = {{1, 0, 0, 1}, {0, 0}, {2, 1}, {0.5f, -1}};
  for (size_t i = 0; i < 4; ++i) std::ranges::copy(values[i], parameters[i].value.begin());
  const std::vector<float> x = {3, 1};  // mean 2, deviation 1: normal form (1, -1)
  const float* y = tower.Forward(x.data(), 1, {});
  const auto silu = [](double a) { return a / (1 + std::exp(-a)); };
  EXPECT_NEAR(y[0], silu(2.5), 1e-4);
  EXPECT_NEAR(y[1], silu(-2.0), 1e-4);
  EXPECT_EQ(tower.multiplications(), 4u);
}

TEST(NormSiluTower, GradientsEqualFiniteDifferences) {
  base::Rng rng(2);
  NormSiluTower tower(5, {6, 4}, rng);
  std::vector<float> x = RandomNumbers(7 * 5, 3), d_x(x.size(), 99);
  const std::vector<float> weights = RandomNumbers(7 * 4, 4);
  const auto loss = [&] {
    const float* y = tower.Forward(x.data(), 7, {});
    return std::inner_product(weights.begin(), weights.end(), y, 0.0);
  };
  loss();
  tower.Backward(weights.data(), d_x.data(), {});
  EXPECT_LT(CheckGradient(x, d_x, loss, {.step = 3e-3f}).relative_error, 1e-2);
  std::vector<Parameter> parameters;
  tower.AppendParameters("t", parameters);
  EXPECT_EQ(parameters.size(), 8u);
  for (const Parameter& parameter : parameters) {
    EXPECT_LT(
        CheckGradient(parameter.value, parameter.gradient, loss, {.step = 3e-3f}).relative_error,
        1e-2)
        << parameter.name;
  }
}

TEST(NormSiluTower, InferEqualsForwardOnAnyNumberOfThreads) {
  base::Rng rng(5);
  NormSiluTower tower(5, {6, 6, 4}, rng);
  const std::vector<float> x = RandomNumbers(300 * 5, 6);
  const float* y = tower.Forward(x.data(), 300, {});
  base::ThreadPool pool(2);
  NormSiluTower::Scratch scratch;
  std::vector<float> out(300 * 4);
  tower.Infer(x.data(), 300, out.data(), scratch, {.pool = &pool});
  for (size_t i = 0; i < out.size(); ++i) EXPECT_NEAR(out[i], y[i], 1e-5f);
}

TEST(NormSiluTower, WithoutLayersItIsTheIdentity) {
  base::Rng rng(7);
  NormSiluTower tower(3, {}, rng);
  const std::vector<float> x = {1, 2, 3};
  EXPECT_EQ(tower.Forward(x.data(), 1, {})[2], 3.0f);
  EXPECT_EQ(tower.output(), 3u);
}

}  // namespace
}  // namespace upnext::nn
