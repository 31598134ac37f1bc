#include "kernels/embedding.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"
#include "kernels/aligned_buffer.h"
#include "kernels/row_gradients.h"

namespace upnext::kernels {
namespace {

// Rows 0..3 of dim 2; row 0 holds values that must never be read.
const std::vector<float> kTable = {99, 99, 1, 2, 3, 4, 5, 6};
ConstTableView Table() { return {kTable.data(), 4, 2}; }

TEST(GatherMean, CG01_OutOfVocabularyIsZeroButCounts) {
  const std::vector<uint32_t> ids = {1, 0, 0, 7}, offsets = {0, 2, 4};
  std::vector<float> out(4);
  GatherMean(Table(), {ids, offsets}, out.data(), 2);
  EXPECT_EQ(out, (std::vector<float>{0.5f, 1.0f, 0.0f, 0.0f}));
}

TEST(GatherMean, CG02_EqualsHandComputedIgnoresOrderAndEmptyIsZero) {
  const std::vector<uint32_t> ids = {1, 2, 3, 3, 1, 2}, offsets = {0, 3, 3, 6};
  std::vector<float> out(6, -1.0f);
  GatherMean(Table(), {ids, offsets}, out.data(), 2);
  EXPECT_EQ(out, (std::vector<float>{3, 4, 0, 0, 3, 4}));
}

TEST(GatherMean, WeightsOfOneGiveTheSameBytesAndOthersTheWeightedMean) {
  const std::vector<float> table = {0, 0, 1, 2, 3, 5};
  const std::vector<uint32_t> ids = {1, 2, 0}, offsets = {0, 2, 3};
  const std::vector<float> ones = {1, 1, 1}, weights = {1, 3, 2};
  std::vector<float> plain(4), same(4), weighted(4);
  GatherMean({table.data(), 3, 2}, {ids, offsets}, plain.data(), 2);
  GatherMean({table.data(), 3, 2}, {ids, offsets, ones}, same.data(), 2);
  GatherMean({table.data(), 3, 2}, {ids, offsets, weights}, weighted.data(), 2);
  EXPECT_EQ(same, plain);
  EXPECT_EQ(weighted, (std::vector<float>{(1 + 9) / 4.0f, (2 + 15) / 4.0f, 0, 0}));
}

TEST(GatherSum, SumsAndAcceptsBagsThatBeginInTheMiddle) {
  const std::vector<uint32_t> ids = {3, 3, 1, 2}, offsets = {2, 4};
  std::vector<float> out(2);
  GatherSum(Table(), {ids, offsets}, out.data(), 2);
  EXPECT_EQ(out, (std::vector<float>{4, 6}));
  GatherSum(Table(), {}, out.data(), 2);  // no bags at all
  EXPECT_EQ(out, (std::vector<float>{4, 6}));
}

TEST(RowGradients, CG01_RowZeroAndRowsBeyondTheLastAreNeverWritten) {
  std::vector<float> table = kTable, accumulators(4);
  const std::vector<uint32_t> ids = {0, 9};
  const std::vector<float> gradient = {1, 1, 1, 1};
  RowGradients gradients;
  gradients.AddRows(ids, gradient.data(), 2);
  gradients.ApplyAdagrad({table.data(), 4, 2}, accumulators, {});
  EXPECT_EQ(table, kTable);
  EXPECT_EQ(accumulators, std::vector<float>(4));
}

TEST(RowGradients, OneStepEqualsHandComputed) {
  std::vector<float> table = kTable, accumulators(4);
  const std::vector<uint32_t> ids = {2, 1, 2};
  const std::vector<float> gradient = {1, 2, 0, 3, 2, 2};
  RowGradients gradients;
  gradients.AddRows(ids, gradient.data(), 2);
  gradients.ApplyAdagrad({table.data(), 4, 2}, accumulators,
                         {.learning_rate = 0.1f, .epsilon = 0.0f});
  // Row 2: gradient (3, 4), mean square 12.5. Row 1: (0, 3), 4.5.
  EXPECT_FLOAT_EQ(accumulators[2], 12.5f);
  EXPECT_FLOAT_EQ(accumulators[1], 4.5f);
  EXPECT_FLOAT_EQ(table[4], 3.0f - 0.1f * 3.0f / std::sqrt(12.5f));
  EXPECT_FLOAT_EQ(table[5], 4.0f - 0.1f * 4.0f / std::sqrt(12.5f));
  EXPECT_FLOAT_EQ(table[2], 1.0f);
  EXPECT_FLOAT_EQ(table[3], 2.0f - 0.1f * 3.0f / std::sqrt(4.5f));
}

TEST(RowGradients, SameBytesForAnyNumberOfThreads) {
  constexpr size_t kRows = 5000, kDim = 24, kBags = 2000;
  base::Rng rng(5);
  std::vector<uint32_t> ids, offsets = {0};
  for (size_t bag = 0; bag < kBags; ++bag) {
    for (int i = 0; i < 20; ++i) {
      // Squared: rows at the head of the table occur many times.
      const double u = rng.Uniform();
      ids.push_back(static_cast<uint32_t>(u * u * kRows));
    }
    offsets.push_back(static_cast<uint32_t>(ids.size()));
  }
  std::vector<float> d_out(kBags * kDim);
  for (float& value : d_out) value = static_cast<float>(rng.Normal());
  const auto run = [&](base::ThreadPool* pool) {
    std::vector<float> table(kRows * kDim, 0.5f), accumulators(kRows);
    RowGradients gradients;
    for (int step = 0; step < 3; ++step) {
      gradients.AddBags({ids, offsets}, d_out.data(), kDim, Pooling::kMean);
      gradients.ApplyAdagrad({table.data(), kRows, kDim}, accumulators, {}, pool);
    }
    std::vector<float> pooled(kBags * kDim);
    GatherMean({table.data(), kRows, kDim}, {ids, offsets}, pooled.data(), kDim, pool);
    table.insert(table.end(), pooled.begin(), pooled.end());
    return table;
  };
  const auto alone = run(nullptr);
  base::ThreadPool two(2), three(3);
  EXPECT_EQ(run(&two), alone);
  EXPECT_EQ(run(&three), alone);
}

TEST(RowGradients, SortsRowsOfAllMagnitudes) {
  // Rows that differ in each of the radix digits; the table has a small dim.
  constexpr size_t kRows = (size_t{1} << 22) + 5;
  AlignedBuffer<float> table(kRows), accumulators(kRows);
  const std::vector<uint32_t> ids = {1u << 22, 1, 1u << 11, 2, 1, (1u << 22) + 4, 1u << 11, 1};
  const std::vector<float> gradient(ids.size(), 1.0f);
  RowGradients gradients;
  gradients.AddRows(ids, gradient.data(), 1);
  gradients.ApplyAdagrad({table.data(), kRows, 1}, accumulators.span(), {.epsilon = 0.0f});
  EXPECT_FLOAT_EQ(accumulators[1], 9.0f);
  EXPECT_FLOAT_EQ(accumulators[2], 1.0f);
  EXPECT_FLOAT_EQ(accumulators[1u << 11], 4.0f);
  EXPECT_FLOAT_EQ(accumulators[1u << 22], 1.0f);
  EXPECT_FLOAT_EQ(accumulators[(1u << 22) + 4], 1.0f);
  EXPECT_EQ(std::count_if(accumulators.span().begin(), accumulators.span().end(),
                          [](float value) { return value != 0.0f; }),
            5);
}

TEST(AlignedBuffer, IsZeroedAlignedAndGrows) {
  AlignedBuffer<float> buffer(3);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
  EXPECT_EQ(buffer[2], 0.0f);
  buffer.Reserve(2'000'000);
  EXPECT_GE(buffer.size(), 2'000'000u);
  EXPECT_EQ(buffer[1'999'999], 0.0f);
  AlignedBuffer<float> moved = std::move(buffer);
  EXPECT_EQ(buffer.data(), nullptr);  // NOLINT(bugprone-use-after-move): what a move leaves
  EXPECT_EQ(AlignedBuffer<float>(0).data(), nullptr);
}

}  // namespace
}  // namespace upnext::kernels
