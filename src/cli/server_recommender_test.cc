// Simulated users against a real server in this process, over real sockets.
#include "cli/server_recommender.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/config.h"
#include "cli/scenario_values.h"
#include "cli/server_life.h"
#include "cli/simulate_live.h"
#include "net/http_server.h"
#include "schema/event.h"
#include "serving/slate_record.h"
#include "serving/test_service.h"
#include "simulator/live.h"
#include "simulator/policies.h"
#include "store/slates.h"

namespace upnext::cli {
namespace {

// The test service knows the first of these items, as "i0", "i1" and so on.
simulator::World MakeWorld() {
  simulator::WorldOptions options;
  options.users = 60;
  options.items = 120;
  options.days = 3;
  options.catalogue.window_share = 0;
  options.catalogue.series_share = 0;  // series would go on into the window
  Result<simulator::World> world = simulator::World::Create(options);
  EXPECT_TRUE(world) << world.error().message;
  return *std::move(world);
}

// The world calls "i4" "i00004". In the posted events that is a new item, which would be trending
// next to the old one, and the world would find its item 4 twice in a list.
serving::Service& WithoutTrending(serving::TestService& service) {
  const auto config = base::Config::Parse(R"(
[scenario.home]
explore = 0.3
[scenario.calm]
[scenario.next]
)",
                                          "upnext.toml");
  EXPECT_TRUE(config);
  serving::EngineOptions engine = serving::EngineOptions::FromConfig(*config);
  engine.budgets = {{"trending", 0}};
  service.Restart(engine);
  return *service;
}

class ServerRecommenderTest : public testing::Test {
 protected:
  ServerRecommenderTest() : world_(MakeWorld()) {
    auto server = net::HttpServer::Start({.port = 0, .threads = 2}, api_);
    EXPECT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    url_ = fmt::format("http://127.0.0.1:{}", server_->port());
  }
  Result<std::unique_ptr<ServerRecommender>> Connect(char item_prefix = 'i') const {
    return ServerRecommender::Connect(world_, {.url = url_, .item_prefix = item_prefix});
  }
  const simulator::World world_;
  serving::TestService service_;
  net::Api api_{WithoutTrending(service_)};
  std::unique_ptr<net::HttpServer> server_;
  std::string url_;
};

TEST_F(ServerRecommenderTest, SlatesComeAndEveryEventArrives) {
  auto server = Connect();
  ASSERT_TRUE(server) << server.error().message;
  simulator::LiveSite site(world_, {});
  base::ThreadPool pool(2);
  uint64_t rows = 0, slates = 0, shown = 0;
  for (int day = 0; day < world_.options().days; ++day) {
    const Status ran = site.RunDay(
        day, pool, [&](uint32_t) { return server->get(); },
        [&](const simulator::UserRows& user) {
          rows += user.rows.size();
          for (const simulator::LogRow& row : user.rows) {
            if (row.type != schema::EventType::kImpression) continue;
            EXPECT_NE(row.source, simulator::Source::kEngine) << "the generator is known";
            EXPECT_TRUE(std::isfinite(row.source_score));
            slates += row.position == 1;
            ++shown;
          }
          return Ok();
        });
    ASSERT_TRUE(ran) << ran.error().message;
  }
  EXPECT_GT(slates, 50u);
  EXPECT_GT(shown, 5 * slates);
  // A slate may come back empty once a user has seen everything.
  EXPECT_GE((*server)->slates(), slates);
  EXPECT_EQ((*server)->events(), rows);
  EXPECT_EQ(service_->status().events_applied, rows);
}

TEST_F(ServerRecommenderTest, LiveDaysCompareItWithOthersOnTheSameUsers) {
  auto server = Connect();
  ASSERT_TRUE(server) << server.error().message;
  simulator::RandomPolicy random(world_);
  const simulator::UserValues none(world_.options().users);
  std::vector<LiveArm> arms = {{"server", server->get(), {}, none}, {"random", &random, {}, none}};
  const Status ran = RunLive(world_, {.log_days = 1, .threads = 2}, arms, base::NoProgress());
  ASSERT_TRUE(ran) << ran.error().message;
  for (const LiveArm& arm : arms) {
    ASSERT_EQ(arm.days.size(), 2u);
    simulator::Value sum;
    for (const simulator::Value& day : arm.days) sum += day;
    EXPECT_GT(sum.slates, 20);
    EXPECT_GT(sum.watch_s, 0);
    EXPECT_EQ(sum.slates, arm.users.total().slates);
  }
  // Events of the log's days were not sent: the server's log is thought to hold them.
  EXPECT_EQ(service_->status().events_applied, (*server)->events());
  EXPECT_EQ(LiveJson({.log_days = 1}, arms)["policies"][0]["days"].size(), 2u);
  EXPECT_FALSE(RunLive(world_, {.log_days = 3}, arms, base::NoProgress()));
}

// Two scenarios of the home page and one after a watch; sessions, users who are forgotten, and new items.
TEST_F(ServerRecommenderTest, TheLifeOfASiteReachesTheServerAndItsScenarios) {
  auto connected = ServerRecommender::Connect(
      world_,
      {.url = url_, .scenarios = {"home", "calm"}, .next_scenario = "next", .item_prefix = 'i'});
  ASSERT_TRUE(connected) << connected.error().message;
  ServerRecommender& server = **connected;
  auto life = ServerLife::Connect(world_, &server, {.url = url_, .forgotten = 0.1});
  ASSERT_TRUE(life) << life.error().message;
  const simulator::UserValues none(world_.options().users);
  ScenarioValues scenarios(server, world_.options().users);
  std::vector<LiveArm> arms = {{"server", &server, {}, none, life->get(), &scenarios}};
  const Status ran = RunLive(world_, {.log_days = 0, .threads = 2}, arms, base::NoProgress());
  ASSERT_TRUE(ran) << ran.error().message;
  service_->Flush();

  EXPECT_GT(server.merged(), 5u) << "nobody visited before: all begin with a session";
  EXPECT_GT((*life)->forgotten(), 3u);
  uint64_t left = 0, answers = 0;
  std::map<std::string, uint64_t> served, first_served;
  for (uint32_t user = 0; user < world_.options().users; ++user) {
    const auto [who, name] = server.WhoIs(user);
    const std::string id = who == "session" ? "session:" + name : name;
    const auto visit = [&](const store::StoredSlate& slate) {
      if ((*service_.store()->SlateOf(slate.request))->merged != 0) return true;
      const auto record = serving::DecodeSlate(service_.project().schema(), slate);
      EXPECT_TRUE(record);
      ++served[record->request.scenario];
      for (const serving::Recommendation& item : record->items) {
        EXPECT_EQ(item.propensity.has_value(), record->request.scenario == "home");
      }
      if (record->request.scenario != "next") {
        EXPECT_EQ(record->request.scenario, user % 2 == 0 ? "home" : "calm");
      }
      return true;
    };
    const uint64_t home = served["home"] + served["calm"];
    ASSERT_TRUE(service_.store()->SlatesOf(id, visit));
    if (served["home"] + served["calm"] > home) ++first_served[user % 2 == 0 ? "home" : "calm"];
    left += (*life)->HasLeft(user);
  }
  EXPECT_EQ(left, (*life)->forgotten());
  // What can be made again is what the values are of. An empty slate has no impressions, so it is not among them.
  ASSERT_EQ(scenarios.all().size(), 3u);
  for (const ScenarioValues::Of& one : scenarios.all()) {
    const auto slates = static_cast<uint64_t>(one.values.total().slates);
    EXPECT_GT(slates, 10u);
    EXPECT_EQ(slates, served[one.scenario]) << one.scenario;
    const auto first = static_cast<uint64_t>(one.first.total().slates);
    EXPECT_EQ(first, first_served[one.scenario]) << "one answer to each user who has any";
    answers += slates;
  }
  EXPECT_LT(answers, server.slates()) << "those of merged sessions and of forgotten users are gone";
}

TEST_F(ServerRecommenderTest, ItemsOfTheDayBeforeArePublished) {
  simulator::WorldOptions options = world_.options();
  options.catalogue.window_share = 0.5;
  const auto world = simulator::World::Create(options);
  ASSERT_TRUE(world);
  auto server = ServerRecommender::Connect(*world, {.url = url_, .item_prefix = 'p'});
  ASSERT_TRUE(server) << server.error().message;
  auto life = ServerLife::Connect(*world, server->get(), {.url = url_, .forgotten = 0});
  ASSERT_TRUE(life);
  (*life)->Begin(simulator::LiveSite(*world, {}), 1);
  const uint64_t before = service_->status().items;
  ASSERT_TRUE((*life)->BeforeDay(1));
  EXPECT_EQ((*life)->published(), 0u) << "the log has what was made before its end";
  const Status published = (*life)->BeforeDay(2);
  ASSERT_TRUE(published) << published.error().message;
  const int64_t day_ms = options.start_ms() + base::kDayMs;
  const uint32_t from = world->catalogue().CountAt(day_ms),
                 until = world->catalogue().CountAt(day_ms + base::kDayMs);
  EXPECT_GT(until, from);
  EXPECT_EQ((*life)->published(), until - from);
  EXPECT_EQ(service_->status().items, before + until - from);
}

TEST_F(ServerRecommenderTest, AnotherWorldsItemsAndAServerThatIsGoneAreToldApart) {
  const auto code_of = [&](ServerRecommender& server) {
    simulator::LiveSite site(world_, {});
    base::ThreadPool pool(1);
    const Status ran = site.RunDay(
        0, pool, [&](uint32_t) { return &server; },
        [](const simulator::UserRows&) { return Ok(); });
    EXPECT_FALSE(ran);
    return ran ? Code::kDataLoss : ran.error().code;
  };
  auto other = Connect('v');
  ASSERT_TRUE(other);
  EXPECT_EQ(code_of(**other), Code::kInternal);
  auto gone = Connect();
  ASSERT_TRUE(gone);
  server_.reset();
  EXPECT_EQ(code_of(**gone), Code::kUnavailable);
  EXPECT_FALSE(Connect());
}

}  // namespace
}  // namespace upnext::cli
