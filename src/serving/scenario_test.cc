#include "serving/scenario.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/config.h"
#include "base/time_text.h"
#include "retrieval/generator_registry.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using testing::HasSubstr;

// The mistake in a project file, "" for none.
std::string Mistake(std::string_view toml) {
  const auto config = base::Config::Parse(toml, "upnext.toml");
  if (!config) return config.error().message;
  Scenarios::FromConfig(*config, {});
  const Status checked = config->Check();
  return checked ? std::string() : checked.error().message;
}

TEST(Scenarios, WhatAScenarioDoesNotSayIsThatOfServing) {
  const auto config = base::Config::Parse(R"(
[serving]
diversity = 0.2
filter = "item.duration > 10"
at_most = { channel = 3 }
[[serving.hide]]
item = "a"
[scenario.home]
explore = 0.1
diversity_by = "dpp"
generators = { trending = 7, candidate-model = 0 }
[[scenario.home.pin]]
item = "b"
position = 2
from = "2026-01-01T00:00:00Z"
until = "2026-01-02T00:00:00Z"
[scenario.search]
at_most = { topics = 1 }
filter = "item.duration < 5"
score = "watch:1"
)",
                                          "upnext.toml");
  ASSERT_TRUE(config) << config.error().message;
  const Scenarios scenarios = Scenarios::FromConfig(*config, {});
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  const Scenario& home = **scenarios.Find("home");
  EXPECT_EQ(home.diversity, 0.2);
  EXPECT_EQ(home.novelty, Novelty::kDpp);
  EXPECT_EQ(home.explore, 0.1);
  EXPECT_EQ(home.expressions->filter, "item.duration > 10");
  EXPECT_EQ(home.budgets, (retrieval::GeneratorBudgets{{"candidate-model", 0}, {"trending", 7}}));
  ASSERT_EQ(home.caps.size(), 1u);
  EXPECT_EQ(home.caps[0].most, 3u);
  ASSERT_EQ(home.pins.size(), 1u);
  EXPECT_EQ(home.pins[0].place, 1u);
  const int64_t begin = *base::ParseTime("2026-01-01T00:00:00Z");
  EXPECT_FALSE(home.pins[0].period.Has(begin - 1));
  EXPECT_TRUE(home.pins[0].period.Has(begin));
  EXPECT_FALSE(home.pins[0].period.Has(begin + 24 * 3600 * 1000));
  EXPECT_EQ(home.hides.size(), 1u);
  const Scenario& search = **scenarios.Find("search");
  EXPECT_EQ(search.explore, 0);
  EXPECT_EQ(search.caps[0].most, 1u);
  EXPECT_EQ(search.expressions->filter, "item.duration < 5");
  EXPECT_EQ(search.score, "watch:1");
  EXPECT_EQ((*scenarios.Find(""))->score, std::nullopt);
  EXPECT_THAT(scenarios.Find("hom").error().message, HasSubstr("home, search"));
}

TEST(Scenarios, MistakesAreFoundWhenTheFileIsRead) {
  EXPECT_EQ(Mistake("[scenario.a]\ndiversity = 1"), "");
  EXPECT_THAT(Mistake("[scenario.a]\ndiversity = 1.5"), HasSubstr("upnext.toml:2:"));
  EXPECT_THAT(Mistake("[scenario.a]\ndiversty = 1"), HasSubstr("diversity"));
  EXPECT_THAT(Mistake("[scenario.a]\nat_most = { duration = 1 }"), HasSubstr("channel, "));
  EXPECT_THAT(Mistake("[scenario.a]\nscore = \"watch\""), HasSubstr("upnext.toml:2:"));
  EXPECT_THAT(Mistake("[scenario.a]\nfilter = \"item.duration >\""), HasSubstr("upnext.toml:2:"));
  EXPECT_THAT(Mistake("[scenario.a]\ngenerators = { trendng = 1 }"), HasSubstr("trending"));
  EXPECT_THAT(Mistake("[[scenario.a.pin]]\nposition = 1"), HasSubstr("the id of an item"));
  EXPECT_THAT(Mistake("[[scenario.a.pin]]\nitem = \"x\""), HasSubstr("the place of the item"));
  const std::string twice =
      "[[scenario.a.pin]]\nitem = \"x\"\nposition = 2\n"
      "[[scenario.a.pin]]\nitem = \"y\"\nposition = ";
  EXPECT_THAT(Mistake(twice + "2"), HasSubstr("found that of \"x\""));
  EXPECT_EQ(Mistake(twice + "3"), "");
  EXPECT_THAT(Mistake("[[scenario.a.hide]]\nitem = \"x\"\nfrom = \"tomorrow\""),
              HasSubstr("2026-12-24T00:00:00Z"));
  EXPECT_THAT(
      Mistake(
          "[[scenario.a.hide]]\nitem = \"x\"\nuntil = \"2026-01-01T00:00:00Z\"\nfrom = \"2026-01-02T00:00:00Z\""),
      HasSubstr("after `from`"));
}

// Requests to a service whose project file has these tables.
class ScenarioFeeds : public testing::Test {
 protected:
  void Start(std::string_view toml) {
    const auto config = base::Config::Parse(toml, "upnext.toml");
    ASSERT_TRUE(config) << config.error().message;
    EngineOptions options;
    options.scenarios = Scenarios::FromConfig(*config, service_.project().schema());
    ASSERT_TRUE(config->Check()) << config->Check().error().message;
    service_.Restart(options);
  }
  Slate Ask(std::string scenario, uint32_t n = 10, std::string_view after = "") {
    Request request{.user = "u5", .n = n};
    request.scenario = std::move(scenario);
    auto slate = service_->Recommend(*service_->generation(), request, after);
    if (!slate) ADD_FAILURE() << slate.error().message;
    return slate ? *std::move(slate) : Slate{};
  }
  static std::vector<std::string> Ids(const Slate& slate) {
    std::vector<std::string> ids;
    for (const Recommendation& one : slate.items) ids.push_back(one.id);
    return ids;
  }
  uint32_t ChannelOf(const Recommendation& one) const {
    return service_->generation()->catalogue().item(one.item).channel;
  }
  TestService service_;
};

TEST_F(ScenarioFeeds, WithoutRulesAScenarioIsTheFeedOfServing) {
  Start("[scenario.plain]\n");
  const std::vector<std::string> feed = Ids(Ask("", 20));
  ASSERT_EQ(feed.size(), 20u);
  EXPECT_EQ(Ids(Ask("plain", 20)), feed);
  EXPECT_EQ(service_->Recommend({.user = "u5", .scenario = "other"}).error().code,
            Code::kInvalidArgument);
}

TEST_F(ScenarioFeeds, NoPageHasMoreOfAChannelThanItsCap) {
  Start("[scenario.mixed]\nat_most = { channel = 2 }\n");
  const auto most = [&](const Slate& slate, size_t n) {
    uint32_t largest = 0;
    for (size_t begin = 0; begin < slate.items.size(); begin += n) {
      std::map<uint32_t, uint32_t> met;
      for (size_t i = begin; i < std::min(begin + n, slate.items.size()); ++i) {
        largest = std::max(largest, ++met[ChannelOf(slate.items[i])]);
      }
    }
    return largest;
  };
  EXPECT_GT(most(Ask("", 6), 6), 2u) << "the case needs a feed that breaks the rule";
  const Slate mixed = Ask("mixed", 6);
  EXPECT_LE(most(mixed, 6), 2u);
  EXPECT_EQ(Ids(mixed).front(), Ids(Ask("", 6)).front());
}

TEST_F(ScenarioFeeds, PinsHoldTheirPlaceAndHiddenItemsAreGoneInTheirPeriod) {
  Start("[scenario.plain]\n");
  const std::vector<std::string> feed = Ids(Ask("", 30));
  const std::string far = feed[25], first = feed[0];
  const int64_t now = service_.clock().NowMs();
  const auto table = [&](std::string_view kind, const std::string& item, int64_t from,
                         int64_t until) {
    return fmt::format("[[scenario.edited.{}]]\nitem = \"{}\"\nfrom = \"{}\"\nuntil = \"{}\"\n",
                       kind, item, base::FormatTime(from), base::FormatTime(until));
  };
  Start("[scenario.edited]\n" + table("pin", far, now, now + 60'000) + "position = 3\n" +
        table("hide", first, now, now + 60'000));
  const Slate edited = Ask("edited", 10);
  ASSERT_EQ(edited.items.size(), 10u);
  EXPECT_EQ(edited.items[2].id, far);
  EXPECT_THAT(edited.items[2].sources,
              testing::Contains(testing::Field(&SourceScore::source, "pinned")));
  EXPECT_THAT(Ids(edited), testing::Not(testing::Contains(first)));
  EXPECT_EQ(edited.items[0].id, feed[1]);
  service_.clock().Advance(60'000);
  EXPECT_THAT(Ids(Ask("edited", 10)), testing::Contains(first));
  EXPECT_NE(Ids(Ask("edited", 10))[2], far);
}

TEST_F(ScenarioFeeds, ExplorationLogsItsPropensitiesAndOtherFeedsHaveNone) {
  Start("[scenario.open]\nexplore = 0.3\n");
  bool moved = false;
  for (int i = 0; i < 20; ++i) {
    const Slate open = Ask("open", 5);
    for (const Recommendation& one : open.items) {
      ASSERT_TRUE(one.propensity);
      EXPECT_GT(*one.propensity, 0);
      EXPECT_LE(*one.propensity, 1);
      moved |= *one.propensity < 0.5;
    }
  }
  EXPECT_TRUE(moved);
  EXPECT_FALSE(Ask("", 5).items[0].propensity);
  // What nobody sees is not explored: evaluations and lists of all users.
  Request offline{.user = "u5", .n = 5};
  offline.scenario = "open";
  EXPECT_FALSE(service_->generation()->Recommend(offline)->items[0].propensity);
}

TEST_F(ScenarioFeeds, PagesNeverRepeatAnItem) {
  Start("[scenario.open]\nexplore = 0.5\n");
  std::set<std::string> seen;
  std::string after;
  size_t items = 0;
  for (int page = 0; page < 4; ++page) {
    const Slate slate = Ask("open", 7, after);
    for (const std::string& id : Ids(slate)) EXPECT_TRUE(seen.insert(id).second) << id;
    items += slate.items.size();
    after = slate.request;
  }
  EXPECT_GT(items, 20u);
  Request request{.user = "u6", .n = 5};
  EXPECT_EQ(service_->Recommend(*service_->generation(), request, after).error().code,
            Code::kNotFound);
  service_.clock().Advance(SlateMemory::kPageMs + 1);
  request.user = "u5";
  EXPECT_EQ(service_->Recommend(*service_->generation(), request, after).error().code,
            Code::kNotFound);
}

TEST_F(ScenarioFeeds, APinOfALaterPageHasItsPlaceThere) {
  Start("[scenario.plain]\n");
  const std::string far = Ids(Ask("", 30))[25];
  Start("[[scenario.edited.pin]]\nitem = \"" + far + "\"\nposition = 8\n");
  const Slate first = Ask("edited", 5);
  EXPECT_THAT(Ids(first), testing::Not(testing::Contains(far)));
  EXPECT_EQ(Ids(Ask("edited", 5, first.request))[2], far);
}

TEST_F(ScenarioFeeds, WhatWasServedGoesDownAndComesBack) {
  Start("[scenario.turn]\nrotation = 0.9\nrotation_hours = 1\n");
  const std::vector<std::string> feed = Ids(Ask("turn", 5));
  const std::vector<std::string> again = Ids(Ask("turn", 5));
  EXPECT_NE(again, feed);
  size_t common = 0;
  for (const std::string& id : again) common += std::ranges::count(feed, id);
  EXPECT_LT(common, 5u);
  EXPECT_EQ(Ids(Ask("", 5)), feed) << "the feed of serving does not rotate";
  service_.clock().Advance(SlateMemory::kShownMs + 1);
  const std::vector<std::string> later = Ids(Ask("turn", 5));
  EXPECT_EQ(later, Ids(Ask("", 5))) << "a week later";
}

TEST_F(ScenarioFeeds, FewerItemsRatherThanWorseOnes) {
  Start("[scenario.plain]\n");
  const Slate all = Ask("plain", 30);
  const double bound = all.items[9].score;
  Start(fmt::format("[scenario.good]\nmin_score = {:.17g}\n", bound));
  const Slate good = Ask("good", 30);
  EXPECT_EQ(good.items.size(), 10u);
  for (const Recommendation& one : good.items) EXPECT_GE(one.score, bound);
}

TEST_F(ScenarioFeeds, BudgetsAreOfTheScenario) {
  std::string budgets;
  for (const retrieval::GeneratorEntry& entry : retrieval::BuiltInGenerators()) {
    budgets += fmt::format("{} = {}\n", entry.name, entry.name == "candidate-model" ? 3 : 0);
  }
  Start("[scenario.few.generators]\n" + budgets);
  const Slate few = Ask("few", 3);
  for (const Recommendation& one : few.items) {
    for (const SourceScore& source : one.sources) EXPECT_EQ(source.source, "candidate-model");
  }
  EXPECT_FALSE(few.items.empty());
}

}  // namespace
}  // namespace upnext::serving
