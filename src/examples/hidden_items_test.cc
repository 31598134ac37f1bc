#include "examples/hidden_items.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "examples/test_world.h"
#include "features/feature_plan.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

using ::testing::ElementsAre;
using Verdict = features::FeedFilter::Verdict;

// u watched a in full and b in part, disliked c, gave d one star of five and e five, and saw f.
// g is removed. h is watched after the case.
WorldOptions OpinionatedUser() {
  WorldOptions options;
  options.events = {Watch("u", "a", 1, 60),
                    Watch("u", "b", 2, 1),
                    Raw("u", "c", 3, schema::EventType::kDislike),
                    Raw("u", "d", 4, schema::EventType::kRating, 1),
                    Raw("u", "e", 5, schema::EventType::kRating, 5),
                    Shown("u", "f", 6),
                    Watch("u", "h", 100, 60),
                    Watch("v", "g", 1, 60)};
  options.items.push_back({.item = "g", .removed = true});
  options.split = {.kind = SplitOptions::Kind::kTime,
                   .train_until_ms = kStart + 50,
                   .validation_until_ms = kStart + 50};
  return options;
}

std::vector<std::string> HiddenBy(const features::FeedRule& rule) {
  const World world(OpinionatedUser());
  base::ThreadPool pool(1);
  const HoldoutCase test = HoldoutCases(world.source, SplitPart::kTest, pool).front();
  const auto state =
      StateAt(world.source, test.user, test.end_row, features::FeaturePlan().state());
  const HiddenItems hidden(world.source, rule);
  const std::vector<uint32_t> items = hidden.Of(test, state);
  EXPECT_TRUE(std::ranges::is_sorted(items));
  std::vector<std::string> names;
  for (const uint32_t item : items) {
    EXPECT_NE(hidden.filter().Of(state, item), Verdict::kShown);
    names.push_back(world.catalogue.Name(schema::IdSpace::kItem, item));
  }
  std::ranges::sort(names);
  return names;
}

TEST(HiddenItems, AreThoseThatWereSeenDislikedOrRemovedBeforeTheCase) {
  EXPECT_THAT(HiddenBy({}), ElementsAre("a", "b", "c", "d", "g"));
}

TEST(HiddenItems, FollowTheKeysOfServing) {
  EXPECT_THAT(HiddenBy({.filter_seen = false}), ElementsAre("c", "d", "g"));
  EXPECT_THAT(HiddenBy({.filter_started = false}), ElementsAre("a", "c", "d", "g"));
  EXPECT_THAT(HiddenBy({.filter_disliked = false}), ElementsAre("a", "b", "g"));
  EXPECT_THAT(HiddenBy({.low_rating = 0.5f}), ElementsAre("a", "b", "c", "g"));
}

}  // namespace
}  // namespace upnext::examples
