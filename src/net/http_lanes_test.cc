// What an HttpServer does while the disk is slow: commits wait at a gate.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "net/http_server.h"
#include "net/test_client.h"
#include "serving/test_service.h"
#include "store/test_store.h"

namespace upnext::net {
namespace {

using std::chrono::milliseconds;

constexpr char kClick[] = R"({"events": [{"user": "u", "item": "i3", "type": "click"}]})";

class HttpLanesTest : public testing::Test {
 protected:
  ~HttpLanesTest() override { gate_.Open(); }
  void Start(ServerOptions options = {}) {
    options.port = 0;
    options.threads = 2;
    auto server = HttpServer::Start(options, api_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    service_.store()->before_commit = [this] {
      gate_.Wait();
      return Ok();
    };
  }
  uint16_t port() const { return server_->port(); }

  store::Gate gate_;
  serving::TestService service_;
  Api api_{*service_};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpLanesTest, SlowDiskHoldsUpNeitherFeedsNorProbes) {
  Start();
  // More writes than there are threads for sockets.
  constexpr int kWrites = 8;
  std::vector<std::unique_ptr<TestClient>> writers;
  for (int i = 0; i < kWrites; ++i) {
    writers.push_back(std::make_unique<TestClient>(port()));
    ASSERT_TRUE(writers.back()->Send(TestClient::Post(
        "/v1/events",
        fmt::format(R"({{"events": [{{"user": "w{}", "item": "i3", "type": "click"}}]}})", i))));
  }
  ASSERT_TRUE(gate_.WaitUntilHere(kWrites));
  TestClient client(port());
  EXPECT_EQ(client.Ask(TestClient::Get("/readyz")).status, 200);
  EXPECT_EQ(client.Ask(TestClient::Get("/metrics")).status, 200);
  EXPECT_EQ(client.Ask(TestClient::Get("/v1/recommendations?user=u&n=3")).status, 200);
  EXPECT_EQ(service_->status().events_applied, 0u) << "nothing is acknowledged yet";
  gate_.Open();
  for (const auto& writer : writers) EXPECT_EQ(writer->Read().status, 200);
  EXPECT_EQ(service_->status().events_applied, uint64_t{kWrites});
}

TEST_F(HttpLanesTest, MoreWritesThanMayWaitAreRefusedAndAskedToComeBack) {
  Start({.writers = 1, .max_waiting = 2});
  std::vector<std::unique_ptr<TestClient>> writers;
  const auto send = [&] {
    writers.push_back(std::make_unique<TestClient>(port()));
    ASSERT_TRUE(writers.back()->Send(TestClient::Post("/v1/events", kClick)));
  };
  send();
  ASSERT_TRUE(gate_.WaitUntilHere(1));
  // One runs, two may wait; of five more, three are refused.
  for (int i = 0; i < 5; ++i) send();
  TestClient client(port());
  while (client.Ask(TestClient::Get("/metrics")).body.find("status=\"5xx\"} 3\n") ==
         std::string::npos) {
  }
  gate_.Open();
  int taken = 0, refused = 0;
  for (const auto& writer : writers) {
    const TestClient::Answer answer = writer->Read();
    taken += answer.status == 200 ? 1 : 0;
    if (answer.status != 503) continue;
    ++refused;
    EXPECT_EQ(answer.Header("retry-after"), "1");
    EXPECT_EQ(answer.Header("content-type"), "application/problem+json");
  }
  EXPECT_EQ(taken, 3);
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(client.Ask(TestClient::Post("/v1/events", kClick)).status, 200)
      << "there is room again";
}

TEST_F(HttpLanesTest, OperatorsAndEventsDoNotWaitForEachOther) {
  store::Gate reloads;
  api_.SetOperations({.reload = [&] {
    reloads.Wait();
    return Ok();
  }});
  Start({.writers = 1, .operators = 1});
  TestClient writer(port()), first(port()), second(port());
  const std::string reload = TestClient::Post("/v1/reload", "{}");
  ASSERT_TRUE(writer.Send(TestClient::Post("/v1/events", kClick)));
  ASSERT_TRUE(gate_.WaitUntilHere(1));
  ASSERT_TRUE(first.Send(reload));
  EXPECT_TRUE(reloads.WaitUntilHere(1)) << "the only writer waits for the disk";
  ASSERT_TRUE(second.Send(reload));
  gate_.Open();
  EXPECT_EQ(writer.Read().status, 200) << "and the only operator for a reload";
  EXPECT_EQ(writer.Ask(TestClient::Post("/v1/events", kClick)).status, 200);
  reloads.Open();
  EXPECT_EQ(first.Read().status, 200);
  EXPECT_EQ(second.Read().status, 200);
}

TEST_F(HttpLanesTest, EventsGiveWayToFeedsWhenProcessorsAreShort) {
  Start();
  std::atomic<int> niceness{-1};
  service_.store()->before_commit = [&] {
    niceness = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
    return Ok();
  };
  TestClient client(port());
  ASSERT_EQ(client.Ask(TestClient::Post("/v1/events", kClick)).status, 200);
  const int own = getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
  EXPECT_EQ(niceness, std::min(own + 5, 19));
}

TEST_F(HttpLanesTest, StopWaitsForAWriteThatIsUnderWay) {
  Start();
  TestClient client(port());
  ASSERT_TRUE(client.Send(TestClient::Post("/v1/events", kClick)));
  ASSERT_TRUE(gate_.WaitUntilHere(1));
  std::atomic<bool> stopped{false};
  std::thread stopping([&] {
    server_->Stop();
    stopped = true;
  });
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_FALSE(stopped);
  gate_.Open();
  EXPECT_EQ(client.Read().status, 200);
  stopping.join();
}

}  // namespace
}  // namespace upnext::net
