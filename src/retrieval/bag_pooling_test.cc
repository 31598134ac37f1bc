#include "retrieval/bag_pooling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "features/feature_block.h"
#include "retrieval/bag_input.h"

namespace upnext::retrieval {
namespace {

using testing::ElementsAre;
using testing::FloatNear;
using testing::Pointwise;

// Rows 1 to 4 of two floats.
nn::EmbeddingTable FourRows() {
  base::Rng rng(1);
  nn::EmbeddingTable table({.rows = 5, .dim = 2}, rng);
  const std::vector<std::vector<float>> rows = {{1, -1}, {2, -4}, {-3, -2}, {5, 6}};
  for (uint32_t i = 0; i < rows.size(); ++i) table.SetRow(i + 1, rows[i]);
  return table;
}

std::vector<float> Pooled(Pooling kind, const features::Bags& bags, std::vector<float> query = {}) {
  const nn::EmbeddingTable table = FourRows();
  std::vector<float> out(bags.size() * 2, 99.0f);
  BagPooling{.kind = kind, .table = table, .query = query}.Gather(View(bags), out.data(), 2);
  return out;
}

// Lists {1, 2, 0, 3}, {} and {0}; row 0 is out of vocabulary.
features::Bags ThreeLists(std::vector<float> weights = {}) {
  return {.ids = {1, 2, 0, 3, 0}, .offsets = {0, 4, 4, 5}, .weights = std::move(weights)};
}

TEST(BagPooling, CG04_SumMeanAndMaximumByHand) {
  EXPECT_THAT(Pooled(Pooling::kMean, ThreeLists()), ElementsAre(0, -7.0f / 4, 0, 0, 0, 0));
  EXPECT_THAT(Pooled(Pooling::kSum, ThreeLists()), ElementsAre(0, -7, 0, 0, 0, 0));
  EXPECT_THAT(Pooled(Pooling::kMax, ThreeLists()), ElementsAre(2, -1, 0, 0, 0, 0))
      << "the unknown item, whose row is zero, is not the maximum of -1, -4 and -2";
  EXPECT_THAT(Pooled(Pooling::kSum, ThreeLists({1, 2, 1, 3, 1})), ElementsAre(-4, -15, 0, 0, 0, 0));
}

TEST(BagPooling, CG06_AttentionIsAMeanByTheSoftmaxOfTheQuery) {
  // Logits 0.5, 1 and -1.5, of which the weights 1, 2 and 3 multiply the exponentials.
  const double a = std::exp(0.5), b = 2 * std::exp(1.0), c = 3 * std::exp(-1.5), all = a + b + c;
  const auto mean = [&](double x, double y, double z) {
    return static_cast<float>((a * x + b * y + c * z) / all);
  };
  EXPECT_THAT(
      Pooled(Pooling::kAttention, ThreeLists({1, 2, 1, 3, 1}), {0.5f, 0}),
      Pointwise(FloatNear(1e-5f), {mean(1, 2, -3), mean(-1, -4, -2), 0.0f, 0.0f, 0.0f, 0.0f}));
}

TEST(BagPooling, CG06_AttentionWeightsAddUpToOne) {
  // Of equal items the pooled vector is the item, whatever the query is and however many there are.
  for (const uint32_t n : {1u, 3u, 50u}) {
    const features::Bags same = {
        .ids = std::vector<uint32_t>(n, 4), .offsets = {0, n}, .weights = {}};
    EXPECT_THAT(Pooled(Pooling::kAttention, same, {0.7f, -2}),
                Pointwise(FloatNear(1e-5f), {5.0f, 6.0f}));
  }
}

}  // namespace
}  // namespace upnext::retrieval
