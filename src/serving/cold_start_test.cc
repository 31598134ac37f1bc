// What users with little history get by the [....cold_start] of a scenario.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/config.h"
#include "base/thread_pool.h"
#include "bundle/test_bundle.h"
#include "features/test_log.h"
#include "retrieval/generator_registry.h"
#include "schema/event.h"
#include "serving/engine.h"
#include "serving/scenario.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kPolicies = R"toml(
[serving]
at_most = { channel = 3 }
[serving.cold_start]
fewer_than = 1
generators = { popular = 30, candidate-model = 0 }
[scenario.home]
diversity = 0.2
filter = "item.duration > 0"
generators = { trending = 7 }
[[scenario.home.pin]]
item = "i9"
position = 2
[scenario.home.cold_start]
fewer_than = 2
score = "watch:1"
filter = "item.channel != 'c1'"
boost = "if(item.channel == 'c2', 3, 1)"
explore = 0.2
rotation = 0.5
generators = { popular = 20, candidate-model = 0, co-watch = 0 }
[[scenario.home.cold_start.pin]]
item = "i6"
position = 1
[scenario.turn]
at_most = { topics = 1 }
)toml";

EngineOptions OptionsOfPolicies(std::string_view toml, const schema::Schema& schema) {
  EngineOptions options;
  const auto config = base::Config::Parse(toml, "upnext.toml");
  EXPECT_TRUE(config) << config.error().message;
  options.scenarios = Scenarios::FromConfig(*config, schema);
  EXPECT_TRUE(config->Check()) << config->Check().error().message;
  return options;
}

std::string MistakeInPolicy(std::string_view toml) {
  const auto config = base::Config::Parse(toml, "upnext.toml");
  if (!config) return config.error().message;
  Scenarios::FromConfig(*config, {});
  const Status checked = config->Check();
  return checked ? std::string() : checked.error().message;
}

features::UserState NoEvents() { return features::UserState(); }

TEST(ColdStart, APolicySaysWhatIsOtherwiseThanInItsScenario) {
  const Scenarios scenarios = OptionsOfPolicies(kPolicies, {}).scenarios;
  const Scenario& home = **scenarios.Find("home");
  EXPECT_EQ(home.Title(), "[scenario.home]");
  EXPECT_FALSE(home.fewer_than);
  EXPECT_TRUE(scenarios.Rotates(home));
  const Scenario& cold = scenarios.For(home, NoEvents());
  EXPECT_EQ(cold.Title(), "[scenario.home.cold_start]");
  EXPECT_EQ(cold.fewer_than, 2u);
  EXPECT_EQ(cold.diversity, 0.2);
  EXPECT_EQ(cold.caps.size(), 1u);
  EXPECT_EQ(cold.explore, 0.2);
  EXPECT_EQ(cold.score, "watch:1");
  EXPECT_EQ(cold.expressions->filter, "item.channel != 'c1'");
  EXPECT_EQ(cold.budgets,
            (retrieval::GeneratorBudgets{
                {"candidate-model", 0}, {"co-watch", 0}, {"popular", 20}, {"trending", 7}}));
  ASSERT_EQ(cold.pins.size(), 2u);
  EXPECT_EQ(cold.pins[1].item, "i6");
  EXPECT_EQ(home.pins.size(), 1u);
  EXPECT_THAT(scenarios.Find("x").error().message, testing::EndsWith("home, turn"));
}

TEST(ColdStart, AScenarioWithoutAPolicyHasThatOfServing) {
  const Scenarios scenarios = OptionsOfPolicies(kPolicies, {}).scenarios;
  const Scenario& turn = **scenarios.Find("turn");
  const Scenario& cold = scenarios.For(turn, NoEvents());
  EXPECT_EQ(cold.Title(), "[scenario.turn.cold_start]");
  EXPECT_EQ(cold.fewer_than, 1u);
  EXPECT_EQ(cold.caps[0].most, 1u) << "the scenario's own";
  EXPECT_EQ(cold.budgets.at("popular"), 30u);
  EXPECT_EQ(scenarios.For(**scenarios.Find(""), NoEvents()).Title(), "[serving.cold_start]");
  const Scenarios plain = scenarios.WithoutRules();
  EXPECT_EQ(plain.all().size(), 3u);
  EXPECT_EQ(plain.For(**plain.Find("turn"), NoEvents()).Title(), "[scenario.turn]");
}

TEST(ColdStart, MistakesAreFoundWhenTheFileIsRead) {
  EXPECT_EQ(MistakeInPolicy("[scenario.a.cold_start]\nfewer_than = 50"), "");
  EXPECT_THAT(MistakeInPolicy("[scenario.a.cold_start]\nfewer_than = 51"), HasSubstr("50"));
  EXPECT_THAT(MistakeInPolicy("[scenario.a.cold_start]\nfewr_than = 5"), HasSubstr("fewer_than"));
  EXPECT_THAT(MistakeInPolicy("[scenario.a]\nfewer_than = 5"), HasSubstr("fewer_than"));
  EXPECT_THAT(MistakeInPolicy("[serving.cold_start]\nfilter = \"item.duration >\""),
              HasSubstr("upnext.toml:2:"));
  EXPECT_THAT(MistakeInPolicy("[scenario.a.cold_start.cold_start]\nfewer_than = 5"),
              HasSubstr("cold_start"));
}

class ColdStartFeeds : public testing::Test {
 protected:
  ColdStartFeeds() { service_.Restart(OptionsOfPolicies(kPolicies, service_.project().schema())); }
  Slate Ask(const std::string& user, const std::string& scenario = "home") {
    auto slate = service_->Recommend({.user = user, .n = 8, .scenario = scenario, .explain = true});
    if (!slate) ADD_FAILURE() << slate.error().message;
    return slate ? *std::move(slate) : Slate{};
  }
  void Post(const schema::RawEvent& event) { ASSERT_TRUE(service_->PostEvents({event}, {})); }
  static std::vector<std::string> SourcesOf(const Slate& slate) {
    std::vector<std::string> sources;
    for (const GeneratorTime& one : slate.generators) sources.emplace_back(one.source);
    return sources;
  }
  std::vector<std::string> ChannelsOf(const Slate& slate) const {
    const auto& catalogue = service_->generation()->catalogue();
    std::vector<std::string> channels;
    for (const Recommendation& one : slate.items) {
      channels.push_back(
          catalogue.Name(schema::IdSpace::kChannel, catalogue.item(one.item).channel));
    }
    return channels;
  }
  TestService service_;
};

TEST_F(ColdStartFeeds, AnUnknownUserAndASessionGetThePolicyAndAKnownUserDoesNot) {
  for (const char* const user : {"nobody", "session:x"}) {
    const Slate slate = Ask(user);
    ASSERT_TRUE(slate.cold_start) << user;
    EXPECT_EQ(slate.cold_start->fewer_than, 2u);
    EXPECT_EQ(slate.cold_start->history, 0u);
    EXPECT_EQ(slate.items.front().id, "i6") << "its pin";
    EXPECT_THAT(SourcesOf(slate), Not(Contains("candidate-model")));
    EXPECT_THAT(ChannelsOf(slate), Each(Not("c1"))) << "its filter";
    EXPECT_TRUE(slate.items.back().propensity) << "it explores";
    EXPECT_THAT(slate.notes,
                Contains("0 items in the history of this user, fewer than 2: the list is "
                         "by [scenario.home.cold_start]"));
  }
  const Slate known = Ask("u5");
  EXPECT_FALSE(known.cold_start);
  EXPECT_THAT(SourcesOf(known), Contains("candidate-model"));
  EXPECT_THAT(ChannelsOf(known), Contains("c1"));
  EXPECT_FALSE(known.items.back().propensity);
  EXPECT_THAT(known.notes, IsEmpty());
}

TEST_F(ColdStartFeeds, ThePolicyEndsWithTheHistoryThatItAsksFor) {
  Post(features::Watch("new", "i2", schema::kNoTime, 95));
  const Slate one = Ask("new");
  ASSERT_TRUE(one.cold_start);
  EXPECT_EQ(one.cold_start->history, 1u);
  Post(features::Watch("new", "i4", schema::kNoTime, 95));
  EXPECT_FALSE(Ask("new").cold_start);
}

TEST_F(ColdStartFeeds, RotationOfThePolicyIsOfItsUsersAlone) {
  for (const char* const user : {"nobody", "u5"}) {
    Ask(user);
    service_.clock().Advance(1'000);
    bool rotated = false;
    for (const Recommendation& one : Ask(user).items) rotated |= one.rotated.has_value();
    EXPECT_EQ(rotated, std::string(user) == "nobody");
  }
}

TEST(ColdStart, ListsOfManyUsersAreThoseOfEach) {
  const bundle::TestProject project;
  const auto bundle = project.Open();
  ASSERT_NE(bundle, nullptr);
  const Engine engine(*bundle, project.log().catalogue(),
                      OptionsOfPolicies(kPolicies, project.schema()));
  std::vector<features::UserState> states;
  std::vector<Request> requests;
  for (const char* const user : {"u5", "nobody", "u7", "else"}) {
    states.push_back(user[0] == 'u' ? features::Fold(project.log(), user) : features::UserState());
    requests.push_back(
        {.user = user, .n = 9, .time_ms = features::Minutes(20'000), .scenario = "home", .id = 7});
  }
  std::vector<UserRequest> of_all;
  for (size_t i = 0; i < states.size(); ++i) of_all.push_back({states[i], requests[i]});
  base::ThreadPool pool(2);
  const std::vector<Found> found = engine.FindForMany(of_all, pool);
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto alone = engine.Recommend(states[i], requests[i]);
    const auto together = engine.Recommend(states[i], requests[i], nullptr, &found[i]);
    ASSERT_TRUE(alone && together);
    EXPECT_EQ(alone->cold_start.has_value(), i % 2 == 1);
    ASSERT_EQ(alone->items.size(), together->items.size());
    for (size_t k = 0; k < alone->items.size(); ++k) {
      EXPECT_EQ(alone->items[k].id, together->items[k].id) << requests[i].user << " " << k;
    }
  }
}

}  // namespace
}  // namespace upnext::serving
