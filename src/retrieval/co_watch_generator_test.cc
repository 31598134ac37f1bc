#include "retrieval/co_watch_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/thread_pool.h"
#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using examples::World;

// Every list added up, one watch after the other.
std::map<uint32_t, double> SumsOf(const CoWatch& co_watch, const std::vector<uint32_t>& watched) {
  std::map<uint32_t, double> sums;
  for (const uint32_t item : watched) {
    for (const ScoredItem& similar : co_watch.Similar(item)) {
      sums[similar.item] += static_cast<double>(similar.score);
    }
  }
  return sums;
}

class CoWatchGeneratorTest : public testing::Test {
 protected:
  const World world_{examples::RandomWorld(3, /*users=*/40, /*items=*/50)};
  const LearnedGenerator generator_{world_, "co-watch"};
  base::ThreadPool pool_{1};
  const CoWatch lists_ = CoWatchLearner(world_.source, {}, pool_).Learn();
};

TEST_F(CoWatchGeneratorTest, AddsUpTheListsOfTheTenNewestWatchesAndTheItemBeingWatched) {
  std::vector<std::string> names;
  for (uint32_t item = 0; item < 12; ++item) {
    names.push_back(world_.catalogue.Name(schema::IdSpace::kItem, item));
  }
  const features::UserState state = StateAfter(world_, names);
  const auto check = [&](const features::Context& context, const std::vector<uint32_t>& watched) {
    const std::map<uint32_t, double> sums = SumsOf(lists_, watched);
    const auto candidates = generator_.Candidates(state, 1'000, {}, context);
    EXPECT_EQ(candidates.size(), sums.size());
    for (size_t i = 0; i < candidates.size(); ++i) {
      EXPECT_NEAR(static_cast<double>(candidates[i].score), sums.at(candidates[i].item), 1e-5);
      EXPECT_GE(candidates[i > 0 ? i - 1 : 0].score, candidates[i].score);
    }
  };
  check({}, {2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  check({.current_item = 20}, {2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20});
  EXPECT_EQ(generator_.Candidates(state, 3).size(), 3u);
  EXPECT_TRUE(generator_.Candidates(features::UserState(), 3).empty());
}

TEST_F(CoWatchGeneratorTest, ACandidateComesFromTheMostSimilarOfTheWatches) {
  const std::vector<uint32_t> watched = {1, 2, 3};
  std::vector<std::string> names;
  for (const uint32_t item : watched) {
    names.push_back(world_.catalogue.Name(schema::IdSpace::kItem, item));
  }
  const auto similarity = [&](uint32_t watch, uint32_t item) {
    for (const ScoredItem& one : lists_.Similar(watch)) {
      if (one.item == item) return one.score;
    }
    return -1.0f;
  };
  std::map<uint32_t, int> origins;
  for (const Candidate& candidate : generator_.Candidates(StateAfter(world_, names), 1'000)) {
    for (const uint32_t watch : watched) {
      EXPECT_GE(similarity(candidate.from, candidate.item), similarity(watch, candidate.item));
    }
    ++origins[candidate.from];
  }
  EXPECT_EQ(origins.size(), 3u);
}

// What is like the item being watched has a place for that, however much more it is like the history.
TEST_F(CoWatchGeneratorTest, WhatIsLikeTheItemBeingWatchedComesFromThat) {
  const std::vector<std::string> names = {world_.catalogue.Name(schema::IdSpace::kItem, 1),
                                          world_.catalogue.Name(schema::IdSpace::kItem, 2)};
  std::set<uint32_t> like_current;
  for (const ScoredItem& one : lists_.Similar(20)) like_current.insert(one.item);
  size_t from_history = 0;
  for (const Candidate& candidate :
       generator_.Candidates(StateAfter(world_, names), 1'000, {}, {.current_item = 20})) {
    EXPECT_EQ(candidate.from == 20, like_current.contains(candidate.item)) << candidate.item;
    from_history += candidate.from == 20 ? 0 : 1;
  }
  EXPECT_GT(from_history, 0u);
}

TEST_F(CoWatchGeneratorTest, ReasonNamesTheItemItCameFrom) {
  const World world({.events = {examples::Watch("u", "a", 1, 99), examples::Watch("u", "b", 2, 99),
                                examples::Watch("u", "c", 3, 99)},
                     .items = {{.item = "a", .title = "Sourdough"}, {.item = "b"}},
                     .split = {.kind = examples::SplitOptions::Kind::kNone}});
  const LearnedGenerator generator(world, "co-watch");
  EXPECT_EQ(generator.Reason(features::UserState(), {world.item("c"), 1, world.item("a")}),
            "because you watched Sourdough");
  EXPECT_EQ(generator.Reason(features::UserState(), {world.item("c"), 1, world.item("b")}),
            "because you watched b");
  EXPECT_EQ(generator.Reason(features::UserState(), {world.item("c"), 1, world.item("a")},
                             {.current_item = world.item("a")}),
            "because you are watching Sourdough");
}

TEST_F(CoWatchGeneratorTest, ReasonSaysWhatTheUserDidWithTheItem) {
  const World world({.events = {examples::Watch("u", "a", 1, 99), examples::Watch("u", "b", 2, 99)},
                     .items = {{.item = "a"}, {.item = "b"}},
                     .split = {.kind = examples::SplitOptions::Kind::kNone}});
  features::PositiveRule rule = features::PositiveRule::Empty(0.7, 30);
  rule.SetPositive(schema::EventType::kPurchase, 1);
  rule.SetInterest(schema::EventType::kClick, 1);
  rule.SetInterest(schema::EventType::kPurchase, 3);
  features::UserState state(features::FeaturePlan().state());
  for (const auto& [item, type] :
       {std::pair("a", schema::EventType::kPurchase), std::pair("b", schema::EventType::kClick)}) {
    state.Apply({.time_ms = examples::kStart, .type = type, .item = world.item(item)},
                world.catalogue, rule);
  }
  const LearnedGenerator generator(world, "co-watch");
  const SiteVerb verb = SiteVerb::Of("buy").For(rule, {});
  const features::Context context;
  const ProposeRequest request{world.catalogue, state, schema::kNone, context, verb};
  EXPECT_EQ(BecauseOf(request, world.item("a")), "because you bought a");
  EXPECT_EQ(BecauseOf(request, world.item("b")), "because you viewed b");
}

TEST_F(CoWatchGeneratorTest, ItemsLikeAnItemAreItsList) {
  const ItemsLike like = generator_->Like({world_.catalogue, 4})[0];
  EXPECT_TRUE(std::ranges::equal(like.items, lists_.Similar(4)));
  EXPECT_FALSE(like.items.empty());
  EXPECT_EQ(like.reason, "watched by the same people");
}

TEST_F(CoWatchGeneratorTest, OptionsBoundTheLists) {
  const LearnedGenerator small(world_, "co-watch", "neighbours = 3\nmax_history = 5");
  const CoWatch lists = CoWatchLearner(world_.source, {3, 5}, pool_).Learn();
  for (uint32_t item = 0; item < world_.log.items(); ++item) {
    EXPECT_TRUE(
        std::ranges::equal(small->Like({world_.catalogue, item})[0].items, lists.Similar(item)));
  }
}

TEST_F(CoWatchGeneratorTest, APartOfALargerLogIsRefused) {
  const auto refused = generator_.Load(world_.log.items() - 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDataLoss);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("train again"));
}

}  // namespace
}  // namespace upnext::retrieval
