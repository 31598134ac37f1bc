#include "kernels/fused_softmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"
#include "kernels/gemm.h"
#include "kernels/softmax.h"

namespace upnext::kernels {
namespace {

struct SoftmaxProblem {
  SoftmaxProblem(size_t examples, size_t items, size_t width, float length)
      : batch(examples), classes(items), dim(width) {
    base::Rng rng(batch + classes + dim);
    const auto fill = [&](std::vector<float>& values, size_t n, float scale) {
      values.resize(n);
      for (float& v : values) {
        // Values that bf16 represents exactly, so that rounding operands changes nothing.
        v = ToFloat(ToBf16(scale * static_cast<float>(rng.Uniform() * 2 - 1)));
      }
    };
    fill(users, batch * dim, length);
    fill(rows, classes * dim, 1.0f);
    fill(target_logits, batch, 3.0f);
    fill(corrections, classes, 2.0f);
    for (size_t i = 0; i < classes; ++i) ids.push_back(1 + static_cast<uint32_t>(rng.Below(90)));
    for (size_t i = 0; i < batch; ++i) targets.push_back(1 + static_cast<uint32_t>(rng.Below(90)));
  }
  size_t batch, classes, dim;
  std::vector<float> users, rows, target_logits, corrections, weights;
  std::vector<uint32_t> ids, targets;
};

struct Answer {
  double loss = 0;
  std::vector<float> d_users, d_targets, d_classes;
};

constexpr float kScale = 0.25f;

// The three products and the softmax between them, each by its reference.
Answer Expected(const SoftmaxProblem& p) {
  std::vector<float> logits(p.batch * p.classes);
  Answer answer{.d_users = std::vector<float>(p.batch * p.dim),
                .d_targets = p.target_logits,
                .d_classes = std::vector<float>(p.classes * p.dim)};
  reference::Gemm({.m = p.batch, .n = p.classes, .k = p.dim, .transpose_b = true}, p.users.data(),
                  p.rows.data(), logits.data(), Precision::kFp32);
  answer.loss = reference::SampledSoftmax({.batch = p.batch,
                                           .negatives = p.classes,
                                           .target_logits = answer.d_targets,
                                           .target_ids = p.targets,
                                           .negative_ids = p.ids,
                                           .negative_corrections = p.corrections,
                                           .weights = p.weights,
                                           .gradient_scale = kScale},
                                          logits.data());
  reference::Gemm({.m = p.batch, .n = p.dim, .k = p.classes}, logits.data(), p.rows.data(),
                  answer.d_users.data(), Precision::kFp32);
  reference::Gemm({.m = p.classes, .n = p.dim, .k = p.batch, .transpose_a = true}, logits.data(),
                  p.users.data(), answer.d_classes.data(), Precision::kFp32);
  return answer;
}

Answer Fused(const SoftmaxProblem& p, size_t block, FusedSoftmax& softmax) {
  Answer answer{.d_users = std::vector<float>(p.batch * p.dim, NAN),
                .d_targets = std::vector<float>(p.batch, NAN),
                .d_classes = std::vector<float>(p.classes * p.dim, NAN)};
  std::vector<Bf16> rounded(p.users.size());
  ToBf16(p.users, rounded);
  softmax.Begin({.batch = p.batch,
                 .classes = p.classes,
                 .dim = p.dim,
                 .class_ids = p.ids,
                 .class_corrections = p.corrections,
                 .gradient_scale = kScale});
  for (size_t at = 0; at < p.classes; at += block) {
    softmax.StoreClasses(at, std::min(block, p.classes - at), p.rows.data() + at * p.dim);
  }
  for (size_t at = 0; at < p.batch; at += block) {
    const size_t n = std::min(block, p.batch - at);
    answer.loss += softmax.Block({.begin = at,
                                  .n = n,
                                  .users = p.users.data() + at * p.dim,
                                  .rounded_users = rounded.data() + at * p.dim,
                                  .target_ids = std::span(p.targets).subspan(at, n),
                                  .target_logits = std::span(p.target_logits).subspan(at, n),
                                  .weights = std::span(p.weights).subspan(
                                      p.weights.empty() ? 0 : at, p.weights.empty() ? 0 : n)},
                                 answer.d_users.data() + at * p.dim, answer.d_targets.data() + at);
  }
  for (size_t at = 0; at < p.classes; at += block) {
    softmax.ClassGradients(at, std::min(block, p.classes - at),
                           answer.d_classes.data() + at * p.dim);
  }
  return answer;
}

// The exponentials and the operands of the users' gradients are rounded to bf16: eight bits each.
void ExpectNear(const std::vector<float>& found, const std::vector<float>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  float largest = 0;
  for (const float v : expected) largest = std::max(largest, std::abs(v));
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], 0.01f * largest) << "at " << i;
  }
}

class FusedSoftmaxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!FusedSoftmax::Available()) GTEST_SKIP() << "this machine has no AMX, or may not use it";
  }
};

TEST_F(FusedSoftmaxTest, EqualsProductsAndSoftmaxOneByOne) {
  FusedSoftmax softmax;
  for (const auto& [batch, classes, dim] : std::vector<std::array<size_t, 3>>{
           {1, 1, 1}, {32, 32, 32}, {33, 70, 24}, {100, 300, 65}, {1100, 40, 8}}) {
    SoftmaxProblem p(batch, classes, dim, 1.0f);
    if (batch % 2 != 0) {
      for (size_t i = 0; i < batch; ++i) p.weights.push_back(0.25f + static_cast<float>(i % 3));
    }
    const Answer expected = Expected(p);
    for (const size_t block : {size_t{32}, size_t{64}}) {
      SCOPED_TRACE(testing::Message() << batch << " x " << classes << " x " << dim);
      const Answer found = Fused(p, block, softmax);
      EXPECT_NEAR(found.loss, expected.loss, 1e-5 * expected.loss + 1e-5);
      ExpectNear(found.d_users, expected.d_users);
      ExpectNear(found.d_targets, expected.d_targets);
      ExpectNear(found.d_classes, expected.d_classes);
    }
  }
}

// Logits up to 600 above the estimate would overflow; those as far below it vanish.
TEST_F(FusedSoftmaxTest, FarLogitsNeitherOverflowNorVanish) {
  FusedSoftmax softmax;
  SoftmaxProblem p(40, 64, 32, 64.0f);
  for (const float target : {-300.0f, 0.0f, 500.0f}) {
    std::ranges::fill(p.target_logits, target);
    const Answer expected = Expected(p), found = Fused(p, 32, softmax);
    EXPECT_NEAR(found.loss, expected.loss, 1e-5 * expected.loss + 1e-5);
    ExpectNear(found.d_users, expected.d_users);
    ExpectNear(found.d_targets, expected.d_targets);
    ExpectNear(found.d_classes, expected.d_classes);
  }
}

TEST_F(FusedSoftmaxTest, TheSameBytesHoweverTheWorkIsCut) {
  FusedSoftmax softmax;
  const SoftmaxProblem p(200, 600, 40, 1.0f);
  const Answer one = Fused(p, 32, softmax), other = Fused(p, 128, softmax);
  EXPECT_EQ(one.d_users, other.d_users);
  EXPECT_EQ(one.d_targets, other.d_targets);
  EXPECT_EQ(one.d_classes, other.d_classes);
}

TEST_F(FusedSoftmaxTest, ShowsNaNAndInfinity) {
  FusedSoftmax softmax;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    SoftmaxProblem p(40, 64, 32, 1.0f);
    p.users[5 * p.dim + 3] = bad;
    EXPECT_FALSE(std::isfinite(Fused(p, 64, softmax).loss));
  }
}

}  // namespace
}  // namespace upnext::kernels
