#include "simulator/value.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <initializer_list>
#include <vector>

#include "base/thread_pool.h"
#include "simulator/live.h"
#include "simulator/log_writer.h"
#include "simulator/policies.h"
#include "simulator/policy.h"
#include "simulator/test_world.h"

namespace upnext::simulator {
namespace {

WorldOptions ValueWorld() {
  WorldOptions options;
  options.users = 1500;
  options.items = 800;
  options.days = 6;
  return options;
}

UserValues ValuesOf(const World& world, Recommender& recommender,
                    const UserSimulatorOptions& options) {
  UserValues values(world.options().users);
  base::ThreadPool pool(2);
  const Status ran = SimulateUsers(world, recommender, options, pool, base::NoProgress(),
                                   [&](const UserRows& rows) {
                                     values.Add(rows);
                                     return Ok();
                                   });
  EXPECT_TRUE(ran);
  return values;
}

TEST(Value, AnOracleIsBestRandomIsWorstAndTheLoggingPoliciesStandBetweenInOrder) {
  const WorldOptions options = ValueWorld();
  const World world = MakeWorld(options);
  OraclePolicy oracle(world);
  LoggingPolicy mixture(world);
  PopularityPolicy popularity(world, options.policy.random_share);
  RandomPolicy random(world);
  std::vector<UserValues> values;
  for (Recommender* policy :
       std::initializer_list<Recommender*>{&oracle, &mixture, &popularity, &random}) {
    values.push_back(ValuesOf(world, *policy, {.truth = true}));
    RecordProperty(
        fmt::format("policy_{}", values.size()),
        fmt::format("{:.3f} clicks, {:.1f} s a slate", PerSlate(values.back(), &Value::clicks).mean,
                    PerSlate(values.back(), &Value::watch_s).mean));
  }
  for (size_t i = 1; i < values.size(); ++i) {
    const Estimate more = Difference(values[i - 1], values[i], &Value::watch_s);
    EXPECT_GT(more.mean, 4 * more.error) << i;
  }
}

TEST(Value, WhatIsSeenScattersAroundWhatIsTrue) {
  const World world = MakeWorld(ValueWorld());
  LoggingPolicy policy(world);
  const UserValues values = ValuesOf(world, policy, {.truth = true});
  Value total;
  std::vector<double> clicks, seconds;
  for (const Value& user : values.users()) {
    total += user;
    clicks.push_back(user.seen_clicks - user.clicks);
    seconds.push_back(user.seen_watch_s - user.watch_s);
  }
  for (const std::vector<double>& off : {clicks, seconds}) {
    double sum = 0, squares = 0;
    for (double x : off) sum += x, squares += x * x;
    // Users differ in how much they come; clicks are many, so the sum is about normal.
    EXPECT_LT(std::abs(sum), 3.5 * std::sqrt(squares));
    EXPECT_GT(squares, 0);
  }
  EXPECT_GT(total.seen_clicks, 3000);
}

TEST(Value, CommonRandomNumbersMakeDifferencesSharper) {
  WorldOptions options = ValueWorld();
  const World world = MakeWorld(options);
  LoggingPolicy policy(world);
  // The same policy with a little random traffic more: most slates stay as they were.
  options.policy.random_share += 0.1;
  const World other_world = MakeWorld(options);
  LoggingPolicy other(other_world);
  const UserValues base = ValuesOf(world, policy, {});
  const Estimate common = Difference(ValuesOf(world, other, {}), base, &Value::seen_clicks);
  const Estimate apart =
      Difference(ValuesOf(world, other, {.stream = 1}), base, &Value::seen_clicks);
  EXPECT_LT(common.error, 0.8 * apart.error);
  EXPECT_LT(common.mean, 0);
  const Estimate none = Difference(ValuesOf(world, policy, {}), base, &Value::seen_clicks);
  EXPECT_EQ(none.mean, 0);
  EXPECT_EQ(none.error, 0);
}

// Two identical policies on disjoint users of one site: at a level of 5 %, a difference in clicks
// per slate is called significant in about 5 % of cases. 50 worlds, 4 pairs of arms in each.
TEST(Value, IdenticalPoliciesDifferSignificantlyAsOftenAsTheLevelSays) {
  constexpr uint32_t kSeeds = 50, kArms = 8;
  int tests = 0, significant = 0;
  base::ThreadPool pool(2);
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    WorldOptions options;
    options.users = 2400;
    options.items = 300;
    options.days = 3;
    options.seed = seed;
    const World world = MakeWorld(options);
    std::vector<LoggingPolicy> policies(kArms, LoggingPolicy(world));
    std::vector<UserValues> arms(kArms, UserValues(options.users));
    LiveSite site(world, {});
    for (int day = 0; day < options.days; ++day) {
      ASSERT_TRUE(site.RunDay(
          day, pool, [&](uint32_t user) { return &policies[user % kArms]; },
          [&](const UserRows& rows) {
            arms[rows.rows.front().user % kArms].Add(rows);
            return Ok();
          }));
    }
    for (uint32_t arm = 0; arm < kArms; arm += 2) {
      const Estimate off = Difference(arms[arm], arms[arm + 1], &Value::seen_clicks);
      ASSERT_GT(off.error, 0);
      ++tests;
      significant += std::abs(off.mean) > 1.96 * off.error;
    }
  }
  const double share = static_cast<double>(significant) / tests;
  EXPECT_GT(share, 0.02);
  EXPECT_LT(share, 0.09);
  RecordProperty("tests", tests);
  RecordProperty("significant", significant);
}

}  // namespace
}  // namespace upnext::simulator
