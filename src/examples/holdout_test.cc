#include "examples/holdout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "examples/test_world.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

using ::testing::ElementsAre;

TEST(Holdout, LeaveOneOutGivesEachUsersLastTwoWatches) {
  WorldOptions options{
      .events = {Watch("u", "a", 0, 60), Watch("u", "b", 1, 60), Watch("u", "c", 2, 60),
                 Watch("u", "d", 3, 1), Watch("v", "a", 0, 60)},
      .split = {.kind = SplitOptions::Kind::kLeaveOneOut}};
  options.events[2].device = "tv";
  const World world(options);
  base::ThreadPool pool(1);
  const auto test = HoldoutCases(world.source, SplitPart::kTest, pool);
  ASSERT_EQ(test.size(), 1u);
  EXPECT_EQ(test[0].user, world.user("u"));
  EXPECT_THAT(test[0].targets, ElementsAre(world.item("c")));
  EXPECT_EQ(test[0].time_ms, kStart + 2);
  EXPECT_EQ(test[0].context.device, world.Id(schema::IdSpace::kDevice, "tv"));
  EXPECT_EQ(StateAt(world.source, test[0].user, test[0].end_row, features::FeaturePlan().state())
                .watches()
                .size(),
            2u);
  const auto validation = HoldoutCases(world.source, SplitPart::kValidation, pool);
  ASSERT_EQ(validation.size(), 1u);
  EXPECT_THAT(validation[0].targets, ElementsAre(world.item("b")));
}

TEST(Holdout, LeaveOneOutKeepsATargetThatWasWatchedBefore) {
  const World world(
      {.events = {Watch("u", "a", 0, 60), Watch("u", "b", 1, 60), Watch("u", "a", 2, 60)},
       .split = {.kind = SplitOptions::Kind::kLeaveOneOut}});
  base::ThreadPool pool(1);
  const auto test = HoldoutCases(world.source, SplitPart::kTest, pool);
  ASSERT_EQ(test.size(), 1u);
  EXPECT_THAT(test[0].targets, ElementsAre(world.item("a")));
}

TEST(Holdout, ByTimeTargetsAreTheItemsOfThePartAndTheStateIsThatOfItsFirstEvent) {
  const World world(
      {.events = {Watch("u", "a", 0, 60), Watch("u", "half", 1, 1),
                  // The part: first an impression, then watches.
                  Shown("u", "x", 100), Watch("u", "c", 101, 60), Watch("u", "a", 102, 60),
                  Watch("u", "half", 103, 60), Watch("u", "b", 104, 60), Watch("u", "c", 105, 60),
                  Watch("u", "partial", 106, 1),
                  // What was watched before is a target too.
                  Watch("v", "a", 0, 60), Watch("v", "a", 100, 60),
                  // Nothing in the part: no case.
                  Watch("w", "a", 0, 60)},
       .split = {.kind = SplitOptions::Kind::kTime,
                 .train_until_ms = kStart + 50,
                 .validation_until_ms = kStart + 50}});
  base::ThreadPool pool(1);
  EXPECT_TRUE(HoldoutCases(world.source, SplitPart::kValidation, pool).empty());
  const auto test = HoldoutCases(world.source, SplitPart::kTest, pool);
  ASSERT_EQ(test.size(), 2u);
  EXPECT_EQ(test[0].user, world.user("u"));
  EXPECT_THAT(test[0].targets,
              ElementsAre(world.item("c"), world.item("a"), world.item("half"), world.item("b")));
  EXPECT_EQ(test[1].user, world.user("v"));
  EXPECT_THAT(test[1].targets, ElementsAre(world.item("a")));
  EXPECT_EQ(test[0].end_row, world.log.begin(test[0].user) + 2);
  EXPECT_EQ(test[0].time_ms, kStart + 100);
  EXPECT_EQ(test[0].context.time_ms, kStart + 100);
}

TEST(Holdout, ByTimeTheLastOrEachWatchOfThePartMayBeTheTarget) {
  WorldOptions options{
      .events = {Watch("u", "a", 0, 60), Watch("u", "b", 100, 60), Shown("u", "x", 101),
                 Watch("u", "c", 102, 60), Watch("u", "partial", 103, 1), Watch("u", "b", 104, 60),
                 Shown("u", "x", 105), Watch("v", "a", 0, 60)},
      .split = {.kind = SplitOptions::Kind::kTime,
                .train_until_ms = kStart + 50,
                .validation_until_ms = kStart + 50}};
  options.events[3].device = "tv";
  const World world(options);
  base::ThreadPool pool(1);
  const auto cases = [&](HoldoutTargets targets) {
    return HoldoutCases(world.source, SplitPart::kTest, pool, targets);
  };
  const auto last = cases(HoldoutTargets::kLast), each = cases(HoldoutTargets::kSuccessive);
  ASSERT_EQ(last.size(), 1u);
  EXPECT_THAT(last[0].targets, ElementsAre(world.item("b")));
  EXPECT_EQ(last[0].end_row, world.log.begin(world.user("u")) + 5);
  ASSERT_EQ(each.size(), 3u);
  EXPECT_THAT(each[0].targets, ElementsAre(world.item("b")));
  EXPECT_THAT(each[1].targets, ElementsAre(world.item("c")));
  EXPECT_EQ(each[1].time_ms, kStart + 102);
  EXPECT_EQ(each[1].context.device, world.Id(schema::IdSpace::kDevice, "tv"));
  EXPECT_EQ(StateAt(world.source, each[1].user, each[1].end_row, features::FeaturePlan().state())
                .watches()
                .size(),
            2u)
      << "that of the part before it is known";
  EXPECT_THAT(each[2].targets, last[0].targets);
  EXPECT_EQ(each[2].end_row, last[0].end_row);
}

TEST(Holdout, TR03_NoCaseKnowsAnythingOfItsPart) {
  WorldOptions options = RandomWorld(31, /*users=*/40, /*items=*/300, 600);
  options.split.train_until_ms = kStart + 6 * kDay;
  options.split.validation_until_ms = kStart + 8 * kDay;
  const World world(options);
  base::ThreadPool one(1), three(3);
  for (const SplitPart part : {SplitPart::kValidation, SplitPart::kTest}) {
    const auto cases = HoldoutCases(world.source, part, one);
    const auto again = HoldoutCases(world.source, part, three);
    ASSERT_GT(cases.size(), 3u);
    ASSERT_EQ(cases.size(), again.size());
    for (size_t i = 0; i < cases.size(); ++i) {
      const HoldoutCase& c = cases[i];
      EXPECT_EQ(c.user, again[i].user);
      EXPECT_EQ(c.targets, again[i].targets);
      EXPECT_EQ(c.end_row, world.split.rows(world.log, c.user, part).begin);
      const features::UserState state =
          StateAt(world.source, c.user, c.end_row, features::FeaturePlan().state());
      EXPECT_LE(state.totals().last_ms, c.time_ms);
      EXPECT_EQ(std::set<uint32_t>(c.targets.begin(), c.targets.end()).size(), c.targets.size());
    }
  }
}

}  // namespace
}  // namespace upnext::examples
