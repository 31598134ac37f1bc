#include "base/rng.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace upnext::base {
namespace {

TEST(Rng, SplitMixEqualsItsPublishedValues) {
  uint64_t state = 1234567;  // the test vector of Rosetta Code's splitmix64
  EXPECT_EQ(SplitMix64(state), 6457827717110365317ULL);
  EXPECT_EQ(SplitMix64(state), 3203168211198807973ULL);
}

TEST(Rng, SameSeedAndStreamSameNumbersElseOthers) {
  Rng a(1, 2), b(1, 2), other_stream(1, 3), other_seed(2, 2);
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.Next();
    EXPECT_EQ(value, b.Next());
    EXPECT_NE(value, other_stream.Next());
    EXPECT_NE(value, other_seed.Next());
  }
}

TEST(Rng, BelowIsUniformByChiSquare) {
  Rng rng(7);
  constexpr size_t kCells = 20, kDraws = 200'000;
  std::array<double, kCells> counts{};
  for (size_t i = 0; i < kDraws; ++i) counts[rng.Below(kCells)] += 1;
  const double expected = static_cast<double>(kDraws) / kCells;
  double chi_square = 0;
  for (const double count : counts)
    chi_square += (count - expected) * (count - expected) / expected;
  EXPECT_LT(chi_square, 43.8);  // 19 degrees of freedom, p = 0.001
}

TEST(Rng, UniformStaysBelowOneAndNormalHasUnitVariance) {
  Rng rng(11);
  double sum = 0, squares = 0, uniform = 0;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.Uniform();
    ASSERT_GE(u, 0.0);
    ASSERT_LT(u, 1.0);
    uniform += u;
    const double z = rng.Normal();
    sum += z;
    squares += z * z;
  }
  EXPECT_NEAR(uniform / kDraws, 0.5, 0.003);
  EXPECT_NEAR(sum / kDraws, 0.0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.015);
}

}  // namespace
}  // namespace upnext::base
