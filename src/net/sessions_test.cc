#include "net/sessions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "net/test_api.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

std::string WatchOf(const std::string& who, const std::string& item, const std::string& id) {
  return fmt::format(
      R"({{"events": [{{{}, "type": "watch", "item": "{}", "value": 95, "id": "{}"}}]}})", who,
      item, id);
}

TEST_F(ApiTest, ASessionHasAFeedAndEventsAsAUserHas) {
  const json before = GetJson("/v1/recommendations?session=s1&n=40");
  EXPECT_EQ(before["session"], "s1");
  EXPECT_FALSE(before.contains("user"));
  ASSERT_THAT(ItemsOf(before), Contains("i3"));
  EXPECT_EQ(Post("/v1/events", WatchOf(R"("session": "s1")", "i3", "e1")).status, 200u);
  EXPECT_THAT(ItemsOf(GetJson("/v1/recommendations?session=s1&n=40")), Not(Contains("i3")));
  EXPECT_THAT(ItemsOf(GetJson("/v1/recommendations?session=s2&n=40")), Contains("i3"));
  const HttpResponse by_body = Post("/v1/recommendations", R"({"session": "s1", "n": 40})");
  EXPECT_THAT(ItemsOf(json::parse(by_body.body)), Not(Contains("i3")));
  EXPECT_THAT(ItemsOf(GetJson("/v1/items/i2/similar?session=s1&n=40")), Not(Contains("i3")));
}

TEST_F(ApiTest, ASessionIsNeverAUser) {
  EXPECT_THAT(Detail(Get("/v1/recommendations?user=session:s1"), 400),
              HasSubstr("parameter user: expected the id of a user, found 'session:s1'"));
  EXPECT_THAT(Detail(Get("/v1/recommendations?user=u&session=s1"), 400),
              HasSubstr("user and session: expected one of them"));
  EXPECT_THAT(Detail(Post("/v1/events", WatchOf(R"("user": "session:s1")", "i3", "e")), 400),
              HasSubstr("user: expected the id of a user"));
  EXPECT_THAT(Detail(Post("/v1/events", WatchOf(R"("user": "u", "session": "s")", "i3", "e")), 400),
              HasSubstr("session: expected none beside the user 'u'"));
  EXPECT_THAT(Detail(Post("/v1/users/session:s2/merge", R"({"session": "s1"})"), 400),
              HasSubstr("expected the id of a user"));
  EXPECT_THAT(Detail(Get("/v1/recommendations?session=%01"), 400), HasSubstr("session"));
}

TEST_F(ApiTest, MergingGivesTheUserWhatTheSessionDidOnce) {
  ASSERT_THAT(ItemsOf(GetJson("/v1/recommendations?user=new&n=40")), Contains("i3"));
  Post("/v1/events", WatchOf(R"("session": "s1")", "i3", "e1"));
  Post("/v1/events", WatchOf(R"("session": "s1")", "i4", "e2"));
  json merged = json::parse(Post("/v1/users/new/merge", R"({"session": "s1"})").body);
  EXPECT_EQ(merged, json({{"user", "new"},
                          {"session", "s1"},
                          {"merged", 2},
                          {"bundle_version", "v000001"},
                          {"log_version", "v000001"}}));
  EXPECT_THAT(ItemsOf(GetJson("/v1/recommendations?user=new&n=40")), Not(Contains("i3")));
  EXPECT_THAT(ItemsOf(GetJson("/v1/recommendations?session=s1&n=40")), Contains("i3"));
  merged = json::parse(Post("/v1/users/new/merge", R"({"session": "s1"})").body);
  EXPECT_EQ(merged["merged"], 0);
  service_.Restart();
  Api again(*service_);
  const HttpResponse feed = again.Handle({.method = "GET",
                                          .target = "/v1/recommendations?user=new&n=40",
                                          .content_type = "",
                                          .body = ""});
  EXPECT_THAT(ItemsOf(json::parse(feed.body)), Not(Contains("i3")));
}

TEST(ParseMerge, AMistakeNamesItsKey) {
  EXPECT_EQ(*ParseMerge(R"({"session": 7})"), "7");
  const auto why = [](std::string_view body) { return ParseMerge(body).error().message; };
  EXPECT_THAT(why("["), HasSubstr("the body is not JSON"));
  EXPECT_THAT(why("[]"), HasSubstr("expected an object such as"));
  EXPECT_EQ(why(R"({"sesion": "s"})"), "sesion: there is no such key; expected session");
  EXPECT_THAT(why(R"({"session": "s", "session": "t"})"), HasSubstr("given twice"));
  EXPECT_THAT(why(R"({"session": []})"), HasSubstr("session: expected a string"));
}

}  // namespace
}  // namespace upnext::net
