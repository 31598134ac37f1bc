#include "retrieval/category_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/file.h"
#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "schema/raw_event.h"

namespace upnext::retrieval {
namespace {

using examples::kDay;
using examples::World;

schema::RawItem Item(std::string name, std::vector<std::string> topics) {
  schema::RawItem item;
  item.item = std::move(name);
  item.topics = std::move(topics);
  return item;
}

// Bread: rye, oat, and pie, which is of two topics; sport: goal. Oat was watched most, long ago.
examples::WorldOptions Topics() {
  examples::WorldOptions options;
  options.items = {Item("rye", {"bread"}), Item("oat", {"bread"}), Item("pie", {"bread", "sweet"}),
                   Item("cake", {"sweet"}), Item("goal", {"sport"})};
  for (int user = 0; user < 8; ++user) {
    const std::string name = fmt::format("u{}", user);
    if (user < 4) options.events.push_back(examples::Watch(name, "oat", user, 99));
    const auto day = [&](int n) { return n * kDay + user; };
    if (user < 2) options.events.push_back(examples::Watch(name, "rye", day(14), 99));
    if (user < 3) options.events.push_back(examples::Watch(name, "pie", day(14), 99));
    if (user < 1) options.events.push_back(examples::Watch(name, "cake", day(14), 99));
    options.events.push_back(examples::Watch(name, "goal", day(14), 99));
  }
  options.split = {.kind = examples::SplitOptions::Kind::kNone};
  return options;
}

class CategoryGeneratorTest : public testing::Test {
 protected:
  std::vector<std::string> Names(const LearnedGenerator& generator,
                                 const features::UserState& state, size_t n = 10) const {
    std::vector<std::string> names;
    for (const auto& [name, score] : generator.Propose(state, n)) names.push_back(name);
    return names;
  }
  const World world_{Topics()};
};

TEST_F(CategoryGeneratorTest, ProposesItemsOfTheTopicsOfTheNewestWatchesByDecayedPopularity) {
  const LearnedGenerator topic(world_, "topic");  // halves in 7 days: oat's 4 are 1 by now
  const features::UserState state = StateAfter(world_, {"rye"});
  EXPECT_THAT(Names(topic, state), testing::ElementsAre("pie", "rye", "oat"));
  const auto scores = topic.Propose(state, 10);
  EXPECT_NEAR(scores[0].second, 3, 1e-4);
  EXPECT_NEAR(scores[1].second, 2, 1e-4);
  EXPECT_NEAR(scores[2].second, 1, 1e-4);
  EXPECT_THAT(Names(topic, state, 2), testing::ElementsAre("pie", "rye"));
  // Of two topics; what is in both is proposed once.
  EXPECT_THAT(Names(topic, StateAfter(world_, {"pie"})),
              testing::ElementsAre("pie", "rye", "oat", "cake"));
  EXPECT_THAT(Names(topic, features::UserState()), testing::IsEmpty());
}

TEST_F(CategoryGeneratorTest, ALongHalfLifeCountsOldWatchesInFull) {
  const LearnedGenerator topic(world_, "topic", "half_life_days = 10_000");
  EXPECT_THAT(Names(topic, StateAfter(world_, {"rye"})), testing::ElementsAre("oat", "pie", "rye"));
}

TEST_F(CategoryGeneratorTest, OnlyTheTenNewestWatchesAndTheItemBeingWatchedCount) {
  const LearnedGenerator topic(world_, "topic");
  std::vector<std::string> watches(10, "rye");
  watches.insert(watches.begin(), "goal");
  const features::UserState state = StateAfter(world_, watches);
  EXPECT_THAT(Names(topic, state), testing::Not(testing::Contains("goal")));
  const auto watching = topic.Propose(state, 10, {}, {.current_item = world_.item("goal")});
  EXPECT_EQ(watching[0].first, "goal");
}

TEST_F(CategoryGeneratorTest, ACandidateComesFromTheNewestWatchThatSharesATopic) {
  const LearnedGenerator topic(world_, "topic");
  for (const auto& [watches, from] : {std::pair{std::vector<std::string>{"pie", "rye"}, "rye"},
                                      std::pair{std::vector<std::string>{"rye", "pie"}, "pie"}}) {
    const features::UserState state = StateAfter(world_, watches);
    for (const Candidate& candidate : topic.Candidates(state, 10)) {
      const bool sweet = candidate.item == world_.item("cake");
      EXPECT_EQ(candidate.from, world_.item(sweet ? "pie" : from));
      EXPECT_EQ(topic.Reason(state, candidate),
                fmt::format("on a topic of {}", sweet ? "pie" : from));
    }
  }
}

TEST_F(CategoryGeneratorTest, TheNextBestTakesThePlaceOfAnItemThatIsLeftOut) {
  const LearnedGenerator topic(world_, "topic");
  auto not_pie = [&](uint32_t item) { return item != world_.item("pie"); };
  const auto proposed = topic.Propose(StateAfter(world_, {"pie"}), 2, ItemFilter(not_pie));
  ASSERT_EQ(proposed.size(), 2u);
  EXPECT_EQ(proposed[0].first, "rye");
  EXPECT_EQ(proposed[1].first, "oat");
}

TEST_F(CategoryGeneratorTest, CG25_ProposesItemsOfTheUsersTopicsAlone) {
  const LearnedGenerator topic(world_, "topic");
  EXPECT_THAT(Names(topic, StateAfter(world_, {"goal"})), testing::ElementsAre("goal"));
  EXPECT_THAT(Names(topic, StateAfter(world_, {"cake"})), testing::ElementsAre("pie", "cake"));
}

// Rye and goal are of one channel, oat of another.
World WithChannels() {
  examples::WorldOptions options = Topics();
  options.items[0].channel = options.items[4].channel = "anna";
  options.items[1].channel = "ben";
  return World(options);
}

TEST_F(CategoryGeneratorTest, ProposesItemsOfTheChannelsOfTheNewestWatches) {
  const World world = WithChannels();
  const LearnedGenerator channel(world, "same-channel");
  const features::UserState state = StateAfter(world, {"oat", "rye"});
  EXPECT_THAT(Names(channel, state), testing::ElementsAre("goal", "rye", "oat"));
  const std::vector<Candidate> proposed = channel.Candidates(state, 10);
  EXPECT_EQ(channel.Reason(state, proposed[0]), "of the channel of rye");
  EXPECT_EQ(proposed[2].from, world.item("oat"));
  EXPECT_THAT(Names(channel, StateAfter(world, {"pie"})), testing::IsEmpty())
      << "it has no channel";
}

TEST_F(CategoryGeneratorTest, ItemsLikeAnItemAreThoseOfItsTopicsOrOfItsChannel) {
  const World world = WithChannels();
  const auto like = [&](const char* generator) {
    const LearnedGenerator learned(world, generator);
    std::vector<std::string> said;
    for (const ItemsLike& list : learned->Like({world.catalogue, world.item("rye")})) {
      said.push_back(list.reason);
      for (const ScoredItem& one : list.items) {
        said.push_back(world.catalogue.Name(schema::IdSpace::kItem, one.item));
      }
    }
    return said;
  };
  EXPECT_THAT(like("topic"),
              testing::ElementsAre("popular on the same topic", "pie", "rye", "oat"));
  EXPECT_THAT(like("same-channel"),
              testing::ElementsAre("popular on the same channel", "goal", "rye"));
}

TEST_F(CategoryGeneratorTest, RefusesWhatTheLearnerDidNotWrite) {
  const LearnedGenerator topic(world_, "topic");
  const auto refused = [&](const std::vector<uint64_t>& offsets) {
    EXPECT_TRUE(base::RemoveAll(topic.path()));
    auto writer = base::SectionWriter::Create(topic.path(), "generator", 3);
    const std::vector<ScoredItem> list = {{0, 2}, {1, 1}};
    EXPECT_TRUE(SaveScoredLists(*writer, "category", {offsets, list}) && writer->Commit());
    const auto loaded = topic.Load(world_.log.items());
    EXPECT_TRUE(loaded || loaded.error().code == Code::kDataLoss);
    return !loaded;
  };
  EXPECT_FALSE(refused({0, 1, 2}));
  EXPECT_TRUE(refused({0, 1, 3}));
  EXPECT_TRUE(refused({1, 1, 2}));
  EXPECT_TRUE(refused({0, 2, 1, 2}));
  EXPECT_TRUE(refused({}));
}

}  // namespace
}  // namespace upnext::retrieval
