// What browsers find in answers that pages of other sites ask for, over sockets.
#include "net/cross_origin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string_view>

#include "net/test_server.h"

namespace upnext::net {
namespace {

using testing::HasSubstr;

constexpr char kAllowOrigin[] = "access-control-allow-origin";
constexpr char kFeed[] = "/v1/recommendations?user=u&n=2";

class CrossOriginTest : public ServerTest {
 protected:
  TestClient::Answer Ask(std::string_view method, std::string_view target, std::string_view origin,
                         std::string_view body = "") {
    TestClient client(port());
    EXPECT_TRUE(client.Send(
        fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n{}{}Content-Length: {}\r\n\r\n{}", method,
                    target, origin.empty() ? "" : fmt::format("Origin: {}\r\n", origin),
                    body.empty() ? "" : "Content-Type: application/json\r\n", body.size(), body)));
    return client.Read();
  }
  static bool NamesCors(const TestClient::Answer& answer) {
    for (const auto& [name, value] : answer.headers) {
      if (name.starts_with("access-control")) return true;
    }
    return false;
  }
};

TEST_F(CrossOriginTest, WithoutTheOptionNoPageIsAllowed) {
  Start();
  const TestClient::Answer feed = Ask("GET", kFeed, "https://shop.example");
  EXPECT_EQ(feed.status, 200);
  EXPECT_FALSE(NamesCors(feed));
  EXPECT_EQ(feed.Header("vary"), "Accept-Encoding");
  const TestClient::Answer preflight = Ask("OPTIONS", "/v1/events", "https://shop.example");
  EXPECT_EQ(preflight.status, 405);
  EXPECT_FALSE(NamesCors(preflight));
}

TEST_F(CrossOriginTest, APageOfAListedOriginPostsEventsAndReadsFeeds) {
  Start({.allow_origins = {"https://shop.example", "http://localhost:3000"}});
  for (const char* origin : {"https://shop.example", "http://localhost:3000"}) {
    TestClient::Answer answer = Ask("OPTIONS", "/v1/events", origin);
    EXPECT_EQ(answer.status, 204);
    EXPECT_FALSE(answer.headers.contains("content-length"));
    EXPECT_FALSE(answer.headers.contains("content-type"));
    EXPECT_EQ(answer.Header(kAllowOrigin), origin);
    EXPECT_EQ(answer.Header("access-control-allow-methods"), "POST");
    EXPECT_THAT(answer.Header("access-control-allow-headers"), HasSubstr("Content-Type"));
    EXPECT_EQ(answer.Header("vary"), "Accept-Encoding, Origin");
    EXPECT_EQ(Ask("OPTIONS", kFeed, origin).Header("access-control-allow-methods"),
              "GET, HEAD, POST");
    const std::array<std::string_view, 3> requests[] = {{"POST", "/v1/events", kEvent},
                                                        {"GET", kFeed, ""},
                                                        {"GET", "/v1/items/i3/similar", ""},
                                                        {"GET", "/v1/recommendations", ""}};
    for (const auto& [method, target, body] : requests) {
      answer = Ask(method, target, origin, body);
      EXPECT_EQ(answer.status, target.ends_with("recommendations") ? 400 : 200);
      EXPECT_EQ(answer.Header(kAllowOrigin), origin) << "a page reads errors too";
      EXPECT_EQ(answer.Header("vary"), "Accept-Encoding, Origin");
      EXPECT_FALSE(answer.headers.contains("access-control-allow-credentials"));
    }
  }
}

TEST_F(CrossOriginTest, AForeignOriginGetsNoHeader) {
  Start({.allow_origins = {"https://shop.example"}});
  for (const char* origin : {"https://evil.example", "https://shop.example.evil.example",
                             "http://shop.example", "https://shop.example:8443", "null", ""}) {
    TestClient::Answer answer = Ask("OPTIONS", "/v1/events", origin);
    EXPECT_EQ(answer.status, 403);
    EXPECT_FALSE(NamesCors(answer));
    EXPECT_THAT(answer.body, HasSubstr("allow_origins"));
    answer = Ask("GET", kFeed, origin);
    EXPECT_EQ(answer.status, 200) << "it is the browser that keeps the answer from the page";
    EXPECT_FALSE(NamesCors(answer));
    EXPECT_EQ(answer.Header("vary"), "Accept-Encoding, Origin") << "for caches";
  }
}

TEST_F(CrossOriginTest, OtherResourcesStayClosed) {
  Start({.allow_origins = {"*"}});
  for (const char* target : {"/v1/status", "/metrics", "/v1/users/u", "/healthz", "/v1/items/i3"}) {
    EXPECT_EQ(Ask("OPTIONS", target, "https://shop.example").status, 405) << target;
    EXPECT_FALSE(NamesCors(Ask("GET", target, "https://shop.example"))) << target;
  }
}

TEST_F(CrossOriginTest, AnyOriginIsAllowedWithoutCredentials) {
  Start({.allow_origins = {"*"}});
  for (const char* method : {"OPTIONS", "GET"}) {
    const TestClient::Answer answer = Ask(method, kFeed, "https://shop.example");
    EXPECT_EQ(answer.Header(kAllowOrigin), "*");
    EXPECT_FALSE(answer.headers.contains("access-control-allow-credentials"));
    EXPECT_EQ(answer.Header("vary"), "Accept-Encoding");
  }
}

TEST(CrossOriginRules, AreWhatBrowsersSend) {
  for (const char* good :
       {"*", "https://shop.example", "http://localhost:3000", "http://[::1]:80"}) {
    EXPECT_TRUE(IsOriginRule(good)) << good;
  }
  for (const char* bad :
       {"", "shop.example", "https://", "https://shop.example/", "https://Shop.example",
        "https://*.shop.example", "null", "https://a b", "ftp://shop.example"}) {
    EXPECT_FALSE(IsOriginRule(bad)) << bad;
  }
}

}  // namespace
}  // namespace upnext::net
