#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "net/test_api.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kReturning = "/v1/recommendations?user=u&n=40&return=channel,topics,duration";

TEST_F(ApiTest, FiltersAndBoostsAreExpressionsWithParameters) {
  const json slate = GetJson(std::string(kReturning) +
                             "&explain=1&filter=item.channel+in+$channels+and+item.duration+%3E+5"
                             "&boost=if(item.channel==%27c2%27,$by,1)&parameter.by=2"
                             "&parameter.channels=c1&parameter.channels=c2");
  ASSERT_FALSE(slate["items"].empty());
  for (const json& item : slate["items"]) {
    const std::string channel = item["attributes"]["channel"];
    EXPECT_THAT(channel, testing::AnyOf("c1", "c2"));
    EXPECT_EQ(item["attributes"]["duration"], 100);
    EXPECT_EQ(item["boost"], channel == "c2" ? 2 : 1);
  }
  EXPECT_GT(slate["counts"]["filtered_filter"].get<int>(), 10);
  EXPECT_FALSE(GetJson(std::string(kReturning) + "&boost=2")["items"][0].contains("boost"));
}

TEST_F(ApiTest, ReturnGivesAttributesWithEachItem) {
  const json slate = GetJson(kReturning);
  for (const json& item : slate["items"]) {
    EXPECT_TRUE(item["attributes"]["topics"].is_array());
    EXPECT_FALSE(item["attributes"].contains("title"));
    EXPECT_EQ(item["attributes"].contains("duration"), item["attributes"].size() == 3);
  }
  EXPECT_FALSE(GetJson("/v1/recommendations?user=u")["items"][0].contains("attributes"));
  EXPECT_EQ(Detail(Get("/v1/recommendations?user=u&return=title,chanel"), 400),
            "parameter return: expected attributes of items, separated by commas, found 'chanel'; "
            "did you mean 'channel'?");
}

TEST_F(ApiTest, SimilarItemsTakeAFilterAndReturnAttributes) {
  const json similar = GetJson(
      "/v1/items/i2/similar?n=40&return=channel"
      "&filter=item.channel==request.current_item.channel+and+item+!=+$not&parameter.not=i6");
  ASSERT_FALSE(similar["items"].empty());
  for (const json& item : similar["items"]) {
    EXPECT_EQ(item["attributes"], json({{"channel", "c2"}}));
    EXPECT_NE(item["item"], "i6");
  }
  EXPECT_THAT(Detail(Get("/v1/items/i2/similar?boost=2"), 400),
              HasSubstr("there is no parameter 'boost'"));
}

TEST_F(ApiTest, AWrongExpressionIsA400WithItsPlace) {
  const auto detail = [&](const std::string& query) {
    return Detail(Get("/v1/recommendations?user=u&" + query), 400);
  };
  EXPECT_EQ(detail("filter=item.chanel==%27c1%27"),
            "filter: at byte 1: unknown attribute 'item.chanel'; did you mean 'item.channel'?");
  EXPECT_EQ(detail("boost=1+%2B"), "boost: at byte 4: expected a value, found the end");
  EXPECT_EQ(detail("filter=item.duration%3C$x"), "parameter $x: expected a value, found none");
  EXPECT_EQ(detail("filter=item.duration%3C$x&parameter.x=a"),
            "parameter $x: expected a number, found 'a'");
  EXPECT_EQ(detail("parameter.x=a"), "parameter $x: no filter or boost has it");
  EXPECT_THAT(Detail(Get("/v1/items/i2/similar?filter=1"), 400),
              HasSubstr("filter: at byte 1: expected true or false, found a number"));
}

}  // namespace
}  // namespace upnext::net
