#include "simulator/policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace upnext::simulator {
namespace {

class Policy : public testing::Test {
 protected:
  Policy() {
    WorldOptions options;
    options.users = 50;
    options.items = 300;
    options.days = 10;
    options.policy.random_share = 0;
    Result<World> made = World::Create(options);
    EXPECT_TRUE(made) << made.error().message;
    world_ = std::make_unique<World>(*std::move(made));
    now_ms_ = options.start_ms() + 6 * int64_t{86'400'000};
  }
  // An item that has a next episode, so that every part of `related` is used.
  uint32_t CurrentItem() const {
    uint32_t id = 0;
    while (world_->catalogue().item(id).next == kNoItem) ++id;
    return id;
  }
  std::unique_ptr<World> world_;
  int64_t now_ms_ = 0;
};

TEST_F(Policy, TheProbabilitiesOfSourcesSumToOneMinusFailedDraws) {
  const LoggingPolicy policy(*world_);
  for (uint32_t id = 0; id < 20; ++id) {
    const User user = world_->user(id);
    const UserMemory memory{.channels = {0, 3, 5}};
    const SlateRequest request{
        .user = user, .memory = memory, .time_ms = now_ms_, .current_item = CurrentItem()};
    const LoggingPolicy::Guess guess = policy.MakeGuess(request);
    double topics = 0;
    for (double share : guess.topics) topics += share;
    EXPECT_NEAR(topics, 1, 1e-9);
    LoggingPolicy::Shares sum{};
    for (uint32_t item = 0; item < world_->catalogue().size(); ++item) {
      const LoggingPolicy::Shares q = policy.Probabilities(request, guess, item);
      for (size_t k = 0; k < q.size(); ++k) sum[k] += q[k];
    }
    EXPECT_NEAR(sum[0], 1 - guess.missing_popular, 1e-9);
    EXPECT_NEAR(sum[1], 1 - guess.missing_topics, 1e-9);
    EXPECT_NEAR(sum[2], guess.channels.empty() ? 0 : 1, 1e-9);
    EXPECT_NEAR(sum[3], 1, 1e-9);
  }
}

// Over many draws of the first two positions, the frequencies of items equal their propensities.
TEST_F(Policy, ItemsAreShownAsOftenAsTheirPropensitiesSay) {
  const LoggingPolicy policy(*world_);
  const User user = world_->user(4);
  const UserMemory memory{.channels = {1, 2}};
  for (const uint32_t current_item : {kNoItem, CurrentItem()}) {
    const SlateRequest request{
        .user = user, .memory = memory, .time_ms = now_ms_, .current_item = current_item};
    base::Rng rng(9);
    std::vector<ShownItem> slate;
    constexpr int kDraws = 60'000;
    std::vector<int> first(world_->catalogue().size(), 0);
    std::vector<double> planned(world_->catalogue().size(), 0);
    // Inverse propensity weights at position 2 sum to the number of possible items there: all but two
    // at most.
    double inverse = 0;
    for (int n = 0; n < kDraws; ++n) {
      policy.Draw(request, rng, slate);
      ASSERT_EQ(slate.size(), 10u);
      ++first[slate[0].item];
      planned[slate[0].item] = slate[0].propensity;
      inverse += 1 / slate[1].propensity;
    }
    double chi = 0;
    int cells = 0;
    for (size_t i = 0; i < first.size(); ++i) {
      const double expected = planned[i] * kDraws;
      if (expected < 5) continue;
      chi += (first[i] - expected) * (first[i] - expected) / expected;
      ++cells;
    }
    EXPECT_GT(cells, 50);
    EXPECT_LT(chi, cells + 5 * std::sqrt(2.0 * cells)) << "current_item " << current_item;
    const double existing = world_->popularity().CountAt(world_->popularity().SliceAt(now_ms_));
    EXPECT_NEAR(inverse / kDraws, existing - (current_item == kNoItem ? 1 : 2), 0.06 * existing);
  }
}

TEST_F(Policy, RandomTrafficIsUniformWithoutRepetition) {
  WorldOptions options = world_->options();
  options.policy.random_share = 1;
  Result<World> world = World::Create(options);
  ASSERT_TRUE(world);
  const LoggingPolicy policy(*world);
  const User user = world->user(1);
  const double existing = world->popularity().CountAt(world->popularity().SliceAt(now_ms_));
  base::Rng rng(2);
  const UserMemory memory;
  std::vector<ShownItem> slate;
  for (int n = 0; n < 200; ++n) {
    policy.Draw({.user = user, .memory = memory, .time_ms = now_ms_, .current_item = 7}, rng,
                slate);
    std::set<uint32_t> items;
    for (size_t p = 0; p < slate.size(); ++p) {
      items.insert(slate[p].item);
      EXPECT_EQ(slate[p].source, Source::kRandom);
      EXPECT_NE(slate[p].item, 7u);
      EXPECT_DOUBLE_EQ(slate[p].propensity, 1 / (existing - 1 - static_cast<double>(p)));
    }
    EXPECT_EQ(items.size(), 10u);
  }
}

TEST_F(Policy, RelevantSourcesAreHigherSoThatPositionAndRelevanceAreConfounded) {
  const LoggingPolicy policy(*world_);
  const User user = world_->user(4);
  const UserMemory memory{.channels = {1, 2}};
  const SlateRequest request{
      .user = user, .memory = memory, .time_ms = now_ms_, .current_item = kNoItem};
  const LoggingPolicy::Guess guess = policy.MakeGuess(request);
  for (uint32_t p = 2; p <= 10; ++p) {
    EXPECT_GT(policy.Mixture(request, guess, p)[0], policy.Mixture(request, guess, p - 1)[0]);
  }
}

}  // namespace
}  // namespace upnext::simulator
