// Compares every vector kernel with its plain reference, on every instruction set of this machine,
// at sizes below, at and above the vector widths.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "hwy/highway.h"
#include "hwy/targets.h"
#include "kernels/bf16.h"
#include "kernels/embedding.h"
#include "kernels/fp32_gemm.h"
#include "kernels/row_gradients.h"
#include "kernels/softmax.h"
#include "kernels/vector_ops.h"

namespace upnext::kernels {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<size_t> Sizes() {
  return {0, 1, 3, 7, 8, 15, 16, 17, 31, 33, 50, 64, 67, 129, 255, 1000};
}

std::vector<float> Random(size_t n, uint64_t seed, float scale = 1.0f) {
  base::Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = scale * static_cast<float>(rng.Normal());
  return values;
}

std::vector<int64_t> Targets() {
  hwy::SetSupportedTargetsForTest(0);
  std::vector<int64_t> targets = hwy::SupportedAndGeneratedTargets();
  // The query makes Highway 1.0 choose again without the limit of UPNEXT_MAX_ISA.
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  return targets;
}

class Conformance : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  void TearDown() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

INSTANTIATE_TEST_SUITE_P(Simd, Conformance, testing::ValuesIn(Targets()), [](const auto& target) {
  return std::string(hwy::TargetName(target.param));
});

TEST_P(Conformance, RunsOnTheTargetItNames) { EXPECT_EQ(SimdName(), hwy::TargetName(GetParam())); }

// More than one block of each side, with remainders in all directions. Padding between rows stays
// unchanged.
TEST_P(Conformance, ProductsOfMatrices) {
  for (const auto& [m, n, k] : std::vector<std::array<size_t, 3>>{
           {1, 1, 1}, {6, 16, 4}, {7, 33, 5}, {12, 64, 256}, {125, 70, 259}, {17, 2100, 67}}) {
    for (int variant = 0; variant < 4; ++variant) {
      for (float beta : {0.0f, 1.0f, 0.5f}) {
        GemmShape s{.m = m, .n = n, .k = k, .beta = beta};
        s.transpose_a = variant % 2 == 1;
        s.transpose_b = variant >= 2;
        s.lda = (s.transpose_a ? m : k) + 3;
        s.ldb = (s.transpose_b ? k : n) + 1;
        s.ldc = n + 2;
        // The last rows end before the stride.
        const auto a = Random((s.transpose_a ? k : m) * s.lda - 3, 1);
        const auto b = Random((s.transpose_b ? n : k) * s.ldb - 1, 2);
        auto c = Random(m * s.ldc - 2, 3);
        if (beta == 0.0f) std::ranges::fill(c, kNaN);  // not read
        auto expected = c, in_four = c;
        fp32::Multiply(s, a.data(), b.data(), c.data());
        reference::Gemm(s, a.data(), b.data(), expected.data(), Precision::kFp32);
        const float tolerance = 1e-5f * std::sqrt(static_cast<float>(k)) + 1e-5f;
        for (size_t i = 0; i < c.size(); ++i) {
          if (i % s.ldc < n) {
            ASSERT_NEAR(c[i], expected[i], tolerance)
                << m << " " << n << " " << k << " variant " << variant << " at " << i;
          } else {
            ASSERT_EQ(std::bit_cast<uint32_t>(c[i]), std::bit_cast<uint32_t>(expected[i])) << i;
          }
        }
        for (const auto& [row, rows] : {std::pair(size_t{0}, m / 2), std::pair(m / 2, m - m / 2)}) {
          for (const auto& [at, columns] :
               {std::pair(size_t{0}, n / 3), std::pair(n / 3, n - n / 3)}) {
            GemmShape part = s;
            part.m = rows;
            part.n = columns;
            fp32::Multiply(part, a.data() + row * (s.transpose_a ? 1 : s.lda),
                           b.data() + at * (s.transpose_b ? s.ldb : 1),
                           in_four.data() + row * s.ldc + at);
          }
        }
        // Compared as bytes, since the padding between rows may be NaN.
        EXPECT_EQ(std::memcmp(in_four.data(), c.data(), c.size() * sizeof(float)), 0)
            << "the result depends on how C is cut";
      }
    }
  }
}

TEST_P(Conformance, SumsAndProducts) {
  for (size_t n : Sizes()) {
    const auto x = Random(n, 1), y = Random(n, 2);
    EXPECT_NEAR(Dot(x.data(), y.data(), n), reference::Dot(x.data(), y.data(), n), 2e-4) << n;
    auto axpy = y, axpy_reference = y;
    Axpy(0.3f, x.data(), axpy.data(), n);
    reference::Axpy(0.3f, x.data(), axpy_reference.data(), n);
    EXPECT_THAT(axpy, Pointwise(FloatNear(1e-6f), axpy_reference)) << n;
    auto scaled = y, scaled_reference = y;
    Scale(-2.5f, scaled.data(), n);
    reference::Scale(-2.5f, scaled_reference.data(), n);
    EXPECT_EQ(scaled, scaled_reference) << n;
  }
}

TEST_P(Conformance, DotRowsOfAStridedTable) {
  for (size_t n : Sizes()) {
    for (size_t count : {0, 1, 4, 5, 11}) {
      const auto x = Random(n, 30), rows = Random(count * (n + 3), 31);
      std::vector<float> out(count + 1, 7.0f), out_reference = out;
      DotRows(x.data(), rows.data(), n + 3, count, n, out.data());
      reference::DotRows(x.data(), rows.data(), n + 3, count, n, out_reference.data());
      EXPECT_THAT(out, Pointwise(FloatNear(2e-4f), out_reference)) << n << " x " << count;
    }
  }
}

TEST_P(Conformance, ReluBothWays) {
  for (size_t n : Sizes()) {
    auto x = Random(n, 3), y = x;
    ReluForward(x.data(), n);
    reference::ReluForward(y.data(), n);
    EXPECT_EQ(x, y) << n;
    const auto d_y = Random(n, 4);
    std::vector<float> d_x(n), d_x_reference(n);
    ReluBackward(x.data(), d_y.data(), d_x.data(), n);
    reference::ReluBackward(x.data(), d_y.data(), d_x_reference.data(), n);
    EXPECT_EQ(d_x, d_x_reference) << n;
    std::vector<Bf16> rounded(n);
    ToBf16(x, rounded);
    ReluBackward(rounded.data(), d_y.data(), d_x.data(), n);
    EXPECT_EQ(d_x, d_x_reference) << n;
  }
  std::vector<float> broken(40, kNaN);
  ReluForward(broken.data(), broken.size());
  for (float value : broken) EXPECT_TRUE(std::isnan(value)) << "divergence must stay visible";
}

TEST_P(Conformance, BiasAndColumnSums) {
  for (size_t columns : Sizes()) {
    const size_t rows = 5;
    const auto bias = Random(columns, 5), x = Random(rows * columns, 6);
    auto added = x, added_reference = x;
    AddBias(bias.data(), added.data(), rows, columns);
    reference::AddBias(bias.data(), added_reference.data(), rows, columns);
    EXPECT_EQ(added, added_reference) << columns;
    auto relu = x, relu_reference = x;
    AddBiasRelu(bias.data(), relu.data(), rows, columns);
    reference::AddBiasRelu(bias.data(), relu_reference.data(), rows, columns);
    EXPECT_EQ(relu, relu_reference) << columns;
    auto sums = bias, sums_reference = bias;
    ColumnSums(x.data(), rows, columns, sums.data());
    reference::ColumnSums(x.data(), rows, columns, sums_reference.data());
    EXPECT_THAT(sums, Pointwise(FloatNear(1e-5f), sums_reference)) << columns;
  }
}

TEST_P(Conformance, AllFiniteFindsOneBadValueAnywhere) {
  for (size_t n : Sizes()) {
    auto x = Random(n, 7);
    EXPECT_TRUE(AllFinite(x.data(), n)) << n;
    for (size_t i = 0; i < n; ++i) {
      for (float bad : {kNaN, kInfinity, -kInfinity}) {
        const float good = std::exchange(x[i], bad);
        ASSERT_FALSE(AllFinite(x.data(), n)) << n << " at " << i;
        x[i] = good;
      }
    }
  }
}

TEST_P(Conformance, AdamStep) {
  const AdamArgs args{.step_size = 0.01f,
                      .beta1 = 0.9f,
                      .beta2 = 0.99f,
                      .second_correction = 1.7f,
                      .epsilon = 1e-8f,
                      .decay = 0.001f};
  for (size_t n : Sizes()) {
    const auto gradient = Random(n, 8);
    auto first = Random(n, 9), second = Random(n, 10), value = Random(n, 11);
    for (float& v : second) v = v * v;
    auto first_r = first, second_r = second, value_r = value;
    AdamStep(args, gradient.data(), first.data(), second.data(), value.data(), n);
    reference::AdamStep(args, gradient.data(), first_r.data(), second_r.data(), value_r.data(), n);
    EXPECT_THAT(first, Pointwise(FloatNear(1e-6f), first_r));
    EXPECT_THAT(second, Pointwise(FloatNear(1e-5f), second_r));
    EXPECT_THAT(value, Pointwise(FloatNear(1e-4f), value_r));
  }
}

TEST_P(Conformance, TopKWithTiesAndNaN) {
  base::Rng rng(12);
  for (size_t n : Sizes()) {
    std::vector<float> scores(n);
    for (float& score : scores) score = static_cast<float>(rng.Below(20));  // many ties
    for (size_t i = 0; i < n; i += 13) scores[i] = kNaN;
    for (size_t k : {size_t{0}, size_t{1}, size_t{5}, size_t{40}, n, n + 3}) {
      EXPECT_EQ(TopK(scores, k), reference::TopK(scores, k)) << n << " choose " << k;
    }
  }
}

TEST_P(Conformance, Bf16RoundsToNearestEvenBitForBit) {
  base::Rng rng(13);
  for (size_t n : Sizes()) {
    std::vector<float> x(n);
    for (float& value : x) value = std::bit_cast<float>(static_cast<uint32_t>(rng.Next()));
    std::vector<Bf16> half(n), half_reference(n);
    ToBf16(x, half);
    reference::ToBf16(x, half_reference);
    EXPECT_EQ(half, half_reference) << n;
    std::vector<float> back(n), back_reference(n);
    ToFloat(half, back);
    reference::ToFloat(half, back_reference);
    for (size_t i = 0; i < n; ++i) {
      EXPECT_EQ(std::bit_cast<uint32_t>(back[i]), std::bit_cast<uint32_t>(back_reference[i]));
    }
  }
}

struct RandomBags {
  RandomBags(size_t bags, size_t rows, uint64_t seed) {
    base::Rng rng(seed);
    offsets.push_back(0);
    for (size_t bag = 0; bag < bags; ++bag) {
      for (uint64_t i = rng.Below(9); i > 0; --i) {
        ids.push_back(static_cast<uint32_t>(rng.Below(rows + 2)));  // some beyond the table
      }
      offsets.push_back(static_cast<uint32_t>(ids.size()));
    }
  }
  BagsView view() const { return {ids, offsets}; }
  std::vector<uint32_t> ids, offsets;
};

std::vector<float> Weights(size_t n) {
  std::vector<float> weights;
  for (size_t i = 0; i < n; ++i) weights.push_back(0.5f + static_cast<float>(i % 4));
  return weights;
}

TEST_P(Conformance, GatherMeanSumAndRows) {
  constexpr size_t kRows = 37;
  for (size_t dim : {1, 3, 8, 17, 50, 64, 256}) {
    const auto table = Random(kRows * dim, 14);
    const RandomBags bags(23, kRows, dim);
    const ConstTableView view{table.data(), kRows, dim};
    const size_t stride = dim + 3;
    const auto weights = Weights(bags.ids.size());
    for (const BagsView& of : {bags.view(), BagsView{bags.ids, bags.offsets, weights}}) {
      for (Pooling pooling : {Pooling::kMean, Pooling::kSum}) {
        std::vector<float> out(23 * stride, 7.0f), out_reference = out;
        Gather(pooling, view, of, out.data(), stride);
        reference::Gather(pooling, view, of, out_reference.data(), stride);
        EXPECT_THAT(out, Pointwise(FloatNear(1e-5f), out_reference)) << dim;
      }
    }
    std::vector<float> rows(bags.ids.size() * stride, 7.0f);
    GatherRows(view, bags.ids, rows.data(), stride);
    for (size_t i = 0; i < bags.ids.size(); ++i) {
      const uint32_t id = bags.ids[i];
      for (size_t j = 0; j < dim; ++j) {
        ASSERT_EQ(rows[i * stride + j], id == 0 || id >= kRows ? 0.0f : table[id * dim + j]);
      }
      ASSERT_EQ(rows[i * stride + dim], 7.0f) << "wrote beyond the row";
    }
  }
}

TEST_P(Conformance, AdagradFromTwoSources) {
  constexpr size_t kRows = 37;
  for (size_t dim : {1, 3, 8, 17, 50, 64}) {
    const RandomBags mean(23, kRows, dim), sum(11, kRows, dim + 1);
    const size_t stride = dim + 5;
    const auto d_mean = Random(23 * stride, 15), d_sum = Random(11 * stride, 16);
    auto table = Random(kRows * dim, 17), table_reference = table;
    std::vector<float> accumulators(kRows, 0.1f), accumulators_reference = accumulators;
    RowGradients gradients;
    const auto weights = Weights(mean.ids.size());
    const BagsView weighted{mean.ids, mean.offsets, weights};
    gradients.AddBags(mean.view(), d_mean.data(), stride, Pooling::kMean);
    gradients.AddBags(weighted, d_mean.data(), stride, Pooling::kMean);
    gradients.AddBags(sum.view(), d_sum.data(), stride, Pooling::kSum);
    gradients.ApplyAdagrad({table.data(), kRows, dim}, accumulators, {});
    EXPECT_EQ(gradients.size(), 0u);
    std::vector<float> d_table(kRows * dim);
    reference::GatherBackward(Pooling::kMean, mean.view(), d_mean.data(), stride, kRows, dim,
                              d_table.data());
    reference::GatherBackward(Pooling::kMean, weighted, d_mean.data(), stride, kRows, dim,
                              d_table.data());
    reference::GatherBackward(Pooling::kSum, sum.view(), d_sum.data(), stride, kRows, dim,
                              d_table.data());
    reference::Adagrad({table_reference.data(), kRows, dim}, accumulators_reference, d_table.data(),
                       {});
    EXPECT_THAT(table, Pointwise(FloatNear(1e-5f), table_reference)) << dim;
    EXPECT_THAT(accumulators, Pointwise(FloatNear(1e-4f), accumulators_reference)) << dim;
  }
}

TEST_P(Conformance, SampledSoftmax) {
  for (size_t negatives : Sizes()) {
    constexpr size_t kBatch = 4;
    const size_t stride = negatives + 3;
    const std::vector<uint32_t> targets = {1, 2, 3, 4};
    std::vector<uint32_t> ids(negatives);
    for (size_t i = 0; i < negatives; ++i) ids[i] = static_cast<uint32_t>(i % 11);
    const auto target_corrections = Random(kBatch, 18), corrections = Random(negatives, 19);
    const std::vector<float> weights = {1.0f, 0.5f, 0.0f, 2.0f};
    auto logits = Random(kBatch * stride, 20, 5.0f), logits_reference = logits;
    const SampledSoftmaxArgs args{.batch = kBatch,
                                  .negatives = negatives,
                                  .stride = stride,
                                  .target_ids = targets,
                                  .negative_ids = ids,
                                  .target_corrections = target_corrections,
                                  .negative_corrections = corrections,
                                  .weights = weights,
                                  .gradient_scale = 0.25f};
    const double loss = SampledSoftmax(args, logits.data());
    EXPECT_NEAR(loss, reference::SampledSoftmax(args, logits_reference.data()), 1e-5) << negatives;
    EXPECT_THAT(logits, Pointwise(FloatNear(1e-6f), logits_reference)) << negatives;
  }
}

TEST_P(Conformance, SampledSoftmaxWithTheTargetsApartGivesTheSame) {
  constexpr size_t kBatch = 3, kNegatives = 37, kStride = 40;
  const std::vector<uint32_t> targets = {1, 2, 3};
  std::vector<uint32_t> ids(kNegatives);
  std::iota(ids.begin(), ids.end(), 0u);
  const auto corrections = Random(kNegatives, 23), logits = Random(kBatch * (kNegatives + 1), 24);
  SampledSoftmaxArgs args{.batch = kBatch,
                          .negatives = kNegatives,
                          .target_ids = targets,
                          .negative_ids = ids,
                          .negative_corrections = corrections};
  auto together = logits;
  const double loss = SampledSoftmax(args, together.data());
  std::vector<float> target_logits(kBatch), apart(kBatch * kStride, 7.0f);
  for (size_t row = 0; row < kBatch; ++row) {
    target_logits[row] = logits[row * (kNegatives + 1)];
    std::copy_n(logits.data() + row * (kNegatives + 1) + 1, kNegatives,
                apart.data() + row * kStride);
  }
  args.stride = kStride;
  args.target_logits = target_logits;
  EXPECT_EQ(SampledSoftmax(args, apart.data()), loss);
  for (size_t row = 0; row < kBatch; ++row) {
    EXPECT_EQ(target_logits[row], together[row * (kNegatives + 1)]);
    for (size_t i = 0; i < kNegatives; ++i) {
      EXPECT_EQ(apart[row * kStride + i], together[row * (kNegatives + 1) + 1 + i]);
    }
    EXPECT_EQ(apart[row * kStride + kNegatives], 7.0f) << "wrote beyond the row";
  }
}

TEST_P(Conformance, FullSoftmaxAndRows) {
  for (size_t classes : Sizes()) {
    if (classes == 0) continue;
    const std::vector<uint32_t> targets = {0, static_cast<uint32_t>(classes - 1),
                                           static_cast<uint32_t>(classes / 2)};
    const auto corrections = Random(classes, 21);
    auto logits = Random(3 * classes, 22, 30.0f), logits_reference = logits;
    auto rows = logits, rows_reference = logits;
    const FullSoftmaxArgs args{.batch = 3,
                               .classes = classes,
                               .targets = targets,
                               .corrections = corrections,
                               .weights = {}};
    const double loss = FullSoftmax(args, logits.data());
    EXPECT_NEAR(loss, reference::FullSoftmax(args, logits_reference.data()), 1e-4) << classes;
    EXPECT_THAT(logits, Pointwise(FloatNear(1e-6f), logits_reference)) << classes;
    for (const float floor : {-1e30f, 7.5f}) {
      std::vector<float> piece(rows.begin(), rows.begin() + static_cast<long>(classes));
      std::vector<float> piece_reference = piece;
      const SoftmaxSums sums = Exponentiate(piece, floor);
      const SoftmaxSums expected = reference::Exponentiate(piece_reference, floor);
      EXPECT_EQ(sums.maximum, expected.maximum) << classes;
      EXPECT_NEAR(sums.total, expected.total, 1e-5 * expected.total) << classes;
      EXPECT_THAT(piece, Pointwise(FloatNear(1e-6f), piece_reference)) << classes;
    }
    SoftmaxRows(3, classes, rows.data());
    reference::SoftmaxRows(3, classes, rows_reference.data());
    EXPECT_THAT(rows, Pointwise(FloatNear(1e-6f), rows_reference)) << classes;
  }
}

TEST_P(Conformance, SoftmaxIsStableAndShowsNaN) {
  for (size_t classes : {3, 16, 19}) {
    const std::vector<uint32_t> targets = {0};
    const FullSoftmaxArgs args{
        .batch = 1, .classes = classes, .targets = targets, .corrections = {}, .weights = {}};
    std::vector<float> huge(classes, -3e4f);
    huge[0] = 3e4f;
    EXPECT_EQ(FullSoftmax(args, huge.data()), 0.0);
    for (float gradient : huge) EXPECT_EQ(gradient, 0.0f);
    std::vector<float> broken(classes, 0.5f);
    broken.back() = kNaN;
    EXPECT_TRUE(std::isnan(FullSoftmax(args, broken.data())));
  }
}

}  // namespace
}  // namespace upnext::kernels
