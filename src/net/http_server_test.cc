#include "net/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <thread>

#include "net/http_client.h"
#include "net/test_server.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using testing::HasSubstr;

class HttpServerTest : public ServerTest {};

TEST_F(HttpServerTest, AnswersOverASocketAndKeepsTheConnection) {
  Start();
  TestClient client(port());
  ASSERT_TRUE(client.connected());
  const TestClient::Answer list = client.Ask(TestClient::Get("/v1/recommendations?user=u&n=3"));
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.Header("content-type"), "application/json");
  EXPECT_EQ(list.Header("cache-control"), "no-store");
  EXPECT_EQ(json::parse(list.body)["items"].size(), 3u);
  EXPECT_EQ(client.Ask(TestClient::Post("/v1/events", kEvent)).status, 200);
  const TestClient::Answer refused = client.Ask(TestClient::Get("/v1/events"));
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.Header("allow"), "POST");
  EXPECT_EQ(client.Ask(TestClient::Get("/healthz", "Connection: close\r\n")).status, 200);
  EXPECT_TRUE(client.Ended());

  TestClient old(port());
  EXPECT_EQ(old.Ask("GET /healthz HTTP/1.0\r\n\r\n").status, 200);
  EXPECT_TRUE(old.Ended());
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  Start();
  TestClient client(port());
  std::string all;
  for (int n = 1; n <= 5; ++n) {
    all += TestClient::Get(fmt::format("/v1/recommendations?user=u&n={}", n));
    all += TestClient::Post("/v1/events", kEvent);
  }
  ASSERT_TRUE(client.Send(all));
  for (size_t n = 1; n <= 5; ++n) {
    EXPECT_EQ(json::parse(client.Read().body)["items"].size(), n);
    EXPECT_EQ(json::parse(client.Read().body)["accepted"], 1);
  }
  EXPECT_EQ(service_->status().events_applied, 5u);
}

TEST_F(HttpServerTest, HeadHasTheHeadersOfGetAndNoBody) {
  Start();
  TestClient client(port());
  const TestClient::Answer get = client.Ask(TestClient::Get("/openapi.json"));
  ASSERT_TRUE(client.Send("HEAD /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  const TestClient::Answer head = client.Read(/*head=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("content-length"), get.Header("content-length"));
  // What follows is the next answer, not a body.
  EXPECT_EQ(client.Ask(TestClient::Get("/healthz")).status, 200);
}

TEST_F(HttpServerTest, GarbageIsRefusedAndOthersAreServed) {
  Start();
  for (
      const std::string& garbage :
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), std::string("\r\n\r\n\r\n"),
       std::string("GET\r\n\r\n"), std::string("GET / HTTP/9.9\r\n\r\n"),
       std::string("GET /\0 HTTP/1.1\r\n\r\n", 19), std::string("nonsense nonsense\r\n\r\n"),
       std::string("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n"),
       std::string("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n"),
       std::string("GET / HTTP/1.1\r\nHost: localhost\r\nno colon here\r\n\r\n"),
       // Two lengths, of which a proxy might believe the other.
       std::string(
           "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
       std::string("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
                   "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")}) {
    TestClient client(port());
    ASSERT_TRUE(client.Send(garbage));
    const TestClient::Answer answer = client.Read();
    EXPECT_EQ(answer.status, 400) << garbage;
    EXPECT_EQ(answer.Header("content-type"), "application/problem+json");
    EXPECT_TRUE(client.Ended());
  }
  EXPECT_TRUE(Healthy());
}

TEST_F(HttpServerTest, RandomBytesNeverStopTheServer) {
  Start();
  base::Rng rng(5);
  for (int round = 0; round < 60; ++round) {
    TestClient client(port());
    std::string bytes = rng.Below(2) == 0 ? "" : TestClient::Post("/v1/events", kEvent);
    for (uint64_t n = rng.Below(200); n > 0; --n) {
      const char byte = static_cast<char>(rng.Below(256));
      if (bytes.empty() || rng.Below(2) == 0) {
        bytes += byte;
      } else {
        bytes[rng.Below(bytes.size())] = byte;
      }
    }
    client.Send(bytes);
  }
  EXPECT_TRUE(Healthy());
}

TEST_F(HttpServerTest, BodiesAndHeadersHaveLimits) {
  Start({.max_body_bytes = 10'000});
  const std::string large(3'000'000, ' ');
  {
    // The client sends all of it before it reads, and gets the answer all the same.
    TestClient client(port());
    client.Send(TestClient::Post("/v1/events", large));
    const TestClient::Answer answer = client.Read();
    EXPECT_EQ(answer.status, 413);
    EXPECT_THAT(json::parse(answer.body)["detail"].get<std::string>(),
                HasSubstr("at most 10000 bytes"));
    EXPECT_TRUE(client.Ended());
  }
  {
    TestClient client(port());
    ASSERT_TRUE(
        client.Send("POST /v1/events HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"));
    client.Send("4000\r\n" + std::string(0x4000, ' ') + "\r\n0\r\n\r\n");
    EXPECT_EQ(client.Read().status, 413);
  }
  {
    TestClient client(port());
    client.Send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: " + std::string(40'000, 'x') +
                "\r\n\r\n");
    EXPECT_EQ(client.Read().status, 431);
  }
  TestClient client(port());
  ASSERT_TRUE(
      client.Send("POST /v1/events HTTP/1.1\r\nHost: localhost\r\n"
                  "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"));
  const std::string body = kEvent;
  ASSERT_TRUE(client.Send(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", body.size(), body)));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(HttpServerTest, ClientThatAsksBeforeSendingIsTold) {
  Start();
  TestClient client(port());
  const std::string body = kEvent;
  ASSERT_TRUE(client.Send(fmt::format(
      "POST /v1/events HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
      body.size())));
  EXPECT_EQ(client.Read().status, 100);
  EXPECT_EQ(client.Ask(body).status, 200);
}

TEST_F(HttpServerTest, SlowAndSilentClientsAreClosedAndHinderNobody) {
  Start({.timeout_s = 2});
  TestClient silent(port()), half(port());
  ASSERT_TRUE(
      half.Send("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"));
  EXPECT_TRUE(Healthy());
  // Byte by byte, but in time.
  TestClient slow(port());
  for (const char byte : TestClient::Get("/healthz")) {
    ASSERT_TRUE(slow.Send(std::string(1, byte)));
    std::this_thread::sleep_for(milliseconds(2));
  }
  EXPECT_EQ(slow.Read().status, 200);
  EXPECT_TRUE(silent.Ended());
  EXPECT_TRUE(half.Ended());
  EXPECT_EQ(service_->status().events_applied, 0u);
}

TEST_F(HttpServerTest, ManyClientsAtOnceAllGetTheirAnswers) {
  Start();
  constexpr int kClients = 6, kEach = 30;
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int c = 0; c < kClients; ++c) {
    threads.emplace_back([&, c] {
      TestClient client(port());
      const std::string user = fmt::format("client{}", c);
      for (int i = 0; i < kEach; ++i) {
        const auto answer =
            i % 3 == 0
                ? client.Ask(TestClient::Post(
                      "/v1/events", fmt::format(R"({{"events": [{{"user": "{}", "item": "i{}",)"
                                                R"("type": "click"}}]}})",
                                                user, i)))
                : client.Ask(TestClient::Get("/v1/recommendations?n=2&user=" + user));
        if (answer.status != 200) continue;
        const json body = json::parse(answer.body);
        right += i % 3 == 0 ? body["accepted"] == 1 : body["user"] == user;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, kClients * kEach);
  EXPECT_EQ(service_->status().events_applied, static_cast<uint64_t>(kClients * kEach / 3));
}

TEST_F(HttpServerTest, PortInUseAndWrongAddressAreExplained) {
  Start();
  ServerOptions options;
  options.port = port();
  const auto second = HttpServer::Start(options, *api_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kUnavailable);
  EXPECT_THAT(second.error().message, HasSubstr(fmt::format("127.0.0.1:{}", port())));
  options.address = "localhost:80";
  const auto wrong = HttpServer::Start(options, *api_);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::kInvalidArgument);
}

TEST_F(HttpServerTest, UrlsOfAddressesAreOnesThatAClientTakes) {
  for (const char* address : {"::1", "[::1]"}) {
    Start({.address = address});
    EXPECT_EQ(server_->url(), fmt::format("http://[::1]:{}", port()));
    const auto client = HttpClient::Make(server_->url());
    ASSERT_TRUE(client) << client.error().message;
    const auto answer = (*client)->Get("/healthz");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->status, 200);
  }
  Start({.address = "localhost"});
  EXPECT_EQ(server_->url(), fmt::format("http://127.0.0.1:{}", port()));
}

TEST_F(HttpServerTest, AddressesThatOtherMachinesReachNeedAWordOfConsent) {
  Start();
  for (const char* address : {"0.0.0.0", "::"}) {
    ServerOptions options;
    options.port = 0;
    options.address = address;
    const auto open = HttpServer::Start(options, *api_);
    ASSERT_FALSE(open);
    EXPECT_EQ(open.error().code, Code::kFailedPrecondition);
    EXPECT_THAT(open.error().message, HasSubstr("--allow-unprotected"));
    options.allow_unprotected = true;
    EXPECT_TRUE(HttpServer::Start(options, *api_));
  }
}

TEST_F(HttpServerTest, EveryAnswerHasItsDate) {
  Start();
  TestClient client(port());
  const std::string date = client.Ask(TestClient::Get("/healthz")).Header("date");
  std::tm utc = {};
  ASSERT_NE(strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &utc), nullptr) << date;
  EXPECT_NEAR(static_cast<double>(timegm(&utc)), static_cast<double>(std::time(nullptr)), 10);
  EXPECT_FALSE(client.Ask("nonsense\r\n\r\n").Header("date").empty());
}

TEST_F(HttpServerTest, WebPagesOfOthersAreNotAnswered) {
  Start({.hosts = {"feeds.example.org"}});
  TestClient client(port());
  const auto with_host = [&](std::string_view host) {
    return client.Ask(fmt::format("GET /readyz HTTP/1.1\r\nHost: {}\r\n\r\n", host));
  };
  EXPECT_EQ(with_host("feeds.example.org").status, 200);
  EXPECT_EQ(with_host(fmt::format("127.0.0.1:{}", port())).status, 200);
  const TestClient::Answer rebound = with_host("attacker.example");
  EXPECT_EQ(rebound.status, 421);
  EXPECT_THAT(rebound.body, HasSubstr("[server] hosts"));
  EXPECT_EQ(Metric("upnext_http_refused_total{reason=\"host\"}"), 1);
  // What a page may send without a question to the server first: no JSON.
  const TestClient::Answer form = client.Ask(
      fmt::format("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{}",
                  std::string_view(kEvent).size(), kEvent));
  EXPECT_EQ(form.status, 415);
  EXPECT_EQ(service_->status().events_applied, 0u);
}

}  // namespace
}  // namespace upnext::net
