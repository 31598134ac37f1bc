#include "examples/label_counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"

namespace upnext::examples {
namespace {

features::Vocabulary CountsOfLabels(std::vector<uint64_t> counts) {
  return features::Vocabulary::Learn(counts, counts.size());
}

TEST(LabelCounts, CG14_StartFromTheVocabulary) {
  const LabelCounts counts(CountsOfLabels({60, 30, 10}));
  EXPECT_EQ(counts.Probability(0), 0);
  EXPECT_NEAR(counts.Probability(1), 0.6, 1e-6);
  EXPECT_NEAR(counts.Probability(3), 0.1, 1e-6);
}

TEST(LabelCounts, TR02_WithTheRowsOfSmallerCountsTheyAddUpAgain) {
  LabelCounts small(CountsOfLabels({60, 30})), grown(CountsOfLabels({60, 30, 10}));
  for (int i = 0; i < 20; ++i) small.Add(std::vector<uint32_t>{1});
  std::ranges::copy(small.state(), grown.state().begin());
  grown.AddUp();
  EXPECT_NEAR(grown.Probability(1) + grown.Probability(2) + grown.Probability(3), 1, 1e-6);
  EXPECT_GT(grown.Probability(1), 0.8);
}

// The labels are not distributed as the vocabulary says, first in one way, then in the reverse.
TEST(LabelCounts, CG14_FollowTheLabelsWhenTheirDistributionChanges) {
  LabelCounts counts(CountsOfLabels({30, 30, 30, 30}));
  base::Rng rng(3);
  double sum = 0;
  for (const bool reversed : {false, true}) {
    std::vector<uint32_t> batch(16);
    for (int i = 0; i < 1000; ++i) {
      for (uint32_t& label : batch) {
        const uint64_t draw = rng.Below(15);  // 8 of 15, 4, 2, 1
        const uint32_t row = draw < 8 ? 1 : draw < 12 ? 2 : draw < 14 ? 3 : 4;
        label = reversed ? 5 - row : row;
      }
      counts.Add(batch);
    }
    // It knows at least the newest 512 labels, half of 256 for each of five rows less what the halving
    // forgot: a share has a standard deviation of at most 0.5 / sqrt(512); four of them.
    sum = 0;
    for (uint32_t row = 1; row <= 4; ++row) {
      const double expected = std::pow(2.0, reversed ? row - 1 : 4 - row) / 15;
      EXPECT_NEAR(counts.Probability(row), expected, 4 * 0.5 / std::sqrt(512.0)) << row;
      sum += counts.Probability(row);
    }
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

}  // namespace
}  // namespace upnext::examples
