#include "net/feed_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/test_api.h"

namespace upnext::net {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST(FeedMetrics, StagesFeedsAndWhatWasDegradedAreCounted) {
  FeedMetrics metrics;
  FeedReport feed{.request = "a", .scenario = "home \"x\""};
  feed.stages = {{.stage = serving::kRanker, .ms = 0.2, .in = 40, .out = 30}};
  feed.predictions = {{"click", 0.25}};
  metrics.Observe(feed);
  feed.stages[0].ms = 2000;
  feed.degraded = {{"ranker", "", "late"}, {"generators", "popular", "late"}};
  feed.predictions = {{"click", 0.75}};
  metrics.Observe(feed);
  const std::string text = metrics.Render();
  for (const char* line :
       {"upnext_feeds_total{scenario=\"home \\\"x\\\"\"} 2\n", "upnext_feeds_degraded_total 1\n",
        "upnext_degraded_total{stage=\"ranker\"} 1\n",
        "upnext_degraded_total{stage=\"generators\"} 1\n",
        "upnext_stage_seconds_bucket{stage=\"ranker\",le=\"0.0001\"} 0\n",
        "upnext_stage_seconds_bucket{stage=\"ranker\",le=\"0.00025\"} 1\n",
        "upnext_stage_seconds_bucket{stage=\"ranker\",le=\"1\"} 1\n",
        "upnext_stage_seconds_bucket{stage=\"ranker\",le=\"+Inf\"} 2\n",
        "upnext_stage_seconds_sum{stage=\"ranker\"} 2.0002\n",
        "upnext_stage_seconds_count{stage=\"ranker\"} 2\n",
        "upnext_stage_items_total{stage=\"ranker\"} 60\n",
        "upnext_prediction_mean{objective=\"click\"} 0.5\n",
        "upnext_event_visible_seconds_count 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(FeedMetrics, TheMeanOfPredictionsFollowsTheNewestFeeds) {
  FeedMetrics metrics;
  FeedReport feed;
  feed.predictions = {{"click", 0.5}};
  for (int i = 0; i < 20'000; ++i) metrics.Observe(feed);
  feed.predictions = {{"click", 1}};
  for (int i = 0; i < 2000; ++i) metrics.Observe(feed);
  EXPECT_THAT(metrics.Render(), HasSubstr("upnext_prediction_mean{objective=\"click\"} 0.93"));
}

using FeedMetricsApi = ApiTest;

TEST_F(FeedMetricsApi, AFeedAndAnEventAreObserved) {
  EXPECT_EQ(Get("/v1/recommendations?user=u&n=3").status, 200u);
  EXPECT_EQ(Get("/v1/recommendations?user=u&n=3&scenario=none").status, 400u);
  EXPECT_EQ(
      Post("/v1/events", R"({"events": [{"user": "u", "type": "search", "query": "a"}]})").status,
      200u);
  const std::string text = Get("/metrics").body;
  EXPECT_THAT(text, HasSubstr("upnext_feeds_total{scenario=\"\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("upnext_stage_seconds_count{stage=\"ranker\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("upnext_prediction_mean{objective="));
  EXPECT_THAT(text, HasSubstr("upnext_event_visible_seconds_count 1\n"));
  EXPECT_THAT(text, HasSubstr("upnext_index_items 4"));
  EXPECT_THAT(text, ContainsRegex("upnext_bundle_created_seconds [0-9]+\n"));
  EXPECT_THAT(text, ContainsRegex("upnext_log_last_event_seconds [0-9]+\n"));
  EXPECT_THAT(text, HasSubstr("upnext_bundle_part_bytes{part=\"ranker\"}"));
  EXPECT_THAT(text, Not(HasSubstr("upnext_degraded_total{")));
}

TEST_F(FeedMetricsApi, AnswersSayWhatIsMissingAndExplainHowTheyWereMade) {
  const nlohmann::json plain = GetJson("/v1/recommendations?user=u&n=3");
  EXPECT_EQ(plain["missing"], nlohmann::json::object());
  EXPECT_EQ(plain["degraded"], nlohmann::json::array());
  EXPECT_FALSE(plain.contains("stages"));
  EXPECT_FALSE(plain["items"][0].contains("placed_by"));
  const nlohmann::json slate =
      GetJson("/v1/recommendations?user=u9x&n=3&exclude=v1x&exclude=i3&explain=1");
  EXPECT_EQ(slate["missing"], (nlohmann::json{{"exclude", {"v1x"}}, {"user", {"u9x"}}}));
  EXPECT_EQ(slate["items"][2]["placed_by"], "score");
  EXPECT_EQ(slate["items"][2]["place_by_score"], 3);
  EXPECT_EQ(slate["stages"][0]["stage"], "state");
  EXPECT_GT(slate["stages"][1]["left_ms"].get<double>(), 0);
  EXPECT_FALSE(slate["generators"].empty());
  EXPECT_FALSE(slate["exponents"].empty());
  EXPECT_THAT(slate["dropped"].dump(), HasSubstr(R"({"item":"i3","reason":"filter excluded"})"));
}

}  // namespace
}  // namespace upnext::net
