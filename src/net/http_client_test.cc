#include "net/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "net/http_server.h"
#include "serving/test_service.h"

namespace upnext::net {
namespace {

using nlohmann::json;

TEST(HttpClient, AsksAndPostsFromManyThreadsAndOutlivesARestartOfTheServer) {
  serving::TestService service;
  Api api(*service);
  auto server = HttpServer::Start({.port = 0, .threads = 2}, api);
  ASSERT_TRUE(server) << server.error().message;
  const uint16_t port = (*server)->port();
  auto client = HttpClient::Make(fmt::format("http://127.0.0.1:{}", port));
  ASSERT_TRUE(client) << client.error().message;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int n = 1; n <= 20; ++n) {
        const auto list = (*client)->Get(fmt::format("/v1/recommendations?user=u&n={}", n % 5 + 1));
        ASSERT_TRUE(list) << list.error().message;
        EXPECT_EQ(list->status, 200);
        EXPECT_EQ(json::parse(list->body)["items"].size(), static_cast<size_t>(n % 5 + 1));
        const auto posted = (*client)->Post(
            "/v1/events",
            fmt::format(R"({{"events": [{{"user": "t{}", "item": "i3", "type": "click"}}]}})", t));
        ASSERT_TRUE(posted);
        EXPECT_EQ(posted->status, 200);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(service->status().events_applied, 80u);
  const auto refused = (*client)->Get("/nowhere");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 404);
  const auto deleted = (*client)->Delete("/v1/users/t0");
  ASSERT_TRUE(deleted);
  EXPECT_EQ(json::parse(deleted->body)["forgotten"], true);

  // The kept connections are dead now; the next request opens another.
  server->reset();
  EXPECT_EQ((*client)->Get("/healthz").error().code, Code::kUnavailable);
  server = HttpServer::Start({.port = port, .threads = 2}, api);
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ((*client)->Get("/healthz")->status, 200);
}

TEST(HttpClient, TellsWhatIsNoAddressOfAServer) {
  for (const char* url : {"", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "http://h/path",
                          "http://h?x=1", "http://h:99999999"}) {
    const auto client = HttpClient::Make(url);
    ASSERT_FALSE(client) << url;
    EXPECT_EQ(client.error().code, Code::kInvalidArgument);
    EXPECT_THAT(client.error().message, testing::HasSubstr("http://127.0.0.1:8080"));
  }
}

TEST(HttpClient, QueryValuesKeepNothingThatCouldEndThem) {
  EXPECT_EQ(EncodeQueryValue("a b&c=d+é"), "a%20b%26c%3Dd%2B%C3%A9");
}

}  // namespace
}  // namespace upnext::net
