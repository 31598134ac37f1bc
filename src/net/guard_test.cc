#include "net/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "net/test_api.h"
#include "serving/test_service.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// The API of a project with keys.
class GuardTest : public testing::Test {
 protected:
  std::string Add(Role role, uint32_t rate = 0) {
    return AddKey(file_, {.name = "n", .roles = {role}, .requests_per_second = rate})
        .value()
        .secret;
  }
  void Start(const ServerOptions& options = {}) {
    api_ = std::make_unique<Api>(
        *service_, options,
        ApiAccess{.keys = KeyRing::Open(file_, base::SystemClock()).value(),
                  .audit = [this](std::string_view line) { audit_ += line; }});
  }
  HttpResponse Ask(std::string_view method, std::string_view target, const std::string& key,
                   std::string_view client = "10.0.0.1", std::string_view body = "") {
    const std::string header = key.empty() ? "" : "Bearer " + key;
    return api_->Handle({.method = method,
                         .target = target,
                         .content_type = "application/json",
                         .body = body,
                         .authorization = header,
                         .client = client});
  }

  base::TestFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "keys.json";
  serving::TestService service_;
  std::unique_ptr<Api> api_;
  std::string audit_;
};

constexpr std::string_view kOneFeed = "/v1/recommendations?user=u";
constexpr std::string_view kOneEvent =
    R"({"events": [{"user": "u", "item": "i3", "type": "click"}]})";

TEST_F(GuardTest, EveryRouteNeedsAKeyOfItsRoleButTheOpenOnes) {
  const std::string events = Add(Role::kEvents), recommend = Add(Role::kRecommend),
                    admin = Add(Role::kAdmin);
  Start();
  for (const RouteInfo& line : Routes()) {
    const std::string target =
        std::string(line.path).replace(std::min(line.path.find("{id}"), line.path.size()), 4,
                                       line.route == Route::kGuide ? "events" : "i3");
    const unsigned status =
        Ask(line.method, line.path.find("{id}") < line.path.size() ? target : line.path, "").status;
    if (line.access == Access::kOpen) {
      EXPECT_EQ(status, 200u) << line.path;
    } else {
      EXPECT_EQ(status, 401u) << line.path;
    }
  }
  EXPECT_EQ(Ask("GET", kOneFeed, recommend).status, 200u);
  EXPECT_EQ(Ask("GET", kOneFeed, admin).status, 200u);
  const HttpResponse wrong_role = Ask("GET", kOneFeed, events);
  EXPECT_EQ(wrong_role.status, 403u);
  EXPECT_THAT(wrong_role.body, HasSubstr("the role recommend"));
  EXPECT_EQ(Ask("POST", "/v1/events", events, "c", kOneEvent).status, 200u);
  EXPECT_EQ(Ask("POST", "/v1/events", recommend, "c", kOneEvent).status, 403u);
  const HttpResponse unknown = Ask("GET", kOneFeed, "upn_00000000_0");
  EXPECT_EQ(unknown.status, 401u);
  EXPECT_TRUE(unknown.asks_key);
  EXPECT_THAT(unknown.body, testing::Not(HasSubstr("upn_00000000_0")));
}

TEST_F(GuardTest, TheKeyOfAPageGetsNoExplanation) {
  const std::string page = Add(Role::kPage);
  Start();
  EXPECT_EQ(Ask("GET", kOneFeed, page).status, 200u);
  EXPECT_EQ(Ask("GET", "/v1/recommendations?user=u&explain=1", page).status, 403u);
  for (const char* more : {"filter=user.age%3E20", "boost=2", "return=title"}) {
    EXPECT_EQ(Ask("GET", std::string(kOneFeed) + "&" + more, page).status, 403u) << more;
  }
  const auto ask = [&](std::string_view body) {
    return Ask("POST", "/v1/recommendations", page, "c", body).status;
  };
  EXPECT_EQ(ask(R"({"user": "u"})"), 200u);
  for (const char* more : {R"("explain": true)", R"("filter": "user.age > 20")", R"("boost": "2")",
                           R"("return": ["title"])"}) {
    EXPECT_EQ(ask(fmt::format(R"({{"user": "u", {}}})", more)), 403u) << more;
  }
  EXPECT_EQ(ask(R"({"user": "u", "rows": [{"scenario": ""}, {"because": true}]})"), 403u);
  EXPECT_EQ(ask(R"({"session": "s", "rows": [{"because": true}]})"), 200u);
  EXPECT_EQ(Ask("GET", "/v1/items/i3/similar?filter=item.duration%3E1", page).status, 403u);
  EXPECT_EQ(Ask("GET", "/v1/items/i3/similar", page).status, 200u);
  EXPECT_EQ(Ask("GET", "/v1/items/i3", page).status, 403u);
  EXPECT_EQ(Ask("GET", "/v1/items/i3", Add(Role::kItems)).status, 401u)
      << "taken up within a second";
  EXPECT_EQ(Ask("DELETE", "/v1/users/u", page).status, 403u);
  EXPECT_EQ(Ask("GET", "/metrics", page).status, 403u);
}

TEST_F(GuardTest, RatesAreOfAKeyAndOfEachClientOfAPage) {
  const std::string page = Add(Role::kPage), slow = Add(Role::kRecommend, 2),
                    free = Add(Role::kRecommend);
  Start({.page_requests_per_second = 3});
  const auto answered = [&](const std::string& key, std::string_view client) {
    int n = 0;
    HttpResponse last;
    for (int i = 0; i < 8; ++i)
      n += (last = Ask("GET", "/v1/items/i3/similar?n=1", key, client)).status == 200;
    if (n < 8) {
      EXPECT_EQ(last.status, 429u);
      EXPECT_EQ(last.retry_after_s, 1);
    }
    return n;
  };
  // A second may pass while they are sent.
  EXPECT_THAT(answered(page, "10.0.0.1"), testing::AllOf(testing::Ge(3), testing::Lt(8)));
  EXPECT_THAT(answered(page, "10.0.0.2"), testing::Ge(3));
  EXPECT_THAT(answered(slow, "10.0.0.3"), testing::AllOf(testing::Ge(2), testing::Lt(8)));
  EXPECT_THAT(answered(slow, "10.0.0.4"), testing::Lt(8));
  EXPECT_EQ(answered(free, "10.0.0.5"), 8);
}

TEST_F(GuardTest, AuditLinesNameKeyAndTargetAndCannotBreak) {
  const std::string admin = Add(Role::kAdmin), events = Add(Role::kEvents);
  Start();
  Ask("DELETE", "/v1/users/nobody", admin);
  Ask("DELETE", "/v1/users/a%0Ab", events, "10.0.0.9\n");
  Ask("GET", kOneFeed, admin);
  std::vector<json> lines;
  size_t begin = 0;
  for (size_t end; (end = audit_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    lines.push_back(json::parse(audit_.substr(begin, end - begin)));
  }
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0]["target"], "/v1/users/nobody");
  EXPECT_EQ(lines[0]["key"], admin.substr(4, 8));
  EXPECT_EQ(lines[0]["status"], 200);
  EXPECT_EQ(lines[1]["status"], 403);
  EXPECT_EQ(lines[1]["client"], "10.0.0.9\n");
  EXPECT_THAT(audit_, testing::Not(HasSubstr(admin.substr(13))));
}

TEST_F(GuardTest, ARequestCostsAsManyAsItHasRows) {
  const std::string key = Add(Role::kRecommend, 3);
  Start();
  const auto ask = [&](std::string_view rows) {
    return Ask("POST", "/v1/recommendations", key, "c",
               fmt::format(R"({{"user": "u", "rows": [{}]}})", rows));
  };
  EXPECT_EQ(ask(R"({"n": 2})").status, 200u);
  const HttpResponse refused = ask(R"({"n": 2}, {"n": 2}, {"n": 2})");
  EXPECT_EQ(refused.status, 429u);
  EXPECT_THAT(refused.body, HasSubstr("the request counts as 3, one for each row"));
  EXPECT_GT(refused.retry_after_s, 0);
}

TEST(RateLimit, WhatCostsMoreThanABucketNeedsAFullOneAndIsPaidForAfterwards) {
  RateLimit limit;
  EXPECT_TRUE(limit.Take("a", 10, 0));
  EXPECT_FALSE(limit.Take("a", 10, 0, 50)) << "nine are left";
  EXPECT_TRUE(limit.Take("a", 10, 0, 9));
  EXPECT_TRUE(limit.Take("a", 10, 1000)) << "full again";
  EXPECT_TRUE(limit.Take("a", 10, 1000, 50, 1)) << "one of the fifty was taken before";
  EXPECT_FALSE(limit.Take("a", 10, 5000));
  EXPECT_TRUE(limit.Take("a", 10, 5100)) << "50 in 5 seconds, and one";
}

TEST(RateLimit, WhatIsRefusedCostsNothing) {
  RateLimit limit;
  EXPECT_TRUE(limit.Take("a", 5, 0));
  int64_t now_ms = 10;
  for (; now_ms < 2000; now_ms += 190) {  // as often as it may
    EXPECT_TRUE(limit.Take("a", 5, now_ms));
    if (limit.Take("a", 5, now_ms, 30, 1)) break;
  }
  EXPECT_LE(now_ms, 400) << "the bucket is full a fifth of a second after the first request";
}

TEST(RateLimit, ABucketFillsWithTimeAndNotWithAClockSetBack) {
  RateLimit limit;
  EXPECT_TRUE(limit.Take("a", 2, 10'000));
  EXPECT_TRUE(limit.Take("a", 2, 10'000));
  EXPECT_FALSE(limit.Take("a", 2, 10'000));
  EXPECT_TRUE(limit.Take("b", 2, 10'000));
  EXPECT_FALSE(limit.Take("a", 2, 5'000));
  EXPECT_FALSE(limit.Take("a", 2, 5'400));
  EXPECT_TRUE(limit.Take("a", 2, 5'600));
  EXPECT_FALSE(limit.Take("a", 2, 5'600));
  EXPECT_TRUE(limit.Take("a", 2, 90'000));  // full again, not more
  EXPECT_TRUE(limit.Take("a", 2, 90'000));
  EXPECT_FALSE(limit.Take("a", 2, 90'000));
}

}  // namespace
}  // namespace upnext::net
