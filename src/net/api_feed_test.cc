// Feeds that are asked for with a body.
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

class ApiFeedTest : public ApiTest {
 protected:
  json Ask(const json& body) {
    const HttpResponse answer = Post("/v1/recommendations", body.dump());
    EXPECT_EQ(answer.status, 200u) << answer.body;
    return json::parse(answer.body);
  }
  std::string WhyNot(const json& body) {
    return Detail(Post("/v1/recommendations", body.dump()), 400);
  }
};

TEST_F(ApiFeedTest, ABodyAsksWhatAQueryAsks) {
  json by_query = GetJson(
      "/v1/recommendations?user=u&n=6&offset=2&device=tv&exclude=i3&exclude=i5&explain=1"
      "&filter=item.duration%3E$least&parameter.least=5&boost=if(item.channel==%27c2%27,2,1)"
      "&return=title,channel&watching=i7&score=watch:1,click:0.5");
  json by_body = Ask({{"user", "u"},
                      {"n", 6},
                      {"offset", 2},
                      {"device", "tv"},
                      {"exclude", {"i3", "i5"}},
                      {"explain", true},
                      {"filter", "item.duration>$least"},
                      {"parameters", {{"least", 5}}},
                      {"boost", "if(item.channel=='c2',2,1)"},
                      {"return", {"title", "channel"}},
                      {"watching", "i7"},
                      {"weights", {{"watch", 1}, {"click", 0.5}}}});
  ASSERT_EQ(by_body["items"].size(), 6u);
  EXPECT_THAT(ItemsOf(by_body), Not(Contains("i7")));
  for (json* one : {&by_query, &by_body}) {
    for (const char* of_time : {"request", "milliseconds", "stages", "generators"}) {
      one->erase(of_time);
    }
  }
  EXPECT_EQ(by_body, by_query);
}

TEST_F(ApiFeedTest, ABodyIsCheckedLikeAQuery) {
  EXPECT_EQ(WhyNot({{"n", 5}}), "parameter user: expected a user id, found none");
  EXPECT_THAT(WhyNot({{"user", "u"}, {"n", 0}}), HasSubstr("parameter n: expected a whole number"));
  EXPECT_THAT(WhyNot({{"user", "u"}, {"m", 1}}), HasSubstr("m: there is no such key"));
  EXPECT_THAT(WhyNot({{"user", "u"}, {"watching", "i1"}, {"seed", "i2"}}),
              HasSubstr("seed is another name of watching"));
  EXPECT_THAT(WhyNot({{"user", "u"}, {"weights", {{"wotch", 1}}}}), HasSubstr("found 'wotch'"));
  EXPECT_THAT(Detail(Post("/v1/recommendations?n=5", R"({"user": "u"})"), 400),
              HasSubstr("there is no parameter 'n'"));
  EXPECT_EQ(Post("/v1/recommendations", R"({"user": "u"})", "text/plain").status, 415u);
}

TEST_F(ApiFeedTest, AGivenListIsRanked) {
  const json slate =
      Ask({{"user", "u"}, {"items", {"i3", "nope", "i5", "i1", 9, "i7"}}, {"explain", true}});
  EXPECT_THAT(ItemsOf(slate), testing::UnorderedElementsAre("i3", "i5", "i7"));
  EXPECT_EQ(slate["missing"], json({{"items", {"nope", "9"}}}));
  EXPECT_FALSE(slate["items"][0]["predictions"].empty());
  EXPECT_GE(slate["items"][0]["score"], slate["items"][2]["score"]);
  EXPECT_EQ(ItemsOf(GetJson("/v1/recommendations?user=u&items=i3&items=i5&items=i7")),
            ItemsOf(slate));
  EXPECT_EQ(Ask({{"user", "u"}, {"n", 1}, {"items", {"i3", "i5"}}})["items"].size(), 1u);
  EXPECT_THAT(WhyNot({{"user", "u"}, {"items", json::array()}}), HasSubstr("at least one id"));
  EXPECT_THAT(WhyNot({{"user", "u"}, {"items", std::vector<std::string>(1001, "i")}}),
              HasSubstr("items: expected at most 1000"));
}

TEST_F(ApiFeedTest, RowsShareNoItemAndSayWhatTheyAreFor) {
  const json rows = json::parse(
      R"([{"n": 4}, {"because": true, "n": 4}, {"segment": "channel", "n": 2, "items": 2}])");
  const json page = Ask({{"user", "u"}, {"return", {"channel"}}, {"rows", rows}});
  EXPECT_EQ(page["user"], "u");
  EXPECT_EQ(page["bundle_version"], "v000001");
  ASSERT_EQ(page["rows"].size(), 3u);
  EXPECT_EQ(page["rows"][0]["items"].size(), 4u);
  EXPECT_FALSE(page["rows"][1]["because"]["item"].get<std::string>().empty());
  EXPECT_TRUE(page["rows"][1]["because"].contains("title"));
  std::vector<std::string> all = ItemsOf(page["rows"][0]);
  for (const std::string& id : ItemsOf(page["rows"][1])) {
    EXPECT_THAT(all, Not(Contains(id)));
    all.push_back(id);
  }
  EXPECT_FALSE(page["rows"][2].contains("items"));
  ASSERT_FALSE(page["rows"][2]["segments"].empty());
  for (const json& segment : page["rows"][2]["segments"]) {
    for (const json& item : segment["items"]) {
      EXPECT_EQ(item["attributes"]["channel"], segment["value"]);
      EXPECT_THAT(all, Not(Contains(item["item"].get<std::string>())));
    }
  }
  EXPECT_NE(page["rows"][0]["request"], page["rows"][1]["request"]);
  EXPECT_THAT(WhyNot({{"user", "u"}, {"n", 3}, {"rows", rows}}),
              HasSubstr("parameter n: expected none with rows"));
  EXPECT_THAT(WhyNot({{"user", "u"}, {"rows", json::parse(R"([{"scenario": "x"}])")}}),
              HasSubstr("rows[0]: "));
}

TEST_F(ApiFeedTest, ItemsLikeAnItemArePulledTowardsAUser) {
  const auto similar = [&](const std::string& query) {
    return ItemsOf(GetJson("/v1/items/i2/similar?n=20" + query));
  };
  EXPECT_NE(similar("&user=u&pull=0"), similar("&user=u&pull=1"));
  EXPECT_EQ(similar("&user=u"), similar("&user=u&pull=0.3"));
  EXPECT_THAT(Detail(Get("/v1/items/i2/similar?pull=0.3"), 400),
              HasSubstr("expected a user or a session too"));
  EXPECT_THAT(Detail(Get("/v1/items/i2/similar?user=u&pull=2"), 400),
              HasSubstr("pull: expected a number from 0 to 1, found '2'"));
}

TEST_F(ApiFeedTest, TheNextPageCanBeAskedForWithABody) {
  const json first = Ask({{"user", "u"}, {"n", 5}});
  const json second = Ask({{"user", "u"}, {"n", 5}, {"after", first["request"]}});
  ASSERT_FALSE(second["items"].empty());
  for (const std::string& item : ItemsOf(second)) {
    EXPECT_THAT(ItemsOf(first), Not(Contains(item)));
  }
}

}  // namespace
}  // namespace upnext::net
