#include "retrieval/new_items_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "schema/event.h"
#include "schema/raw_event.h"

namespace upnext::retrieval {
namespace {

using examples::kDay;
using examples::World;
using testing::ElementsAre;

schema::RawItem NewItem(std::string name, std::vector<std::string> topics, std::string channel,
                        int created_day) {
  schema::RawItem item;
  item.item = std::move(name);
  item.topics = std::move(topics);
  item.channel = std::move(channel);
  item.created_ms = examples::kStart + created_day * kDay;
  return item;
}

// Watched: rye (bread, of anna) and goal (sport). Not watched: the others.
examples::WorldOptions NewOnes() {
  examples::WorldOptions options;
  options.items = {NewItem("rye", {"bread"}, "anna", 0), NewItem("goal", {"sport"}, "bert", 0),
                   NewItem("oat", {"bread"}, "carl", 1), NewItem("bun", {"bread"}, "carl", 3),
                   NewItem("talk", {"life"}, "anna", 2), NewItem("cup", {"sport"}, "bert", 5),
                   NewItem("gone", {"bread"}, "anna", 9)};
  options.items.back().removed = true;
  for (const char* user : {"u1", "u2"}) {
    for (const char* item : {"rye", "goal"}) {
      options.events.push_back(examples::Watch(user, item, 6 * kDay, 99));
    }
  }
  options.split = {.kind = examples::SplitOptions::Kind::kNone};
  return options;
}

class NewItemsGeneratorTest : public testing::Test {
 protected:
  std::vector<std::string> Names(const features::UserState& state, size_t n = 10,
                                 const std::string& watching = "", int day = 10) const {
    std::vector<std::string> names;
    features::Context context{.time_ms = examples::kStart + day * kDay};
    if (!watching.empty()) context.current_item = world_.item(watching);
    for (const auto& [name, score] : generator_.Propose(state, n, {}, context)) {
      names.push_back(name);
    }
    return names;
  }
  const World world_{NewOnes()};
  const LearnedGenerator generator_{world_, "new-items"};
};

TEST_F(NewItemsGeneratorTest, ProposesUnwatchedItemsOfTheTopicsAndChannelsOfTheUserInTurn) {
  EXPECT_THAT(Names(StateAfter(world_, {"rye"})), ElementsAre("bun", "talk", "oat"));
  EXPECT_THAT(Names(StateAfter(world_, {"goal", "rye"})), ElementsAre("bun", "talk", "cup", "oat"));
  EXPECT_THAT(Names(StateAfter(world_, {"rye"}), 10, "goal"),
              ElementsAre("cup", "bun", "talk", "oat"));
  EXPECT_THAT(Names(StateAfter(world_, {"rye"}), 2), ElementsAre("bun", "talk"));
}

TEST_F(NewItemsGeneratorTest, ProposesTheNewestOfAllToAUserWithoutAWatch) {
  EXPECT_THAT(Names(features::UserState()), ElementsAre("cup", "bun", "talk", "oat"));
}

TEST_F(NewItemsGeneratorTest, LeavesOutWhatIsCreatedAfterTheRequest) {
  EXPECT_THAT(Names(features::UserState(), 10, "", 4), ElementsAre("bun", "talk", "oat"));
  EXPECT_THAT(Names(StateAfter(world_, {"goal", "rye"}), 10, "", 2), ElementsAre("oat", "talk"));
}

TEST_F(NewItemsGeneratorTest, ReasonsNameTheItemWhoseTopicOrChannelItShares) {
  const features::UserState state = StateAfter(world_, {"rye"});
  const features::Context later{.time_ms = examples::kStart + 10 * kDay};
  const auto candidates = generator_.Candidates(state, 1, {}, later);
  ASSERT_EQ(candidates.size(), 1u);
  EXPECT_EQ(candidates[0].from, world_.item("rye"));
  EXPECT_EQ(generator_.Reason(state, candidates[0]), "new, on a topic or of the channel of rye");
  EXPECT_EQ(generator_.Reason({}, generator_.Candidates({}, 1, {}, later)[0]), "new");
}

TEST_F(NewItemsGeneratorTest, ASmallNumberOfThemIsAskedForByDefault) {
  EXPECT_EQ(EntryOf("new-items").candidates, 10u);
}

}  // namespace
}  // namespace upnext::retrieval
