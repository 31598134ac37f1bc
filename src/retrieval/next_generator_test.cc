#include "retrieval/next_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "examples/test_world.h"
#include "features/user_state.h"
#include "retrieval/test_generator.h"
#include "schema/event.h"
#include "schema/raw_event.h"

namespace upnext::retrieval {
namespace {

using examples::kHour;
using examples::World;
using schema::EventType;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// In order: rye, oat, rye, oat, pie of u1; rye, pie of u2; pie, rye of u3.
examples::WorldOptions Orders() {
  examples::WorldOptions options;
  const auto watch = [&](const std::string& user, const std::string& item, int hour) {
    options.events.push_back(examples::Watch(user, item, hour * kHour, 99));
  };
  int hour = 0;
  for (const char* item : {"rye", "oat", "rye", "oat", "pie"}) watch("u1", item, ++hour);
  for (const char* item : {"rye", "pie"}) watch("u2", item, ++hour);
  for (const char* item : {"pie", "rye", "rye"}) watch("u3", item, ++hour);
  // u1 buys pan and lid together, and a cup a day later; u2 pan, lid and cup; u3 a pan alone.
  const auto buy = [&](const std::string& user, const std::string& item, int64_t time) {
    schema::RawEvent event = examples::Watch(user, item, time, 0);
    event.type = EventType::kPurchase;
    event.value = schema::kAbsent;
    options.events.push_back(event);
  };
  constexpr int64_t kMinute = 60 * 1000;
  buy("u1", "pan", 0), buy("u1", "lid", 20 * kMinute), buy("u1", "cup", 24 * kHour);
  buy("u2", "pan", 0), buy("u2", "lid", 25 * kMinute), buy("u2", "cup", 50 * kMinute);
  buy("u3", "pan", 0);
  options.split = {.kind = examples::SplitOptions::Kind::kNone};
  return options;
}

class NextGeneratorTest : public testing::Test {
 protected:
  static std::vector<std::pair<std::string, float>> After(const World& world,
                                                          const LearnedGenerator& generator,
                                                          const std::string& item, size_t n = 10) {
    return generator.Propose(features::UserState(), n, {}, {.current_item = world.item(item)});
  }
  const World world_{Orders()};
};

TEST_F(NextGeneratorTest, NextIsWhatFollowedTheItemBeingWatchedMostOftenFirst) {
  const LearnedGenerator next(world_, "next");
  // After rye: oat twice, pie once; rye after rye is no next item.
  EXPECT_THAT(After(world_, next, "rye"),
              ElementsAre(Pair("oat", testing::FloatNear(2.0f / 3, 1e-6f)),
                          Pair("pie", testing::FloatNear(1.0f / 3, 1e-6f))));
  EXPECT_THAT(After(world_, next, "oat"), ElementsAre(Pair("pie", 0.5f), Pair("rye", 0.5f)));
  EXPECT_THAT(After(world_, next, "rye", 1), testing::SizeIs(1));
  EXPECT_THAT(After(world_, LearnedGenerator(world_, "next", "neighbours = 1"), "rye"),
              testing::SizeIs(1));
  EXPECT_THAT(next.Propose(StateAfter(world_, {"rye"}), 10), IsEmpty()) << "nothing is watched now";
}

TEST_F(NextGeneratorTest, BoughtTogetherIsWhatWasBoughtWithinHalfAnHourOfTheLastPurchase) {
  const LearnedGenerator together(world_, "bought-together");
  // Baskets: pan lid, cup; pan lid cup; pan.
  EXPECT_THAT(After(world_, together, "pan"),
              ElementsAre(Pair("lid", testing::FloatNear(2 / std::sqrt(6.0f), 1e-6f)),
                          Pair("cup", testing::FloatNear(1 / std::sqrt(6.0f), 1e-6f))));
  EXPECT_THAT(After(world_, together, "rye"), IsEmpty());
}

TEST_F(NextGeneratorTest, ReasonsNameTheItemAndTheVerbOfTheSite) {
  const LearnedGenerator next(world_, "next"), together(world_, "bought-together");
  const features::UserState state;
  const features::Context context{.current_item = world_.item("rye")};
  const Candidate candidate{world_.item("oat"), 1, world_.item("rye")};
  EXPECT_EQ(next.Reason(state, candidate, context), "often watched after rye");
  EXPECT_EQ(together.Reason(state, candidate, context), "bought together with rye");
  const SiteVerb read = SiteVerb::Of("read");
  EXPECT_EQ(next->Reason({world_.catalogue, state, schema::kNone, context, read}, candidate),
            "often read after rye");
  EXPECT_EQ(next->Like({world_.catalogue, world_.item("rye"), read})[0].reason, "read next");
  EXPECT_EQ(together->Like({world_.catalogue, world_.item("pan"), read})[0].reason,
            "bought together");
}

}  // namespace
}  // namespace upnext::retrieval
