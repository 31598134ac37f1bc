#include "store/state_cache.h"

#include <gtest/gtest.h>

#include "catalogue/test_log.h"
#include "features/feature_plan.h"
#include "schema/raw_event.h"

namespace upnext::store {
namespace {

// A log of one user who watched `items` items.
catalogue::TestLog LogOf(uint32_t items) {
  std::vector<schema::RawEvent> events;
  for (uint32_t i = 0; i < items; ++i) {
    events.push_back(catalogue::Watch("u", catalogue::Numbered("i", i), catalogue::Minutes(i), 50));
  }
  return {events, {}, {}};
}

std::shared_ptr<features::UserState> StateOf(const catalogue::TestLog& log) {
  auto state = std::make_shared<features::UserState>(features::FeaturePlan().state());
  for (const schema::Event& event : log.Events("u")) state->Apply(event, log.catalogue(), {});
  return state;
}

TEST(StateCache, FindsTheEntryThatWasPutLast) {
  StateCache cache(1 << 20);
  const auto one = StateOf(LogOf(1)), two = StateOf(LogOf(2));
  EXPECT_FALSE(cache.Find("u"));
  cache.Put("u", {.state = one, .through = 3, .unsaved = 1});
  cache.Put("u", {.state = two, .through = 4, .unsaved = 2});
  const auto found = cache.Find("u");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, two);
  EXPECT_EQ(found->through, 4u);
  EXPECT_EQ(found->unsaved, 2u);
  EXPECT_FALSE(cache.Find("v"));
  cache.Remove("v");
  cache.Remove("u");
  EXPECT_FALSE(cache.Find("u"));
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(StateCache, ItsBytesStayWithinTheBudgetAndRecentUsersStay) {
  constexpr size_t kBudget = 4 << 20;
  const auto small = StateOf(LogOf(2)), large = StateOf(LogOf(500));
  ASSERT_GT(large->MemoryBytes(), 10 * small->MemoryBytes());
  for (const auto& state : {small, large}) {
    StateCache cache(kBudget);
    const size_t fitting = kBudget / state->MemoryBytes();
    for (size_t i = 0; i < 3 * fitting; ++i) {
      cache.Put(fmt::format("user {}", i), {.state = state});
      ASSERT_TRUE(cache.Find("user 0")) << "used a moment ago, after " << i;
      ASSERT_LE(cache.bytes(), kBudget);
    }
    size_t there = 0;
    for (size_t i = 0; i < 3 * fitting; ++i) {
      there += cache.Find(fmt::format("user {}", i)) ? 1 : 0;
    }
    EXPECT_LE(there, fitting);
    EXPECT_GT(there, fitting / 2);
  }
}

TEST(StateCache, AStateBeyondTheBudgetIsKeptUntilTheNext) {
  StateCache cache(1);
  const auto state = StateOf(LogOf(500));
  cache.Put("u", {.state = state});
  EXPECT_TRUE(cache.Find("u"));
  for (int i = 0; i < 64; ++i) cache.Put(fmt::format("user {}", i), {.state = state});
  EXPECT_FALSE(cache.Find("u"));
}

}  // namespace
}  // namespace upnext::store
