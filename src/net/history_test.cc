#include "net/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "net/test_api.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(HistoryCursor, IsThatOfAnAnswerOrATime) {
  EXPECT_EQ(ParseCursor("1777622400000-2")->time_ms, 1777622400000);
  EXPECT_EQ(ParseCursor("1777622400000-2")->given, 2u);
  EXPECT_EQ(ParseCursor("1777622400.5")->time_ms, 1777622400500);
  EXPECT_EQ(ParseCursor("1970-01-02T00:00:00Z")->time_ms, 86'400'000);
  EXPECT_EQ(ParseCursor("1970-01-02T00:00:00")->given, 0u);
  for (const char* bad : {"", "-", "x", "5-", "5-0", "5-x", "1e300", "nan"}) {
    EXPECT_FALSE(ParseCursor(bad)) << bad;
  }
}

TEST_F(ApiTest, AHistoryHasLogAndPostedEventsNewestFirstPageByPage) {
  const json logged = GetJson("/v1/users/u/history?n=1000");
  const size_t before = logged["events"].size();
  ASSERT_GT(before, 30u);
  EXPECT_EQ(logged["next"], nullptr);
  EXPECT_EQ(Post("/v1/events", R"({"events": [
      {"user": "u", "item": "i3", "type": "watch", "value": 95, "request": "r-new", "device": "tv"},
      {"user": "u", "type": "search", "query": "bread"},
      {"user": "u", "type": "click", "item": "i5", "time": 1}]})")
                .status,
            200u);
  const json all = GetJson("/v1/users/u/history?n=1000");
  ASSERT_EQ(all["events"].size(), before + 3);
  const auto type = [&](size_t i) { return all["events"][i]["type"]; };
  EXPECT_EQ(type(0), "search");
  EXPECT_EQ(all["events"][0]["query"], "bread");
  EXPECT_EQ(all["events"][1]["item"], "i3");
  EXPECT_EQ(all["events"][1]["request"], "r-new");
  EXPECT_EQ(all["events"][1]["device"], "tv");
  EXPECT_EQ(all["events"][1]["value"], 95);
  // Pages have each event once, also where several have one time.
  json paged = json::array();
  std::string target = "/v1/users/u/history?n=4";
  for (int pages = 0; pages < 100; ++pages) {
    const json page = GetJson(target);
    EXPECT_LE(page["events"].size(), 4u);
    for (const json& event : page["events"]) paged.push_back(event);
    if (page["next"].is_null()) break;
    target = "/v1/users/u/history?n=4&before=" + page["next"].get<std::string>();
  }
  EXPECT_EQ(paged, all["events"]);
  EXPECT_EQ(GetJson("/v1/users/u/history?before=2")["events"].size(), 1u);
  EXPECT_THAT(Detail(Get("/v1/users/u/history?before=x"), 400), HasSubstr("parameter before"));
  EXPECT_TRUE(GetJson("/v1/users/nobody/history")["events"].empty());
  EXPECT_EQ(Delete("/v1/users/u").status, 200u);
  EXPECT_TRUE(GetJson("/v1/users/u/history")["events"].empty());
}

}  // namespace
}  // namespace upnext::net
