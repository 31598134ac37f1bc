// Resources of one item.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "net/test_api.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST_F(ApiTest, AnItemIsDescribedByItsAttributes) {
  const json item = GetJson("/v1/items/i2");
  EXPECT_EQ(item["item"], "i2");
  EXPECT_EQ(item["log_version"], "v000001");
  EXPECT_TRUE(item["attributes"]["channel"].is_string());
  EXPECT_TRUE(item["attributes"]["duration"].is_number());
  EXPECT_EQ(GetJson("/v1/items/i1")["attributes"]["removed"], true);
  EXPECT_THAT(Detail(Get("/v1/items/nothing"), 404), HasSubstr("'nothing'"));
  EXPECT_THAT(Detail(Get("/v1/items/i2?n=4"), 400), HasSubstr("no parameter 'n'"));
}

TEST_F(ApiTest, SimilarItemsByPath) {
  const json similar = GetJson("/v1/items/i2/similar?n=4");
  EXPECT_EQ(similar["item"], "i2");
  EXPECT_EQ(similar["bundle_version"], "v000001");
  EXPECT_EQ(similar["log_version"], "v000001");
  EXPECT_EQ(similar["items"].size(), 4u);
  EXPECT_TRUE(similar["items"][0]["sources"][0]["source"].is_string());
  EXPECT_THAT(ItemsOf(similar), testing::Not(testing::Contains("i2")));
  EXPECT_THAT(Detail(Get("/v1/items/nothing/similar"), 404), HasSubstr("'nothing'"));
  // An id that came with an event is known; one with a slash is one segment when encoded.
  Post("/v1/events", R"({"events": [{"user": "u", "item": "a/b", "type": "click"}]})");
  EXPECT_EQ(GetJson("/v1/items/a%2Fb/similar")["item"], "a/b");
  EXPECT_THAT(Detail(Get("/v1/items/i2/similar?m=4"), 400), HasSubstr("no parameter 'm'"));
  EXPECT_THAT(Detail(Get("/v1/items/i2/similar?n=0"), 400), HasSubstr("from 1 to 1000"));
}

}  // namespace
}  // namespace upnext::net
