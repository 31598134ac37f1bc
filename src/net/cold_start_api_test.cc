// Answers to users with little history, over the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/config.h"
#include "net/test_api.h"
#include "serving/engine_options.h"

namespace upnext::net {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::HasSubstr;

class ColdStartApi : public testing::Test {
 protected:
  ColdStartApi() {
    const auto config = base::Config::Parse(
        "[scenario.home.cold_start]\nfewer_than = 2\ngenerators = { popular = 30, "
        "candidate-model = 0 }\n[[scenario.home.cold_start.pin]]\nitem = \"i6\"\nposition = 1\n",
        "upnext.toml");
    serving::EngineOptions options;
    options.scenarios = serving::Scenarios::FromConfig(*config, service_.project().schema());
    EXPECT_TRUE(config->Check());
    service_.Restart(options);
    api_ = std::make_unique<Api>(*service_);
  }
  HttpResponse Ask(const std::string& target) {
    return api_->Handle({.method = "GET", .target = target, .content_type = "", .body = ""});
  }
  json AskJson(const std::string& target) {
    const HttpResponse answer = Ask(target);
    EXPECT_EQ(answer.status, 200u) << answer.body;
    return json::parse(answer.body);
  }
  HttpResponse Post(const std::string& target, const json& body) {
    return api_->Handle({.method = "POST",
                         .target = target,
                         .content_type = "application/json",
                         .body = body.dump()});
  }
  serving::TestService service_;
  std::unique_ptr<Api> api_;
};

TEST_F(ColdStartApi, AnswersExplainThatThePolicyHolds) {
  const std::string query = "scenario=home&n=5&explain=1&";
  for (const char* const who : {"user=nobody", "session=b41c90"}) {
    const json cold = AskJson("/v1/recommendations?" + query + who);
    EXPECT_EQ(cold["cold_start"], json({{"fewer_than", 2}, {"history", 0}})) << who;
    EXPECT_EQ(cold["items"][0]["item"], "i6");
    EXPECT_EQ(cold["items"][0]["placed_by"], "pin");
    EXPECT_THAT(cold["notes"],
                Contains("0 items in the history of this user, fewer than 2: the list "
                         "is by [scenario.home.cold_start]"));
  }
  EXPECT_FALSE(AskJson("/v1/recommendations?n=5&explain=1&user=nobody").contains("cold_start"));
  EXPECT_FALSE(AskJson("/v1/recommendations?" + query + "user=u5").contains("cold_start"));
  const json plain = AskJson("/v1/recommendations?scenario=home&n=5&user=nobody");
  EXPECT_FALSE(plain.contains("cold_start")) << "without explain";
  EXPECT_EQ(plain["items"][0]["item"], "i6");
}

TEST_F(ColdStartApi, EventsEndItAndMetricsCountIt) {
  Ask("/v1/recommendations?user=u5&scenario=home");
  const auto count = [&] {
    const std::string text = Ask("/metrics").body;
    const std::string name = "upnext_cold_start_feeds_total{scenario=\"home\"} ";
    const size_t at = text.find(name);
    return at == std::string::npos ? 0 : std::stoi(text.substr(at + name.size()));
  };
  EXPECT_EQ(count(), 0);
  Ask("/v1/recommendations?session=a&scenario=home");
  const HttpResponse rows =
      Post("/v1/recommendations",
           {{"session", "a"}, {"rows", {{{"scenario", "home"}, {"n", 3}}, {{"n", 3}}}}});
  ASSERT_EQ(rows.status, 200u) << rows.body;
  EXPECT_EQ(json::parse(rows.body)["rows"][0]["items"][0]["item"], "i6");
  EXPECT_EQ(count(), 2) << "the row of the scenario, not the other one";
  const json event = {{"session", "a"}, {"type", "watch"}, {"item", "i2"}, {"value", 95}};
  json other = event;
  other["item"] = "i4";
  ASSERT_EQ(Post("/v1/events", {{"events", {event, other}}}).status, 200u);
  Ask("/v1/recommendations?session=a&scenario=home");
  EXPECT_EQ(count(), 2);
  EXPECT_THAT(Ask("/metrics").body, HasSubstr("upnext_feeds_total{scenario=\"home\"} 4"));
}

}  // namespace
}  // namespace upnext::net
