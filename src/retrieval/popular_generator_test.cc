#include "retrieval/popular_generator.h"

#include <gtest/gtest.h>

#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "retrieval/test_sequences.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using Pairs = std::vector<std::pair<std::string, float>>;

TEST(PopularGenerator, ProposesTheMostWatchedOfTheTrainingPartBestFirst) {
  const examples::World world(examples::RandomWorld(1));
  std::vector<uint64_t> counts(world.log.items());
  for (const auto& sequence : TrainingSequences(world)) {
    for (const auto& watch : sequence) ++counts[watch.item];
  }
  EXPECT_EQ(CountWatches(world.source), counts);
  const LearnedGenerator popular(world, "popular");
  const std::vector<Candidate> all = popular.Candidates(features::UserState(), 1'000);
  EXPECT_EQ(static_cast<std::ptrdiff_t>(all.size()),
            std::ranges::count_if(counts, [](uint64_t n) { return n > 0; }));
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].score, static_cast<float>(counts[all[i].item]));
    EXPECT_EQ(all[i].from, schema::kNone);
    if (i == 0) continue;
    EXPECT_TRUE(all[i - 1].score > all[i].score ||
                (all[i - 1].score == all[i].score && all[i - 1].item < all[i].item));
  }
  EXPECT_TRUE(popular->FillsSlate());
  EXPECT_EQ(popular.Reason(features::UserState(), all[0]), "popular");
}

TEST(PopularGenerator, TheNextBestTakesThePlaceOfAnItemThatIsLeftOut) {
  const examples::World world(
      {.events = {examples::Watch("u", "a", 1, 99), examples::Watch("v", "a", 2, 99),
                  examples::Watch("w", "a", 3, 99), examples::Watch("u", "b", 4, 99),
                  examples::Watch("v", "b", 5, 99), examples::Watch("u", "c", 6, 99)},
       .split = {.kind = examples::SplitOptions::Kind::kNone}});
  const LearnedGenerator popular(world, "popular");
  EXPECT_EQ(popular.Propose(features::UserState(), 2), (Pairs{{"a", 3}, {"b", 2}}));
  std::vector<uint32_t> asked;
  auto not_a = [&](uint32_t item) {
    asked.push_back(item);
    return item != world.item("a");
  };
  EXPECT_EQ(popular.Propose(features::UserState(), 2, ItemFilter(not_a)),
            (Pairs{{"b", 2}, {"c", 1}}));
  EXPECT_EQ(asked, (std::vector{world.item("a"), world.item("b"), world.item("c")}));
  EXPECT_TRUE(popular.Propose(features::UserState(), 0).empty());
}

// A watch is counted up to the day before the newest one, to the millisecond.
TEST(PopularGenerator, CountsTheLastDaysAloneIfTheyAreSet) {
  using examples::kDay;
  const examples::World world(
      {.events = {examples::Watch("u", "old", 0, 99), examples::Watch("v", "old", kDay, 99),
                  examples::Watch("u", "new", kDay + 1, 99),
                  examples::Watch("v", "new", 2 * kDay, 99),
                  examples::Watch("w", "old", 2 * kDay, 99)},
       .split = {.kind = examples::SplitOptions::Kind::kNone}});
  const auto propose = [&](const char* options) {
    return LearnedGenerator(world, "popular", options).Propose(features::UserState(), 10);
  };
  EXPECT_EQ(propose(""), (Pairs{{"old", 3}, {"new", 2}}));
  EXPECT_EQ(propose("days = 1"), (Pairs{{"new", 2}, {"old", 1}}));
}

TEST(PopularGenerator, APartOfALargerLogIsRefused) {
  const examples::World world(examples::RandomWorld(5));
  const LearnedGenerator popular(world, "popular");
  uint32_t largest = 0;
  for (const Candidate& one : popular.Candidates(features::UserState(), 1'000)) {
    largest = std::max(largest, one.item);
  }
  EXPECT_TRUE(popular.Load(largest + 1));
  const auto refused = popular.Load(largest);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDataLoss);
}

// A log without training watches.
TEST(PopularGenerator, LearnsNothingFromNothing) {
  const examples::World world(
      {.events = {examples::Shown("u", "a", 0), examples::Shown("u", "b", 1)},
       .split = {.kind = examples::SplitOptions::Kind::kNone}});
  for (const GeneratorEntry& entry : BuiltInGenerators()) {
    // What nobody watched is what new-items is for.
    if (entry.learner == nullptr || entry.name == "new-items") continue;
    EXPECT_TRUE(LearnedGenerator(world, entry.name).Candidates(features::UserState(), 10).empty())
        << entry.name;
  }
}

}  // namespace
}  // namespace upnext::retrieval
