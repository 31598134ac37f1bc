// Tables of bf16: they read as the floats they represent, and the expected value of a step is
// exact.
#include "kernels/row_gradients.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "kernels/embedding.h"

namespace upnext::kernels {
namespace {

constexpr size_t kRows = 50;

std::vector<Bf16> RandomHalves(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<Bf16> values(n);
  for (Bf16& v : values) v = ToBf16(static_cast<float>(rng.Uniform() * 2 - 1));
  return values;
}

std::vector<float> Widened(const std::vector<Bf16>& half) {
  std::vector<float> wide(half.size());
  ToFloat(half, wide);
  return wide;
}

TEST(HalfTable, ReadsAsTheFloatsItHolds) {
  const std::vector<uint32_t> ids = {3, 0, 49, 50, 3, 17, 1}, offsets = {0, 3, 3, 7};
  for (size_t dim : {1, 7, 16, 64, 257}) {
    const auto half = RandomHalves(kRows * dim, dim);
    const auto wide = Widened(half);
    const ConstTableView of_half{nullptr, kRows, dim, half.data()};
    const ConstTableView of_wide{wide.data(), kRows, dim};
    for (Pooling pooling : {Pooling::kMean, Pooling::kSum}) {
      std::vector<float> found(3 * dim, NAN), expected = found;
      Gather(pooling, of_half, {ids, offsets}, found.data(), dim);
      Gather(pooling, of_wide, {ids, offsets}, expected.data(), dim);
      EXPECT_EQ(found, expected) << dim;
    }
    std::vector<float> found(ids.size() * dim, NAN), expected = found;
    GatherRows(of_half, ids, found.data(), dim);
    GatherRows(of_wide, ids, expected.data(), dim);
    EXPECT_EQ(found, expected) << dim;
  }
}

// Every value becomes one of the two neighbours of the fp32 result.
TEST(HalfTable, AStepRoundsUpOrDown) {
  for (size_t dim : {1, 7, 16, 257}) {
    auto half = RandomHalves(kRows * dim, dim);
    auto wide = Widened(half);
    const auto gradients = Widened(RandomHalves(2 * dim, 9));
    const std::vector<uint32_t> ids = {3, 17, 3, 0, 49, 50};
    std::vector<float> of_half(kRows), of_wide(kRows);
    const auto step = [&](TableView table, std::vector<float>& accumulators) {
      RowGradients rows;
      rows.AddRows(std::span(ids).subspan(0, 2), gradients.data(), dim);
      rows.AddRows(std::span(ids).subspan(2, 2), gradients.data(), dim);
      rows.AddRows(std::span(ids).subspan(4, 2), gradients.data(), dim);
      rows.ApplyAdagrad(table, accumulators, {});
    };
    const auto before = half;
    step({nullptr, kRows, dim, half.data()}, of_half);
    step({wide.data(), kRows, dim}, of_wide);
    EXPECT_EQ(of_half, of_wide);
    for (size_t i = 0; i < half.size(); ++i) {
      const size_t row = i / dim;
      if (row != 3 && row != 17 && row != 49) {
        ASSERT_EQ(half[i], before[i]) << "row " << row << " has no gradient";
        continue;
      }
      const float last_bit = std::ldexp(1.0f, std::ilogb(wide[i]) - 7);
      ASSERT_NEAR(ToFloat(half[i]), wide[i], last_bit * 1.001f) << i;
    }
  }
}

// Steps far below the last bit, which rounding to nearest would always lose.
TEST(HalfTable, SmallStepsArriveOnAverage) {
  constexpr size_t kMany = 2000, kDim = 40;
  std::vector<Bf16> table(kMany * kDim, ToBf16(1.0f));
  std::vector<float> accumulators(kMany, 1.0f), gradient(kDim, -1.0f);
  std::vector<uint32_t> ids(kMany);
  for (uint32_t i = 0; i < kMany; ++i) ids[i] = i;
  constexpr float kRate = 1e-4f;  // the last bit of 1 is 2^-7
  float expected = 1.0f, sum_of_squares = 1.0f;
  for (int step = 0; step < 20; ++step) {
    RowGradients rows;
    rows.AddRows(ids, gradient.data(), 0);
    rows.ApplyAdagrad({nullptr, kMany, kDim, table.data()}, accumulators, {.learning_rate = kRate});
    sum_of_squares += 1.0f;
    expected += kRate / std::sqrt(sum_of_squares);
  }
  double sum = 0;
  for (size_t i = kDim; i < table.size(); ++i) sum += ToFloat(table[i]);
  const double n = static_cast<double>(table.size() - kDim), moved = expected - 1.0f;
  // Each value moved by 2^-7 or not at all, with probability moved * 2^7: a binomial.
  const double deviation = std::sqrt(moved * 0x1p-7 / n);
  EXPECT_NEAR(sum / n - 1.0, moved, 5 * deviation);
  EXPECT_GT(moved, 20 * deviation) << "the test could not tell";
}

TEST(HalfTable, TheSameStepRoundsAlikeOnAnyNumberOfThreads) {
  constexpr size_t kMany = 5000, kDim = 24;
  const auto start = RandomHalves(kMany * kDim, 1);
  const auto gradients = Widened(RandomHalves(kMany * kDim, 2));
  std::vector<uint32_t> ids(kMany);
  for (uint32_t i = 0; i < kMany; ++i) ids[i] = static_cast<uint32_t>(i * 7919 % kMany);
  std::vector<Bf16> first;
  for (int threads : {1, 1, 3}) {
    base::ThreadPool pool(threads);
    auto table = start;
    std::vector<float> accumulators(kMany);
    RowGradients rows;
    rows.AddRows(ids, gradients.data(), kDim);
    rows.ApplyAdagrad({nullptr, kMany, kDim, table.data()}, accumulators, {}, &pool);
    if (first.empty()) first = table;
    EXPECT_EQ(table, first);
  }
}

}  // namespace
}  // namespace upnext::kernels
