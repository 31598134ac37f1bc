// Simulated users against a real server in this process, over real sockets.
#include "cli/server_recommender.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cli/simulate_live.h"
#include "net/http_server.h"
#include "schema/event.h"
#include "serving/test_service.h"
#include "simulator/live.h"
#include "simulator/policies.h"

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
  service.Restart({.budgets = {{"trending", 0}}});
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
