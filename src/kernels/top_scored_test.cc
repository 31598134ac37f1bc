#include "kernels/top_scored.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/rng.h"

namespace upnext::kernels {
namespace {

std::vector<Scored> BestOf(const std::vector<float>& scores, size_t k) {
  TopScored top(k);
  for (uint32_t i = 0; i < scores.size(); ++i) {
    if (top.Wants(i, scores[i])) top.Add(i, scores[i]);
  }
  return top.Take();
}

TEST(TopScored, EqualsTopKOfAnArray) {
  base::Rng rng(1);
  for (const size_t n : {0u, 1u, 7u, 300u}) {
    std::vector<float> scores(n);
    for (float& score : scores) score = static_cast<float>(rng.Below(40));  // with ties
    if (n > 3) scores[3] = std::numeric_limits<float>::quiet_NaN();
    for (const size_t k : {0u, 1u, 10u, 1000u}) {
      EXPECT_EQ(BestOf(scores, k), TopK(scores, k)) << n << " scores, k = " << k;
    }
  }
}

TEST(TopScored, TiesGoToTheSmallerIndexInAnyOrderOfArrival) {
  TopScored top(2);
  for (const uint32_t index : {9u, 3u, 7u, 1u}) {
    if (top.Wants(index, 1.0f)) top.Add(index, 1.0f);
  }
  EXPECT_THAT(top.Take(), testing::ElementsAre(Scored{1, 1.0f}, Scored{3, 1.0f}));
  EXPECT_EQ(top.size(), 0u);
}

}  // namespace
}  // namespace upnext::kernels
