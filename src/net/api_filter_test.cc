// Items and users changed and deleted by a condition.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "net/test_api.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ApiFilterTest : public ApiTest {
 protected:
  HttpResponse Send(std::string_view method, const std::string& target,
                    const std::string& body = "") {
    return api_.Handle(
        {.method = method, .target = target, .content_type = "application/json", .body = body});
  }
  json Done(const HttpResponse& answer) {
    EXPECT_EQ(answer.status, 200u) << answer.body;
    return json::parse(answer.body);
  }
  std::string ChannelOf(const std::string& item) {
    return GetJson("/v1/items/" + item)["attributes"].value("channel", "");
  }
};

TEST_F(ApiFilterTest, PatchChangesWhatTheConditionHoldsForAndNothingElse) {
  const std::string target =
      "/v1/items?filter=item.channel==$c+and+item.duration%3E5&parameter.c=c2";
  const json dry = Done(Send("PATCH", target + "&dry_run=1", R"({"channel": "other"})"));
  const int matches = dry["matches"];
  ASSERT_GT(matches, 3);
  EXPECT_EQ(dry["changed"], 0);
  EXPECT_EQ(dry["more"], false);
  EXPECT_EQ(ChannelOf("i2"), "c2");
  const json done = Done(Send("PATCH", target, R"({"channel": "other"})"));
  EXPECT_EQ(done["matches"], matches);
  EXPECT_EQ(done["changed"], matches);
  EXPECT_EQ(ChannelOf("i2"), "other");
  EXPECT_EQ(ChannelOf("i14"), "c2") << "its duration is not known";
  EXPECT_EQ(ChannelOf("i3"), "c3");
  EXPECT_EQ(GetJson("/v1/items/i2")["attributes"]["title"], "Title of 2");
  EXPECT_EQ(Done(Send("PATCH", target, R"({"channel": "other"})"))["matches"], 0);
  service_.Restart();
  Api again(*service_);
  const HttpResponse item =
      again.Handle({.method = "GET", .target = "/v1/items/i2", .content_type = "", .body = ""});
  EXPECT_EQ(json::parse(item.body)["attributes"]["channel"], "other");
}

TEST_F(ApiFilterTest, DeleteTakesItemsOutOfEveryAnswer) {
  const json done = Done(Send("DELETE", "/v1/items?filter=item.channel==%27c3%27"));
  EXPECT_GT(done["changed"], 5);
  EXPECT_EQ(Get("/v1/items/i3").status, 404u);
  EXPECT_EQ(Get("/v1/items/i2").status, 200u);
  const json feed = GetJson("/v1/recommendations?user=nobody&n=100&return=channel");
  for (const json& item : feed["items"]) EXPECT_NE(item["attributes"]["channel"], "c3");
  EXPECT_EQ(Done(Send("DELETE", "/v1/items?filter=item.channel==%27c3%27"))["matches"], 0);
}

TEST_F(ApiFilterTest, UsersArePatchedByTheirAttributes) {
  const json done =
      Done(Send("PATCH", "/v1/users?filter=user.region==%27DE%27", R"({"language": "de"})"));
  EXPECT_EQ(done["changed"], 6);
  EXPECT_EQ(GetJson("/v1/users/u2")["attributes"]["language"], "de");
  EXPECT_FALSE(GetJson("/v1/users/u1")["attributes"].contains("language"));
  EXPECT_EQ(Send("DELETE", "/v1/users?filter=user.region==%27DE%27").status, 405u);
}

TEST_F(ApiFilterTest, WhatChangesNothingIsNotCounted) {
  const std::string rows = R"([{"item": "a", "title": "A"}, {"item": "b", "title": "B"}])";
  EXPECT_EQ(Done(Send("POST", "/v1/items", rows))["changed"], 2);
  EXPECT_EQ(Done(Send("POST", "/v1/items", rows))["changed"], 0);
  EXPECT_EQ(Done(Send("PATCH", "/v1/items/a", R"({"title": "A"})"))["changed"], 0);
  EXPECT_EQ(Done(Send("PATCH", "/v1/items/a", R"({"title": "C"})"))["changed"], 1);
}

TEST_F(ApiFilterTest, AConditionIsNeededAndReadsNothingElse) {
  EXPECT_THAT(Detail(Send("DELETE", "/v1/items"), 400), HasSubstr("filter: expected a condition"));
  EXPECT_THAT(Detail(Send("DELETE", "/v1/items?filter=user.age%3E3"), 400),
              HasSubstr("on attributes of the item alone"));
  EXPECT_THAT(Detail(Send("PATCH", "/v1/users?filter=item.duration%3E3", "{}"), 400),
              HasSubstr("on attributes of the user alone"));
  EXPECT_THAT(Detail(Send("DELETE", "/v1/items?filter=item.channel==request.region"), 400),
              HasSubstr("filter: "));
  EXPECT_THAT(Detail(Send("DELETE", "/v1/items?filter=item.chanel==%27x%27"), 400),
              HasSubstr("did you mean 'item.channel'"));
  EXPECT_THAT(Detail(Send("DELETE", "/v1/items?filter=item.duration%3E$x"), 400),
              HasSubstr("parameter $x: expected a value"));
  EXPECT_THAT(
      Detail(Send("PATCH", "/v1/items?filter=item.duration%3E1", R"({"chanel": "x"})"), 400),
      HasSubstr("chanel"));
  EXPECT_EQ(Get("/v1/items/i3").status, 200u);
}

}  // namespace
}  // namespace upnext::net
