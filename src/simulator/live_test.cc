#include "simulator/live.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "schema/event.h"
#include "simulator/log_writer.h"
#include "simulator/policies.h"
#include "simulator/policy.h"
#include "simulator/test_world.h"

namespace upnext::simulator {
namespace {

WorldOptions LiveWorld() {
  WorldOptions options;
  options.users = 300;
  options.items = 800;
  options.days = 6;
  return options;
}

bool Same(const LogRow& a, const LogRow& b) {
  const auto same = [](float x, float y) { return x == y || (std::isnan(x) && std::isnan(y)); };
  return a.time_ms == b.time_ms && a.user == b.user && a.item == b.item &&
         a.current_item == b.current_item && a.request == b.request && a.position == b.position &&
         a.type == b.type && a.source == b.source && a.device == b.device && a.region == b.region &&
         a.off_site == b.off_site && a.examined == b.examined && same(a.value, b.value) &&
         a.propensity == b.propensity && a.click_probability == b.click_probability &&
         same(a.examination, b.examination) && same(a.expected_watch_s, b.expected_watch_s) &&
         same(a.satisfaction, b.satisfaction);
}

using RowsOfUsers = std::map<uint32_t, std::vector<LogRow>>;

void Append(const UserRows& rows, RowsOfUsers& out) {
  if (rows.rows.empty()) return;
  std::vector<LogRow>& user = out[rows.rows.front().user];
  user.insert(user.end(), rows.rows.begin(), rows.rows.end());
}

RowsOfUsers Live(const World& world, Recommender& recommender, const UserSimulatorOptions& options,
                 int threads) {
  LiveSite site(world, options);
  base::ThreadPool pool(threads);
  RowsOfUsers out;
  for (int day = 0; day < world.options().days; ++day) {
    const Status ran = site.RunDay(
        day, pool, [&](uint32_t) { return &recommender; },
        [&](const UserRows& rows) {
          Append(rows, out);
          return Ok();
        });
    EXPECT_TRUE(ran) << ran.error().message;
  }
  return out;
}

void ExpectSame(const RowsOfUsers& a, const RowsOfUsers& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [user, rows] : a) {
    ASSERT_TRUE(b.contains(user));
    EXPECT_TRUE(std::ranges::equal(rows, b.at(user), Same)) << "user " << user;
  }
}

TEST(ShownBy, OnlyASourceWithANameKeepsItsScore) {
  const ShownItem named = ShownBy("co-watch", 7, 0.5, 31.5f);
  EXPECT_EQ(kSourceNames[static_cast<size_t>(named.source)], "co-watch");
  EXPECT_EQ(named.item, 7u);
  EXPECT_EQ(named.propensity, 0.5);
  EXPECT_EQ(named.source_score, 31.5f);
  for (const char* unknown : {"of-this-site", ""}) {
    const ShownItem shown = ShownBy(unknown, 7, 0.5, 31.5f);
    EXPECT_EQ(shown.source, Source::kEngine);
    EXPECT_EQ(shown.propensity, 0.5);
    EXPECT_TRUE(std::isnan(shown.source_score)) << "scores of several units have no common scale";
  }
}

TEST(LiveSite, DayByDayUsersDoWhatTheyDoInTheLog) {
  const World world = MakeWorld(LiveWorld());
  LoggingPolicy policy(world);
  const RowsOfUsers live = Live(world, policy, {.truth = true}, 2);
  RowsOfUsers log;
  base::ThreadPool pool(2);
  ASSERT_TRUE(SimulateUsers(world, policy, {.truth = true}, pool, base::NoProgress(),
                            [&](const UserRows& rows) {
                              Append(rows, log);
                              return Ok();
                            }));
  EXPECT_GT(live.size(), 200u);
  ExpectSame(live, log);
}

TEST(LiveSite, TheNumberOfThreadsChangesNothing) {
  const World world = MakeWorld(LiveWorld());
  PopularityPolicy policy(world, 0.2);
  ExpectSame(Live(world, policy, {}, 1), Live(world, policy, {}, 3));
}

// Shows the slate of another policy in reverse order.
class Reversed : public Recommender {
 public:
  explicit Reversed(Recommender& inner) : inner_(inner) {}
  Status Recommend(const SlateRequest& request, base::Rng& rng,
                   std::vector<ShownItem>& slate) override {
    UPNEXT_RETURN_IF_ERROR(inner_.Recommend(request, rng, slate));
    std::ranges::reverse(slate);
    return Ok();
  }
  Status Observe(const UserRows& rows) override { return inner_.Observe(rows); }

 private:
  Recommender& inner_;
};

struct Reactions {
  int compared = 0, torn = 0;  // torn: examined at a low position, but not at a high one
  std::set<std::pair<uint32_t, int64_t>> first_requests;
};

// The first slates of users, in order and reversed: a user who examines an item at a low position
// must examine it at a higher one.
Reactions Compare(const RowsOfUsers& straight, const RowsOfUsers& reversed) {
  Reactions found;
  for (const auto& [user, rows] : straight) {
    if (!reversed.contains(user)) continue;
    std::map<uint32_t, LogRow> first;
    for (const LogRow& row : rows) {
      if (row.type == schema::EventType::kImpression && row.request == 1) first[row.item] = row;
    }
    for (const LogRow& row : reversed.at(user)) {
      if (row.type != schema::EventType::kImpression || row.request != 1) continue;
      const auto other = first.find(row.item);
      if (other == first.end()) continue;
      ++found.compared;
      const bool higher = row.position < other->second.position;
      const LogRow& high = higher ? row : other->second;
      const LogRow& low = higher ? other->second : row;
      found.torn += low.examined && !high.examined;
    }
  }
  return found;
}

TEST(LiveSite, OneItemAtOneVisitGetsOneReactionUnderAnyPolicy) {
  const World world = MakeWorld(LiveWorld());
  PopularityPolicy policy(world);
  Reversed reversed(policy);
  const RowsOfUsers straight = Live(world, policy, {}, 2);
  const Reactions common = Compare(straight, Live(world, reversed, {}, 2));
  EXPECT_GT(common.compared, 1000);
  EXPECT_EQ(common.torn, 0);
  // With other random numbers many differ: the test can fail.
  const Reactions other = Compare(straight, Live(world, reversed, {.stream = 1}, 2));
  EXPECT_GT(other.torn, common.compared / 50);
}

TEST(LiveSite, SessionsStartAtTheSameTimesUnderAnyPolicy) {
  const World world = MakeWorld(LiveWorld());
  RandomPolicy random(world);
  OraclePolicy oracle(world);
  const RowsOfUsers a = Live(world, random, {}, 2), b = Live(world, oracle, {}, 2);
  size_t same = 0;
  for (const auto& [user, rows] : a) {
    if (!b.contains(user)) continue;
    EXPECT_EQ(rows.front().time_ms, b.at(user).front().time_ms);
    EXPECT_EQ(rows.front().device, b.at(user).front().device);
    same += rows.front().item == b.at(user).front().item;
  }
  EXPECT_LT(same, a.size() / 2);  // the policies do differ
}

// Records what it observes, and when it is called.
class Recorder : public Recommender {
 public:
  explicit Recorder(const World& world) : inner_(world), users_(world.options().users) {}
  struct User {
    std::vector<LogRow> told;
    std::vector<size_t> told_before_asked;
  };
  Status Recommend(const SlateRequest& request, base::Rng& rng,
                   std::vector<ShownItem>& slate) override {
    User& user = users_[request.user.id];
    user.told_before_asked.push_back(user.told.size());
    EXPECT_EQ(request.number, user.told_before_asked.size());
    return inner_.Recommend(request, rng, slate);
  }
  Status Observe(const UserRows& rows) override {
    EXPECT_FALSE(rows.rows.empty());
    for (const LogRow& row : rows.rows) {
      users_[row.user].told.push_back(row);
      EXPECT_TRUE(row.query == kNoQuery || row.query < rows.queries.size());
    }
    return Ok();
  }
  const std::vector<User>& users() const { return users_; }

 private:
  RandomPolicy inner_;
  std::vector<User> users_;
};

TEST(LiveSite, TheRecommenderObservesEverythingOnceBeforeTheNextRequest) {
  const World world = MakeWorld(LiveWorld());
  Recorder recorder(world);
  const RowsOfUsers rows = Live(world, recorder, {}, 2);
  for (const auto& [id, taken] : rows) {
    const Recorder::User& user = recorder.users()[id];
    ASSERT_TRUE(std::ranges::equal(user.told, taken, Same));
    // When called for request n, it has observed all rows of requests before n.
    for (size_t n = 1; n < user.told_before_asked.size(); ++n) {
      const auto later =
          std::ranges::find_if(taken, [&](const LogRow& row) { return row.request == n + 1; });
      EXPECT_EQ(user.told_before_asked[n], static_cast<size_t>(later - taken.begin()));
    }
  }
}

// Returns a fixed slate.
class Fixed : public Recommender {
 public:
  explicit Fixed(Result<std::vector<ShownItem>> answer) : answer_(std::move(answer)) {}
  Status Recommend(const SlateRequest&, base::Rng&, std::vector<ShownItem>& slate) override {
    if (!answer_) return std::unexpected(answer_.error());
    slate = *answer_;
    return Ok();
  }
  Status Observe(const UserRows&) override { return Ok(); }

 private:
  Result<std::vector<ShownItem>> answer_;
};

TEST(LiveSite, ErrorsAreReturnedAndImpossibleSlatesAreRefused) {
  const World world = MakeWorld(LiveWorld());
  base::ThreadPool pool(2);
  const auto code_of = [&](Result<std::vector<ShownItem>> answer) {
    Fixed fixed(std::move(answer));
    LiveSite site(world, {});
    const auto run = [&](int day) {
      const Status ran = site.RunDay(
          day, pool, [&](uint32_t) { return &fixed; }, [](const UserRows&) { return Ok(); });
      return ran ? std::nullopt : std::optional(ran.error().code);
    };
    const std::optional<Code> code = run(0);
    EXPECT_EQ(run(1), code ? std::optional(Code::kFailedPrecondition) : std::nullopt);
    return code;
  };
  const auto slate = [](const std::vector<uint32_t>& items, double propensity) {
    std::vector<ShownItem> shown;
    for (uint32_t item : items) shown.push_back({item, Source::kEngine, propensity});
    return shown;
  };
  const uint32_t unborn = world.catalogue().size() - 1;
  EXPECT_EQ(code_of(slate({1, 2, 3}, 0)), std::nullopt);
  EXPECT_EQ(code_of(slate({}, 0)), std::nullopt);
  EXPECT_EQ(code_of(Unavailable("the server is gone")), Code::kUnavailable);
  EXPECT_EQ(code_of(slate({1, 2, 1}, 0)), Code::kInvalidArgument);
  EXPECT_EQ(code_of(slate({1, unborn}, 0)), Code::kInvalidArgument);
  EXPECT_EQ(code_of(slate({1, unborn + 1}, 0)), Code::kInvalidArgument);
  EXPECT_EQ(code_of(slate({1, 2}, 1.5)), Code::kInvalidArgument);
  EXPECT_EQ(code_of(slate({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 1)), Code::kInvalidArgument);
}

TEST(LiveSite, RefusesDaysOutOfOrderAndOutsideOfTheWindow) {
  const World world = MakeWorld(LiveWorld());
  base::ThreadPool pool(1);
  RandomPolicy policy(world);
  LiveSite site(world, {});
  const auto run = [&](int day) {
    return site.RunDay(
        day, pool, [&](uint32_t) { return &policy; }, [](const UserRows&) { return Ok(); });
  };
  ASSERT_TRUE(run(2));
  EXPECT_FALSE(run(2));
  EXPECT_FALSE(run(-1));
  EXPECT_FALSE(run(world.options().days));
  EXPECT_TRUE(run(3));
}

}  // namespace
}  // namespace upnext::simulator
