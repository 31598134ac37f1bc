#include "retrieval/new_item_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "base/clock.h"
#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<uint32_t> Ids(const std::vector<ScoredItem>& list) {
  std::vector<uint32_t> ids;
  for (const ScoredItem& one : list) ids.push_back(one.item);
  return ids;
}

schema::Item Of(int64_t day, std::span<const uint32_t> topics, uint32_t channel = schema::kNone) {
  return {.created_ms = day * base::kDayMs, .channel = channel, .topics = topics, .title = {}};
}

TEST(NewItemLists, AreByTopicAndChannelNewestFirst) {
  constexpr std::array<uint32_t, 2> kBoth = {3, 4};
  constexpr std::array<uint32_t, 1> kOne = {4};
  NewItemLists lists;
  lists.Set(10, Of(5, kBoth, 7));
  lists.Set(11, Of(9, kOne));
  lists.Set(12, {.topics = kOne, .title = {}});
  EXPECT_THAT(Ids(lists.OfTopic(4, 9)), ElementsAre(11, 10, 12));
  EXPECT_THAT(Ids(lists.OfTopic(3, 9)), ElementsAre(10));
  EXPECT_THAT(Ids(lists.OfChannel(7, 9)), ElementsAre(10));
  EXPECT_THAT(Ids(lists.OfChannel(4, 9)), IsEmpty()) << "a topic";
  EXPECT_THAT(Ids(lists.OfAll(2)), ElementsAre(11, 10));
  EXPECT_EQ(lists.OfAll(1)[0].score, 9);
}

TEST(NewItemLists, AnItemIsOnlyWhereItsLastAttributesAre) {
  constexpr std::array<uint32_t, 1> kOld = {3}, kNew = {4};
  NewItemLists lists;
  lists.Set(10, Of(5, kOld, 7));
  lists.Set(10, Of(6, kNew));
  EXPECT_THAT(Ids(lists.OfTopic(3, 9)), IsEmpty());
  EXPECT_THAT(Ids(lists.OfChannel(7, 9)), IsEmpty());
  EXPECT_THAT(Ids(lists.OfTopic(4, 9)), ElementsAre(10));
  lists.Remove(10);
  lists.Remove(11);
  EXPECT_THAT(Ids(lists.OfTopic(4, 9)), IsEmpty());
  EXPECT_THAT(Ids(lists.OfAll(9)), IsEmpty());
}

// What was posted comes before the bundle's items of the same topic, in turn with them.
TEST(NewItemLists, AreProposedWithTheItemsOfTheBundle) {
  const auto item = [](const char* name, const char* topic) {
    schema::RawItem raw = examples::Item(name, 60, "", {topic});
    raw.created_ms = examples::kStart;
    return raw;
  };
  const examples::World world({.events = {examples::Watch("u", "rye", 0, 60)},
                               .items = {item("rye", "bread"), item("oat", "bread"),
                                         item("bun", "bread"), item("cup", "sport")},
                               .split = {.kind = examples::SplitOptions::Kind::kNone}});
  const LearnedGenerator generator(world, "new-items");
  NewItemLists posted;
  const uint32_t bread = world.Id(schema::IdSpace::kTopic, "bread");
  schema::Item attributes{
      .created_ms = examples::kStart + examples::kDay, .topics = {&bread, 1}, .title = {}};
  const uint32_t later = 90, again = world.item("oat");
  posted.Set(later, attributes);
  posted.Set(again, attributes);  // of the bundle too
  const auto propose = [&](const features::UserState& state, int day) {
    const features::Context context{.time_ms = examples::kStart + day * examples::kDay};
    std::vector<Candidate> found;
    EXPECT_TRUE(generator->Propose({.catalogue = world.catalogue,
                                    .state = state,
                                    .user = schema::kNone,
                                    .context = context,
                                    .posted = &posted},
                                   10, {}, &found));
    std::vector<uint32_t> ids;
    for (const Candidate& one : found) ids.push_back(one.item);
    return ids;
  };
  EXPECT_THAT(propose(StateAfter(world, {"rye"}), 2), ElementsAre(later, again, world.item("bun")));
  EXPECT_THAT(propose(features::UserState(), 2),
              testing::UnorderedElementsAre(later, again, world.item("bun"), world.item("cup")))
      << "each once";
  EXPECT_EQ(propose(features::UserState(), 2).front(), later);
}

}  // namespace
}  // namespace upnext::retrieval
