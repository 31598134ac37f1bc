#include "evaluation/position_overlap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "examples/test_world.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using ::testing::HasSubstr;

constexpr size_t kOverlapSlate = 5;

// Slates of items of which the larger is shown first; with `swaps`, a share of the slates has two
// neighbours swapped. Clicks follow the position alone.
PositionCounts Slates(size_t slates, double swaps, uint64_t seed = 3) {
  base::Rng rng(seed);
  PositionCounts counts;
  for (size_t s = 0; s < slates; ++s) {
    std::vector<uint32_t> items;
    for (size_t p = 0; p < kOverlapSlate; ++p) {
      items.push_back(static_cast<uint32_t>(20 * p + rng.Below(20)));
    }
    if (rng.Uniform() < swaps) {
      const size_t p = rng.Below(kOverlapSlate - 1);
      std::swap(items[p], items[p + 1]);
    }
    for (size_t p = 0; p < kOverlapSlate; ++p) {
      counts.Add(items[p], p + 1, rng.Uniform() < 0.4 / static_cast<double>(p + 1));
    }
    ++counts.requests;
    ++counts.requests_at_two;
  }
  return counts;
}

TEST(PositionOverlap, ItemsThatNeverChangePlacesSeparateNothing) {
  const PositionOverlap overlap = OverlapOf(Slates(20'000, 0));
  EXPECT_FALSE(overlap.separable());
  EXPECT_EQ(overlap.items, 100u);
  EXPECT_EQ(overlap.items_at_two, 0u);
  EXPECT_EQ(overlap.requests_at_two, overlap.requests);
  EXPECT_EQ(overlap.connected, 1u) << "each position alone";
  EXPECT_NEAR(overlap.connected_impressions, 0.2, 1e-9);
  EXPECT_TRUE(std::isinf(overlap.positions.back().error));
  EXPECT_THAT(overlap.Statement(), HasSubstr("cannot separate position from relevance: no chain"));
  EXPECT_THAT(overlap.Statement(), HasSubstr("Two neighbours in random order in"));
  EXPECT_THAT(overlap.Statement(), HasSubstr("0 % of the items and 100 % of the requests"));
}

TEST(PositionOverlap, ItemsThatSwapPlacesSeparateIt) {
  const PositionOverlap overlap = OverlapOf(Slates(20'000, 0.5));
  EXPECT_TRUE(overlap.separable());
  EXPECT_EQ(overlap.items_at_two, 100u);
  EXPECT_EQ(overlap.connected, kOverlapSlate);
  EXPECT_NEAR(overlap.connected_impressions, 1, 1e-9);
  EXPECT_THAT(overlap.Statement(), HasSubstr("The log can separate position from relevance"));
}

TEST(PositionOverlap, AFewSwapsConnectPositionsButDoNotTellTheirBias) {
  const PositionOverlap overlap = OverlapOf(Slates(20'000, 0.002));
  EXPECT_EQ(overlap.connected, kOverlapSlate);
  EXPECT_FALSE(overlap.separable());
  EXPECT_THAT(overlap.Statement(), HasSubstr("give the bias of position 5 only within"));
}

// The share of swaps is what it says: half of the pairs in random order are swapped.
TEST(PositionOverlap, TheSwapsThatItAsksForAreEnoughAndHalfOfThemAreNot) {
  const size_t slates = 20'000;
  const double asked = OverlapOf(Slates(slates, 0)).requests_to_swap;
  ASSERT_LT(asked, 1);
  EXPECT_TRUE(OverlapOf(Slates(slates, asked / 2)).separable());
  EXPECT_FALSE(OverlapOf(Slates(slates, asked / 8)).separable());
  const PositionOverlap small = OverlapOf(Slates(slates / 50, 0));
  EXPECT_GT(small.requests_to_swap, 1);
  EXPECT_THAT(small.Statement(), HasSubstr("more than the 400 of the log"));
}

// Two positions, one item with n impressions at each, click rate p: the difference of the logits
// has the variance 2 / (n p (1 - p)).
TEST(PositionOverlap, ErrorsEqualTheFormulaOfTwoPositions) {
  PositionCounts counts;
  for (int i = 0; i < 1000; ++i) {
    counts.Add(7, 1, i % 5 == 0);
    counts.Add(7, 2, i % 5 == 0);
  }
  const PositionOverlap overlap = OverlapOf(counts);
  ASSERT_EQ(overlap.positions.size(), 2u);
  EXPECT_EQ(overlap.positions[0].error, 0);
  EXPECT_NEAR(overlap.positions[1].error, 1.96 * std::sqrt(2 / (1000 * 0.2 * 0.8)), 1e-3);
  EXPECT_EQ(overlap.positions[1].click_rate, 0.2);
}

TEST(PositionOverlap, TwoPartsThatShareNoItemAreNotConnected) {
  PositionCounts counts;
  for (int i = 0; i < 1000; ++i) {
    for (const size_t position : {1, 2}) counts.Add(1, position, i % 3 == 0);
    for (const size_t position : {3, 4, 5}) counts.Add(2, position, i % 3 == 0);
  }
  const PositionOverlap overlap = OverlapOf(counts);
  EXPECT_EQ(overlap.connected, 3u);
  EXPECT_NEAR(overlap.connected_impressions, 0.6, 1e-9);
  EXPECT_LT(overlap.positions[1].error, kEnoughError);
  EXPECT_TRUE(std::isinf(overlap.positions[2].error));
}

TEST(PositionOverlap, WithoutPositionsNothingCanBeSaid) {
  PositionCounts counts;
  counts.Add(1, 0, true);
  EXPECT_THAT(OverlapOf(counts).Statement(), HasSubstr("no impression has one"));
  for (int i = 0; i < 9; ++i) counts.Add(1, 4, false);
  EXPECT_THAT(OverlapOf(counts).Statement(), HasSubstr("have the same one"));
}

TEST(CountPositions, CountsClicksAndRequestsOfThePart) {
  using examples::Click, examples::Shown, examples::World;
  const auto at = [](schema::RawEvent event, uint16_t position) {
    event.position = position;
    return event;
  };
  const World world({.events = {at(Shown("u", "a", 1, "r1"), 1), at(Shown("u", "b", 1, "r1"), 2),
                                Click("u", "b", 2, "r1"), at(Shown("u", "a", 9, "r2"), 2),
                                at(Shown("v", "b", 9, "r3"), 0), at(Shown("v", "b", 20, "r4"), 1)},
                     .split = {.kind = examples::SplitOptions::Kind::kNone}});
  base::ThreadPool pool(2);
  const PositionCounts counts = CountPositions(world.source, examples::SplitPart::kTrain, pool);
  EXPECT_EQ(counts.impressions, 5u);
  EXPECT_EQ(counts.requests, 3u) << "those with a position";
  EXPECT_EQ(counts.requests_at_two, 1u);
  EXPECT_EQ(counts.positions[0].impressions, 2u);
  EXPECT_EQ(counts.positions[1].impressions, 2u);
  EXPECT_EQ(counts.positions[1].clicks, 1u);
  const uint64_t b_second = uint64_t{world.item("b")} * kOverlapPositions + 1;
  EXPECT_EQ(counts.cells.at(b_second).clicks, 1u);
}

}  // namespace
}  // namespace upnext::evaluation
