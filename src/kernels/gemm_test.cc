#include "kernels/gemm.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <thread>
#include <tuple>
#include <vector>

#include "base/rng.h"
#include "kernels/operand.h"

namespace upnext::kernels {
namespace {

std::vector<float> RandomOperand(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(rng.Uniform() * 2.0 - 1.0);
  return values;
}

struct Problem {
  Problem(GemmShape s, size_t padding) : shape(s) {
    shape.lda = (s.transpose_a ? s.m : s.k) + padding;
    shape.ldb = (s.transpose_b ? s.k : s.n) + padding;
    shape.ldc = s.n + padding;
    a = RandomOperand((s.transpose_a ? s.k : s.m) * shape.lda, 1);
    b = RandomOperand((s.transpose_b ? s.n : s.k) * shape.ldb, 2);
    c = RandomOperand(s.m * shape.ldc, 3);
  }
  GemmShape shape;
  std::vector<float> a, b, c;
};

void ExpectNear(const std::vector<float>& c, const std::vector<float>& expected, size_t k,
                const GemmShape& s) {
  ASSERT_EQ(c.size(), expected.size());
  const float tolerance = 1e-6f * static_cast<float>(k) + 1e-5f;
  for (size_t i = 0; i < c.size(); ++i) {
    ASSERT_NEAR(c[i], expected[i], tolerance)
        << "at " << i << " of m=" << s.m << " n=" << s.n << " k=" << s.k << " ta=" << s.transpose_a
        << " tb=" << s.transpose_b << " beta=" << s.beta;
  }
}

using Case = std::tuple<Precision, int /*threads*/, bool /*transpose a*/, bool /*transpose b*/>;
class GemmEqualsReference : public testing::TestWithParam<Case> {};

TEST_P(GemmEqualsReference, AtAllSizesStridesAndBetas) {
  const auto [precision, threads, transpose_a, transpose_b] = GetParam();
  base::ThreadPool pool(threads);
  const std::vector<std::array<size_t, 3>> sizes = {
      {1, 1, 1}, {1, 7, 3}, {5, 3, 0}, {2, 16, 64}, {17, 33, 65}, {100, 65, 129}, {130, 300, 48}};
  for (const auto& [m, n, k] : sizes) {
    for (size_t padding : {0, 5}) {
      for (float beta : {0.0f, 1.0f, 0.5f}) {
        Problem p({.m = m,
                   .n = n,
                   .k = k,
                   .transpose_a = transpose_a,
                   .transpose_b = transpose_b,
                   .beta = beta},
                  padding);
        auto expected = p.c;
        // Where bf16 is not fast it is not used.
        const Precision real = HasFastBf16() ? precision : Precision::kFp32;
        reference::Gemm(p.shape, p.a.data(), p.b.data(), expected.data(), real);
        Gemm(p.shape, p.a.data(), p.b.data(), p.c.data(), precision, threads > 1 ? &pool : nullptr);
        ExpectNear(p.c, expected, k, p.shape);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, GemmEqualsReference,
                         testing::Combine(testing::Values(Precision::kFp32, Precision::kBf16),
                                          testing::Values(1, 3), testing::Bool(), testing::Bool()));

TEST(Gemm, OldValuesAreNotReadWhenBetaIsZero) {
  for (size_t size : {3, 64}) {
    Problem p({.m = size, .n = size, .k = size}, 0);
    auto expected = p.c;
    reference::Gemm(p.shape, p.a.data(), p.b.data(), expected.data(), Precision::kFp32);
    for (float& value : p.c) value = std::nanf("");
    Gemm(p.shape, p.a.data(), p.b.data(), p.c.data(), Precision::kFp32);
    ExpectNear(p.c, expected, size, p.shape);
  }
}

TEST(Gemm, Bf16OperandsGiveWhatRoundedFloatsGive) {
  for (bool transpose_b : {false, true}) {
    for (size_t size : {4, 70}) {
      Problem p({.m = size, .n = size + 1, .k = size + 2, .transpose_b = transpose_b}, 3);
      std::vector<Bf16> a(p.a.size()), b(p.b.size());
      ToBf16(p.a, a);
      ToBf16(p.b, b);
      auto expected = p.c;
      reference::Gemm(p.shape, p.a.data(), p.b.data(), expected.data(), Precision::kBf16);
      Gemm(p.shape, a.data(), b.data(), p.c.data());
      ExpectNear(p.c, expected, size, p.shape);
    }
  }
}

// Longer than the pieces that our own kernel cuts its operands into, with ends in all directions.
TEST(Gemm, LargeBf16ProductsEqualTheReference) {
  for (bool transpose_a : {false, true}) {
    for (bool transpose_b : {false, true}) {
      Problem p({.m = 37,
                 .n = 550,
                 .k = 1100,
                 .transpose_a = transpose_a,
                 .transpose_b = transpose_b,
                 .beta = 1.0f},
                1);
      auto expected = p.c;
      reference::Gemm(p.shape, p.a.data(), p.b.data(), expected.data(),
                      HasFastBf16() ? Precision::kBf16 : Precision::kFp32);
      Gemm(p.shape, p.a.data(), p.b.data(), p.c.data(), Precision::kBf16);
      ExpectNear(p.c, expected, p.shape.k, p.shape);
    }
  }
}

TEST(RightOperand, GivesWhatTheMatrixItselfGives) {
  for (Precision precision : {Precision::kFp32, Precision::kBf16}) {
    for (const auto& [m, n, k] : std::vector<std::array<size_t, 3>>{
             {1, 1, 1}, {3, 5, 2}, {33, 47, 70}, {64, 550, 33}, {5, 40, 1100}}) {
      for (bool transposed : {false, true}) {
        Problem p({.m = m, .n = n, .k = k, .transpose_b = transposed}, 0);
        Operand a;
        a.Reserve(p.a.size(), precision);
        a.Store(0, p.a);
        RightOperand b;
        b.Store(p.b.data(), k, n, transposed, precision);
        auto expected = p.c;
        const Precision real = HasFastBf16() ? precision : Precision::kFp32;
        reference::Gemm(p.shape, p.a.data(), p.b.data(), expected.data(), real);
        Gemm(m, a.view(), b, p.c.data());
        ExpectNear(p.c, expected, k, p.shape);
      }
    }
  }
}

// Strips come in any order; more than one piece along the batch, and more columns than a group.
TEST(BatchOperand, ItsProductIsThatOfTheWholeMatrices) {
  constexpr size_t kStrip = 2 * BatchOperand::kMultiple;
  for (Precision precision : {Precision::kFp32, Precision::kBf16}) {
    for (const auto& [m, n, rows] : std::vector<std::array<size_t, 3>>{
             {1, 1, 1}, {40, 5, 33}, {33, 47, 70}, {65, 700, 1100}, {48, 40, 2100}}) {
      Problem p({.m = m, .n = n, .k = rows, .transpose_a = true, .beta = 1.0f}, 0);
      Operand a, b;
      a.Reserve(p.a.size(), precision);
      a.Store(0, p.a);
      b.Reserve(p.b.size(), precision);
      b.Store(0, p.b);
      BatchOperand left, right;
      left.Reserve(rows, m, BatchOperand::Side::kLeft, precision);
      right.Reserve(rows, n, BatchOperand::Side::kRight, precision);
      for (size_t strip = (rows + kStrip - 1) / kStrip; strip-- > 0;) {
        const size_t first = strip * kStrip, count = std::min(kStrip, rows - first);
        left.Store(first, count, a.view() + first * m);
        right.Store(first, count, b.view() + first * n);
      }
      auto expected = p.c, whole = p.c;
      const Precision real = HasFastBf16() ? precision : Precision::kFp32;
      reference::Gemm(p.shape, p.a.data(), p.b.data(), expected.data(), real);
      for (size_t begin = 0; begin < m; begin += BatchOperand::kMultiple) {
        AddBatchProduct(left, right, a.view(), b.view(), begin,
                        std::min(BatchOperand::kMultiple, m - begin), p.c.data() + begin * n);
      }
      ExpectNear(p.c, expected, rows, p.shape);
      AddBatchProduct(left, right, a.view(), b.view(), 0, m, whole.data());
      ExpectNear(whole, expected, rows, p.shape);
    }
  }
}

TEST(Gemm, SameBytesOnEveryRun) {
  base::ThreadPool pool(2);
  for (Precision precision : {Precision::kFp32, Precision::kBf16}) {
    Problem p({.m = 256, .n = 192, .k = 320, .transpose_b = true}, 0);
    Gemm(p.shape, p.a.data(), p.b.data(), p.c.data(), precision, &pool);
    for (int run = 0; run < 5; ++run) {
      std::vector<float> again(p.c.size());
      Gemm(p.shape, p.a.data(), p.b.data(), again.data(), precision, &pool);
      ASSERT_EQ(again, p.c);
    }
  }
}

TEST(Gemm, ManyThreadsMayMultiplyAtOnce) {
  Problem p({.m = 96, .n = 64, .k = 128}, 0);
  auto expected = p.c;
  Gemm(p.shape, p.a.data(), p.b.data(), expected.data(), BestPrecision());
  std::vector<std::vector<float>> results(4, std::vector<float>(p.c.size()));
  std::vector<std::jthread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        Gemm(p.shape, p.a.data(), p.b.data(), result.data(), BestPrecision());
      }
    });
  }
  threads.clear();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

TEST(Gemm, OperandsRoundedOnceGiveTheProductOfFloats) {
  Problem p({.m = 48, .n = 64, .k = 96, .transpose_b = true}, 0);
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    auto expected = p.c, got = p.c;
    Gemm(p.shape, p.a.data(), p.b.data(), expected.data(), precision);
    Operand a, b;
    a.Reserve(p.a.size(), precision);
    b.Reserve(p.b.size() + 32, precision);
    a.Store(0, p.a);
    b.Store(32, p.b);
    Gemm(p.shape, a.view(), b.view() + 32, got.data());
    EXPECT_EQ(got, expected) << PrecisionName(precision);
    Operand written;
    written.Reserve(p.b.size() + 32, precision);
    written.Store(0, std::vector<float>(p.b.size() + 32, 0.0f));
    float* const in_place = written.InPlace(32);
    EXPECT_EQ(in_place == nullptr, PrecisionName(precision) == "bf16");
    if (in_place == nullptr) continue;
    std::ranges::copy(p.b, in_place);
    std::ranges::fill(got, std::nanf(""));
    Gemm(p.shape, a.view(), written.view() + 32, got.data());
    EXPECT_EQ(got, expected);
  }
}

TEST(Gemm, NamesThePrecisionThatRuns) {
  EXPECT_EQ(PrecisionName(Precision::kFp32), "fp32");
  EXPECT_EQ(PrecisionName(Precision::kBf16), HasFastBf16() ? "bf16" : "fp32");
  EXPECT_EQ(BestPrecision() == Precision::kBf16, HasFastBf16());
}

TEST(Bf16, KnownRoundings) {
  EXPECT_EQ(ToBf16(1.0f).bits, 0x3f80);
  EXPECT_EQ(ToBf16(std::bit_cast<float>(0x3f808000u)).bits, 0x3f80);  // tie, to even below
  EXPECT_EQ(ToBf16(std::bit_cast<float>(0x3f818000u)).bits, 0x3f82);  // tie, to even above
  EXPECT_EQ(ToBf16(std::bit_cast<float>(0x3f808001u)).bits, 0x3f81);
  EXPECT_EQ(ToBf16(3.4e38f).bits, 0x7f80);  // overflow: infinity
  EXPECT_TRUE(std::isnan(ToFloat(ToBf16(std::bit_cast<float>(0x7f800001u)))));  // not infinity
}

}  // namespace
}  // namespace upnext::kernels
