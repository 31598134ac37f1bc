#include "net/served_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "net/test_api.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ServedAnswerTest : public ApiTest {
 protected:
  json Served(const json& slate) {
    return GetJson("/v1/requests/" + slate["request"].get<std::string>());
  }
};

TEST_F(ServedAnswerTest, AnAnswerIsKeptAsItWas) {
  const json slate = GetJson("/v1/recommendations?user=u&n=4&device=tv&explain=1&exclude=i3");
  const json served = Served(slate);
  for (const char* key : {"request", "user", "bundle_version", "log_version"}) {
    EXPECT_EQ(served[key], slate[key]) << key;
  }
  EXPECT_EQ(served["scenario"], "");
  EXPECT_EQ(served["asked"], json({{"n", 4}, {"device", "tv"}, {"exclude", {"i3"}}}));
  EXPECT_THAT(served["time"].get<std::string>(), HasSubstr("T"));
  ASSERT_EQ(served["items"].size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const json &then = slate["items"][i], now = served["items"][i];
    for (const char* key : {"item", "score", "source", "sources", "predictions"}) {
      EXPECT_EQ(now[key], then[key]) << key;
    }
    EXPECT_EQ(now["position"], i + 1);
    EXPECT_FALSE(now.contains("reason"));
  }
}

TEST_F(ServedAnswerTest, TheNextPageSaysWhichOneItFollowsAndASessionIsNoUser) {
  const json first = GetJson("/v1/recommendations?session=s&n=3");
  const json second =
      GetJson("/v1/recommendations?session=s&n=3&after=" + first["request"].get<std::string>());
  const json served = Served(second);
  EXPECT_EQ(served["after"], first["request"]);
  EXPECT_EQ(served["items"][0]["position"], 4);
  EXPECT_EQ(served["session"], "s");
  EXPECT_FALSE(served.contains("user"));
}

TEST_F(ServedAnswerTest, WhatIsNotKeptIsNotFound) {
  const json slate = GetJson("/v1/recommendations?user=v&n=4");
  for (const char* id : {"0123456789abcdef", "nothing", "%20"}) {
    EXPECT_THAT(Detail(Get(std::string("/v1/requests/") + id), 404), HasSubstr("is kept")) << id;
  }
  EXPECT_EQ(Get("/v1/requests/0123456789abcdef?n=3").status, 400u);
  const std::string target = "/v1/requests/" + slate["request"].get<std::string>();
  EXPECT_EQ(Get(target).status, 200u);
  EXPECT_EQ(Delete("/v1/users/v").status, 200u);
  EXPECT_EQ(Get(target).status, 404u) << "of a user who was forgotten";
}

}  // namespace
}  // namespace upnext::net
