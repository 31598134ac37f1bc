#include "retrieval/score_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace upnext::retrieval {
namespace {

nn::EmbeddingTable TableOf(const std::vector<std::vector<float>>& rows) {
  base::Rng rng(1);
  nn::EmbeddingTable table({.rows = rows.size() + 1, .dim = rows[0].size()}, rng);
  for (uint32_t row = 1; row <= rows.size(); ++row) table.SetRow(row, rows[row - 1]);
  return table;
}

TEST(ScoreAllItems, AreTheInnerProductsOfEveryUserWithEveryRow) {
  const nn::EmbeddingTable items = TableOf({{1, 2}, {3, -1}});
  const std::vector<float> users = {1, 1, 0, 2};
  std::vector<float> scores(2 * items.rows());
  ScoreAllItems(items, users, scores.data());
  EXPECT_THAT(scores, testing::ElementsAre(0, 3, 2, 0, 4, -2));
}

TEST(NearestByCosine, LooksAtTheDirectionAloneAndLeavesOutTheRowItselfAndZeros) {
  const nn::EmbeddingTable items =
      TableOf({{1, 1, 0}, {100, 0, 0}, {0.1f, 0.09f, 0}, {0, 0, 0}, {-2, -2, 0}, {1, 1, 1}});
  std::vector<uint32_t> order;
  float last = 1;
  for (const kernels::Scored& near : NearestByCosine(items, 1, 10)) {
    order.push_back(near.index);
    EXPECT_LE(near.score, last);
    last = near.score;
  }
  EXPECT_THAT(order, testing::ElementsAre(3, 6, 2, 5));
  EXPECT_NEAR(last, -1, 1e-6);
  EXPECT_EQ(NearestByCosine(items, 1, 2).size(), 2u);
  EXPECT_NEAR(NearestByCosine(items, 1, 3)[2].score, std::sqrt(0.5), 1e-6);
}

TEST(NearestByCosine, ComparesEveryRowOfALargeTable) {
  base::Rng rng(3);
  std::vector<std::vector<float>> rows(700, std::vector<float>(5));
  for (auto& row : rows) {
    for (float& x : row) x = static_cast<float>(rng.Normal());
  }
  const nn::EmbeddingTable items = TableOf(rows);
  const auto cosine = [&](size_t a, size_t b) {
    double product = 0, of_a = 0, of_b = 0;
    for (size_t i = 0; i < 5; ++i) {
      const double x = static_cast<double>(rows[a - 1][i]), y = static_cast<double>(rows[b - 1][i]);
      product += x * y;
      of_a += x * x;
      of_b += y * y;
    }
    return product / std::sqrt(of_a * of_b);
  };
  const auto near = NearestByCosine(items, 400, 1000);
  ASSERT_EQ(near.size(), 699u);
  for (const kernels::Scored& one : near) {
    EXPECT_NEAR(static_cast<double>(one.score), cosine(400, one.index), 1e-5);
  }
}

TEST(NearestByCosine, ARowWithoutDirectionIsNearNothing) {
  EXPECT_TRUE(NearestByCosine(TableOf({{1, 1}, {2, 1}}), 0, 5).empty());
}

}  // namespace
}  // namespace upnext::retrieval
