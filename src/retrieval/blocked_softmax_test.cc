#include "retrieval/blocked_softmax.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/rng.h"
#include "kernels/gemm.h"
#include "nn/embedding_table.h"
#include "nn/losses.h"
#include "retrieval/batch_softmax.h"

namespace upnext::retrieval {
namespace {

std::vector<float> NormalValues(size_t n, uint64_t seed, double scale) {
  base::Rng rng(seed);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(scale * rng.Normal());
  return values;
}

// More classes than exist at a time, and logits that grow with the class, so that the largest of a
// row is found late. Weights differ, and one example has weight 0.
TEST(BlockedSoftmax, CG13_EqualsTheSoftmaxOfTheWholeMatrix) {
  constexpr size_t kBatch = 70, kItems = 2 * BlockedSoftmax::kClasses + 300, kDim = 5;
  const std::vector<float> users = NormalValues(kBatch * kDim, 1, 1.0);
  std::vector<float> rows = NormalValues(kItems * kDim, 2, 1.0);
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] *= 1 + 4 * static_cast<float>(i) / static_cast<float>(rows.size());
  }
  std::vector<uint32_t> targets(kBatch);
  std::vector<float> weights(kBatch), own(kBatch);
  for (size_t i = 0; i < kBatch; ++i) {
    targets[i] = static_cast<uint32_t>(i * 33 % kItems);
    weights[i] = static_cast<float>(i % 4) / 2;
  }
  std::vector<float> logits(kBatch * kItems), d_users(kBatch * kDim), d_rows(kItems * kDim);
  kernels::Gemm({.m = kBatch, .n = kItems, .k = kDim, .transpose_b = true}, users.data(),
                rows.data(), logits.data(), kernels::Precision::kFp32);
  for (size_t i = 0; i < kBatch; ++i) own[i] = logits[i * kItems + targets[i]];
  const double expected = nn::FullSoftmaxLoss(kBatch, kItems, targets, logits.data(), weights).sum;
  kernels::Gemm({.m = kBatch, .n = kDim, .k = kItems}, logits.data(), rows.data(), d_users.data(),
                kernels::Precision::kFp32);
  kernels::Gemm({.m = kItems, .n = kDim, .k = kBatch, .transpose_a = true}, logits.data(),
                users.data(), d_rows.data(), kernels::Precision::kFp32);

  BlockedSoftmax softmax;
  softmax.Begin({.batch = kBatch, .classes = kItems, .dim = kDim, .gradient_scale = 1.0f / kBatch},
                kernels::Precision::kFp32);
  softmax.StoreClasses(0, 1000, rows.data());
  softmax.StoreClasses(1000, kItems - 1000, rows.data() + 1000 * kDim);
  std::vector<float> found_users(kBatch * kDim), found_rows(kItems * kDim), d_own(kBatch);
  double loss = 0;
  for (size_t begin = 0; begin < kBatch; begin += 32) {
    const size_t n = std::min<size_t>(32, kBatch - begin);
    loss += softmax.Block({.begin = begin,
                           .n = n,
                           .users = {users.data() + begin * kDim, nullptr},
                           .targets = std::span(targets).subspan(begin, n),
                           .target_logits = std::span(own).subspan(begin, n),
                           .weights = std::span(weights).subspan(begin, n)},
                          found_users.data() + begin * kDim, d_own.data() + begin);
  }
  for (size_t begin = 0; begin < kItems; begin += 700) {
    softmax.ClassGradients(begin, std::min<size_t>(700, kItems - begin), {users.data(), nullptr},
                           found_rows.data() + begin * kDim);
  }
  for (size_t i = 0; i < kBatch; ++i) {
    for (size_t d = 0; d < kDim; ++d) {
      found_users[i * kDim + d] += d_own[i] * rows[targets[i] * kDim + d];
      found_rows[targets[i] * kDim + d] += d_own[i] * users[i * kDim + d];
    }
  }
  EXPECT_NEAR(loss, expected, 1e-5 * expected);
  for (size_t i = 0; i < d_users.size(); ++i) EXPECT_NEAR(found_users[i], d_users[i], 1e-5) << i;
  for (size_t i = 0; i < d_rows.size(); ++i) EXPECT_NEAR(found_rows[i], d_rows[i], 1e-5) << i;
}

int64_t PeakBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return int64_t{usage.ru_maxrss} << 10;
}

// In a process of its own, whose peak is not that of other tests. What grows with the items: the table
// itself, its copy for products and the gradients of its rows, the last two with a quarter to spare.
TEST(BlockedSoftmax, AFullSoftmaxNeedsNoMatrixOfBatchAndItems) {
  constexpr size_t kBatch = 1024, kItems = 200'000, kDim = 4;
  const auto grows = [] {
    const int64_t before = PeakBytes();
    base::Rng rng(1);
    const nn::EmbeddingTable items({.rows = kItems + 1, .dim = kDim}, rng);
    std::vector<uint32_t> labels(kBatch, 7), classes(kItems);
    std::iota(classes.begin(), classes.end(), 1u);
    const std::vector<float> users = NormalValues(kBatch * kDim, 1, 1.0);
    std::vector<float> d_users(users.size());
    BatchSoftmax softmax;
    base::Tasks tasks;
    softmax.Begin({.items = &items, .labels = labels, .classes = classes, .full = true}, tasks);
    for (const auto& task : tasks) task();
    for (size_t begin = 0; begin < kBatch; begin += 64) {
      softmax.Block(begin, 64, users.data() + begin * kDim, {users.data() + begin * kDim, nullptr},
                    d_users.data() + begin * kDim);
    }
    tasks.clear();
    softmax.AppendGradients(2, {users.data(), nullptr}, tasks);
    for (const auto& task : tasks) task();
    return PeakBytes() - before;
  };
  constexpr auto kTable = static_cast<int64_t>(kItems * kDim * sizeof(float));
  // Their numbers, and work space: 64 or 128 rows of logits, which oneDNN may copy, and its code.
  constexpr int64_t kBound = 4 * kTable + static_cast<int64_t>(kItems * sizeof(uint32_t)) +
                             4 * int64_t{128 * BlockedSoftmax::kClasses * sizeof(float)} +
                             (int64_t{32} << 20);
  static_assert(kBound < static_cast<int64_t>(kBatch * kItems * sizeof(float)) / 10);
  EXPECT_EXIT(_exit(grows() < kBound ? 0 : 1), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace upnext::retrieval
