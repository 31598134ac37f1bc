#include "evaluation/case_ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "base/rng.h"

namespace upnext::evaluation {
namespace {

using ::testing::ElementsAre;

// Popularity order of items 0 .. 4: 3, 1, 2, 0, 4.
ItemOrder Order() { return ItemOrder::ByCount(std::vector<uint64_t>{1, 5, 5, 9, 0}); }

TEST(ItemOrder, CountsThenSmallerIds) {
  EXPECT_THAT(Order().items, ElementsAre(3, 1, 2, 0, 4));
  EXPECT_THAT(Order().position, ElementsAre(3, 1, 2, 0, 4));
}

TEST(RankCase, TiesGoToThePopularItemThenToTheSmallerId) {
  std::vector<float> scores(5, 0);
  const std::vector<uint32_t> target{2};
  const CaseRanks ranks = RankCase(Order(), scores, {}, target);
  EXPECT_THAT(ranks.ranks, ElementsAre(3));
  EXPECT_THAT(ranks.top, ElementsAre(3, 1, 2, 0, 4));
}

TEST(RankCase, HiddenItemsAreNotRankedAndAHiddenTargetIsAMiss) {
  std::vector<float> scores{0, 0, 0, 0, 0};
  const std::vector<uint32_t> hidden{3, 2, 1}, targets{2, 4};
  const CaseRanks ranks = RankCase(Order(), scores, hidden, targets);
  EXPECT_THAT(ranks.ranks, ElementsAre(2));
  EXPECT_THAT(ranks.top, ElementsAre(0, 4));
}

TEST(RankCase, AnItemOutsideTheVocabularyIsNotRanked) {
  const features::Vocabulary vocabulary =
      features::Vocabulary::Learn(std::vector<uint64_t>{4, 0, 7}, 10);
  const ItemOrder order = ItemOrder::OfVocabulary(vocabulary, 3);
  std::vector<float> scores{kUnranked, 1, 2};
  const std::vector<uint32_t> targets{1, 2};
  const CaseRanks ranks = RankCase(order, scores, {}, targets);
  EXPECT_THAT(ranks.ranks, ElementsAre(2));  // item 2 is row 1, after item 0
  EXPECT_THAT(ranks.found, ElementsAre(2));
  EXPECT_THAT(ranks.top, ElementsAre(0, 2));
}

TEST(RankCase, EqualsSortingEverything) {
  base::Rng rng(9);
  for (int trial = 0; trial < 200; ++trial) {
    const size_t items = 1 + rng.Below(60);
    std::vector<uint64_t> counts;
    for (size_t i = 0; i < items; ++i) counts.push_back(rng.Below(4));
    const ItemOrder order = ItemOrder::ByCount(counts);
    std::vector<float> scores;
    for (size_t p = 0; p < items; ++p) scores.push_back(static_cast<float>(rng.Below(5)));
    std::vector<uint32_t> hidden, targets;
    for (uint32_t i = 0; i < items; ++i) {
      if (rng.Below(4) == 0) hidden.push_back(i);
      if (rng.Below(5) == 0) targets.push_back(i);
    }
    std::vector<uint32_t> sorted;
    for (uint32_t i = 0; i < items; ++i) {
      if (std::ranges::count(hidden, i) == 0) sorted.push_back(i);
    }
    std::ranges::sort(sorted, {}, [&](uint32_t i) {
      return std::tuple(-scores[order.position[i]], ~counts[i], i);
    });
    std::vector<uint32_t> expected;
    for (uint32_t r = 0; r < sorted.size(); ++r) {
      if (std::ranges::count(targets, sorted[r]) > 0) expected.push_back(r + 1);
    }
    const CaseRanks ranks = RankCase(order, scores, hidden, targets);
    EXPECT_EQ(ranks.ranks, expected);
    sorted.resize(std::min(sorted.size(), kTop));
    EXPECT_EQ(ranks.top, sorted);
  }
}

TEST(RanksInList, AreThePlacesOfTheTargetsThatItHas) {
  std::vector<uint32_t> list;
  for (uint32_t item = 100; item < 115; ++item) list.push_back(item);
  const CaseRanks ranks = RanksInList(list, std::vector<uint32_t>{111, 7, 100, 103});
  EXPECT_EQ(ranks.ranks, (std::vector<uint32_t>{1, 4, 12}));
  EXPECT_EQ(ranks.top, std::vector<uint32_t>(list.begin(), list.begin() + kTop));
  EXPECT_TRUE(RanksInList({}, std::vector<uint32_t>{7}).ranks.empty());
}

}  // namespace
}  // namespace upnext::evaluation
