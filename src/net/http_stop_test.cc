// How a server stops: what was sent is answered, and nothing is reset.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "net/test_server.h"

namespace upnext::net {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class HttpStopTest : public ServerTest {};

TEST_F(HttpStopTest, StopAnswersRequestsInFlightAndClosesIdleConnections) {
  Start();
  TestClient idle(port()), used(port()), half(port());
  EXPECT_EQ(used.Ask(TestClient::Get("/healthz")).status, 200);
  const std::string body = kEvent;
  Begin(&half, "POST", "/v1/events", body.size());
  std::atomic<bool> stopped{false};
  std::thread stopping([&] {
    server_->Stop();
    stopped = true;
  });
  EXPECT_TRUE(used.Ended());
  EXPECT_TRUE(idle.Ended());
  EXPECT_FALSE(stopped);  // waits for the request in flight
  const TestClient::Answer answer = half.Ask(body);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("connection"), "close");
  EXPECT_TRUE(half.Ended());
  stopping.join();
  EXPECT_EQ(service_->status().events_applied, 1u);
  EXPECT_FALSE(TestClient(port()).connected());
  server_->Stop();  // again: nothing to do
}

TEST_F(HttpStopTest, ReadinessEndsWithStop) {
  Start();
  TestClient used(port()), half(port());
  EXPECT_EQ(used.Ask(TestClient::Get("/readyz")).status, 200);
  Begin(&half, "GET", "/readyz", 2);
  std::thread stopping([&] { server_->Stop(); });
  EXPECT_TRUE(used.Ended());  // the stop has begun
  EXPECT_EQ(half.Ask("{}").status, 503);
  stopping.join();
}

TEST_F(HttpStopTest, StopDoesNotWaitForIdleConnectionsAndMayComeAtAnyTime) {
  for (int round = 0; round < 8; ++round) {
    Start();
    std::atomic<bool> go_on{true};
    std::thread load([&] {
      while (go_on) {
        TestClient client(port());
        if (!client.connected()) break;
        client.Ask(TestClient::Get("/v1/recommendations?user=u&n=2"));
      }
    });
    TestClient idle(port());
    std::this_thread::sleep_for(milliseconds(10 + 5 * round));
    const auto begin = steady_clock::now();
    server_->Stop();
    EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(8));  // its patience is ten
    go_on = false;
    load.join();
  }
}

TEST_F(HttpStopTest, StopHasNoMorePatienceThanItWasGiven) {
  Start({.stop_patience_s = 1});
  TestClient half(port());
  Begin(&half, "POST", "/v1/events", 100);
  const auto begin = steady_clock::now();
  server_->Stop();
  EXPECT_GE(steady_clock::now() - begin, milliseconds(900));
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(8));
  server_.reset();
  EXPECT_TRUE(half.Ended());
}

TEST_F(HttpStopTest, BeforeTheStopAnswersCloseTheirConnectionsAndNewOnesAreTaken) {
  Start();
  TestClient used(port());
  EXPECT_EQ(used.Ask(TestClient::Get("/healthz")).status, 200);
  server_->StopSoon();
  EXPECT_EQ(used.Ask(TestClient::Get("/readyz")).status, 503);
  EXPECT_TRUE(used.Ended());
  TestClient late(port());
  const TestClient::Answer answer = late.Ask(TestClient::Get("/v1/recommendations?user=u&n=3"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("connection"), "close");
  EXPECT_TRUE(late.Ended());
  // What was sent in one go is answered to its end.
  TestClient pipelined(port());
  ASSERT_TRUE(pipelined.Send(TestClient::Get("/healthz") + TestClient::Get("/healthz") +
                             TestClient::Get("/healthz")));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(pipelined.Read().status, 200);
  EXPECT_TRUE(pipelined.Ended());
}

// Sixteen clients at work, on kept connections and on new ones: every request that was sent in time
// is answered, or its connection was not accepted in the first place. In time is what the server
// waits for after a connection or a request on it: a client that had no turn on the processor for
// longer meets a connection that was closed while idle.
TEST_F(HttpStopTest, NoRequestIsResetUnderSixteenClients) {
  constexpr milliseconds kInTime(200);
  Start();
  std::atomic<int> answered{0}, lost{0};
  std::vector<std::thread> threads;
  for (int c = 0; c < 16; ++c) {
    threads.emplace_back([&, c] {
      const std::string request =
          c % 4 == 0 ? TestClient::Post("/v1/events", kEvent)
                     : TestClient::Get(fmt::format("/v1/recommendations?user=u{}&n=3", c),
                                       c % 2 == 0 ? "" : "Connection: close\r\n");
      for (;;) {
        auto before = steady_clock::now();
        TestClient client(port());
        if (!client.connected()) return;
        for (bool open = true; open;) {
          const auto begin = steady_clock::now();
          const bool sent = client.Send(request);
          const auto idle = steady_clock::now() - before;
          before = begin;
          const TestClient::Answer answer = sent ? client.Read() : TestClient::Answer{};
          if (answer.status == 200) ++answered;
          if (answer.status != 200 && idle < kInTime) ++lost;
          open = answer.status == 200 && answer.Header("connection") != "close";
        }
      }
    });
  }
  while (answered < 200) std::this_thread::sleep_for(milliseconds(1));
  const uint16_t at = port();
  server_->StopSoon();
  std::this_thread::sleep_for(milliseconds(300));
  server_->Stop();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lost, 0) << "of " << answered + lost;
  EXPECT_FALSE(TestClient(at).connected());
}

TEST_F(HttpStopTest, ConnectionThatHasJustComeIsStillAnswered) {
  Start();
  for (int round = 0; round < 5; ++round) {
    Start();
    TestClient early(port());
    std::thread stopping([&] { server_->Stop(); });
    std::this_thread::sleep_for(milliseconds(round));
    EXPECT_EQ(early.Ask(TestClient::Get("/healthz")).status, 200);
    EXPECT_TRUE(early.Ended());
    stopping.join();
  }
}

}  // namespace
}  // namespace upnext::net
