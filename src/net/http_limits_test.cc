// What one client can make the server hold, and what others notice of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <memory>
#include <thread>
#include <vector>

#include "net/file_limit.h"
#include "net/test_server.h"

namespace upnext::net {
namespace {

using testing::HasSubstr;

class HttpLimitsTest : public ServerTest {
 protected:
  double Refused(std::string_view why) {
    return Metric(fmt::format("upnext_http_refused_total{{reason=\"{}\"}}", why));
  }
  // Until the server has as many connections.
  void WaitForConnections(size_t open) {
    while (api_->connections() != open) std::this_thread::yield();
  }
};

TEST_F(HttpLimitsTest, ChunkExtensionsWithoutEndAreRefused) {
  Start();
  TestClient client(port());
  client.Send(
      "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Transfer-Encoding: chunked\r\n\r\n1;");
  client.Send(std::string(3'000'000, 'x'));
  const TestClient::Answer answer = client.Read();
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("chunk extensions"));
  EXPECT_TRUE(client.Ended());
  EXPECT_EQ(Refused("framing"), 1);
}

TEST_F(HttpLimitsTest, BodiesInFlightHaveALimitTogether) {
  Start({.max_body_bytes = 1 << 20, .max_bodies_bytes = 2 << 20});
  const std::string half(700'000, ' ');
  std::vector<std::unique_ptr<TestClient>> clients;
  int refused = 0;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<TestClient>(port()));
    Begin(clients.back().get(), "POST", "/v1/events", 1'000'000);
    clients.back()->Send(half);
  }
  while (Refused("bodies") < 4) std::this_thread::yield();
  EXPECT_LE(Metric("upnext_http_body_bytes"), 2 << 20);
  TestClient other(port());
  EXPECT_EQ(other.Ask(TestClient::Get("/v1/recommendations?user=u&n=3")).status, 200);
  for (const auto& client : clients) {
    client->Send(std::string(300'000, ' '));
    const TestClient::Answer answer = client->Read();
    refused += answer.status == 503 && answer.Header("retry-after") == "1";
  }
  EXPECT_GE(refused, 4);
  clients.clear();
  while (Metric("upnext_http_body_bytes") > 0) std::this_thread::yield();
  EXPECT_EQ(other.Ask(TestClient::Post("/v1/events", kEvent)).status, 200) << "there is room again";
}

TEST_F(HttpLimitsTest, AnswersThatNobodyReadsHaveALimitTogether) {
  Start({.max_bodies_bytes = 30'000});
  const std::string pipelined = [] {
    std::string all;
    for (int i = 0; i < 3000; ++i) all += TestClient::Get("/openapi.json");
    return all;
  }();
  std::vector<std::unique_ptr<TestClient>> clients;
  std::vector<std::thread> senders;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<TestClient>(port()));
    // Blocks once the server reads no more because its answers are not read.
    senders.emplace_back([&pipelined, client = clients.back().get()] { client->Send(pipelined); });
  }
  while (Refused("answers") < 1) std::this_thread::yield();
  EXPECT_LE(Metric("upnext_http_answer_bytes"), 30'000);
  server_->Stop();
  for (std::thread& sender : senders) sender.join();
}

TEST_F(HttpLimitsTest, IdleConnectionMakesRoomAndBusyOnesStay) {
  Start({.max_connections = 2});
  TestClient idle(port());
  EXPECT_EQ(idle.Ask(TestClient::Get("/healthz")).status, 200);
  TestClient busy(port());
  Begin(&busy, "POST", "/v1/events", std::string_view(kEvent).size());
  // Refused only until the server has seen that the first one is idle.
  for (int status = 503; status != 200;) {
    TestClient third(port());
    status = third.Ask(TestClient::Get("/healthz")).status;
    ASSERT_NE(status, 0);
  }
  EXPECT_TRUE(idle.Ended());
  EXPECT_EQ(busy.Ask(kEvent).status, 200);
}

TEST_F(HttpLimitsTest, MoreConnectionsThanMayWorkAreRefusedAndAskedToComeBack) {
  Start({.max_connections = 2});
  TestClient first(port()), second(port());
  Begin(&first, "POST", "/v1/events", std::string_view(kEvent).size());
  Begin(&second, "POST", "/v1/events", std::string_view(kEvent).size());
  for (int i = 0; i < 100; ++i) {
    TestClient more(port());
    const TestClient::Answer answer = more.Ask(TestClient::Get("/healthz"));
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.Header("retry-after"), "1");
    EXPECT_EQ(answer.Header("connection"), "close");
  }
  EXPECT_EQ(Refused("connections"), 100);
  EXPECT_EQ(first.Ask(kEvent).status, 200);
  EXPECT_EQ(second.Ask(kEvent).status, 200);
  EXPECT_TRUE(Healthy()) << "there is room again";
}

TEST_F(HttpLimitsTest, ManyThatConnectAtOnceAreAllAnswered) {
  Start();
  std::vector<std::unique_ptr<TestClient>> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(std::make_unique<TestClient>(port()));
  for (const auto& client : clients) ASSERT_TRUE(client->Send(TestClient::Get("/healthz")));
  for (const auto& client : clients) EXPECT_EQ(client->Read().status, 200);
  WaitForConnections(300);
  clients.clear();
  WaitForConnections(0);
}

TEST_F(HttpLimitsTest, FilesAreRaisedAsFarAsTheMachineAllows) {
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = std::min<rlim_t>(before.rlim_max, 256);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(RaiseFileLimit(low.rlim_cur + 10),
            std::min<rlim_t>(before.rlim_max, low.rlim_cur + 10));
  EXPECT_EQ(RaiseFileLimit(5), std::min<rlim_t>(before.rlim_max, low.rlim_cur + 10))
      << "never lower";
  Start({.max_connections = 100'000'000});
  EXPECT_EQ(server_->max_connections(), before.rlim_max - 1024) << "what the machine allows";
  EXPECT_TRUE(Healthy());
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace upnext::net
