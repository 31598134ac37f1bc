#include "features/signal_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace upnext::features {
namespace {

using schema::EventType;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

const schema::Schema& Shop() {
  static const schema::Schema schema =
      schema::Schema::Parse("schema.events.view = 'context'\nschema.events.not_for_me = 'negative'")
          .value();
  return schema;
}

EventCountsByType Counts(std::initializer_list<std::pair<const char*, uint64_t>> types) {
  EventCountsByType counts{};
  for (const auto& [name, n] : types) {
    counts[static_cast<size_t>(Shop().FindEventType(name).value())] = n;
  }
  return counts;
}

std::string Resolved(const EventCountsByType& counts, const SignalOptions& options = {}) {
  const std::string text = options.Resolve(Shop(), counts).ToText(Shop());
  return text.substr(0, text.find("; watch:"));
}

SignalOptions Read(const std::string& toml, std::string* mistake = nullptr) {
  const base::Config config = base::Config::Parse(toml, "p.toml").value();
  SignalOptions options = SignalOptions::FromConfig(config, Shop());
  const Status checked = config.Check();
  if (mistake != nullptr) *mistake = checked ? "" : checked.error().message;
  EXPECT_TRUE(checked || mistake != nullptr) << checked.error().message;
  return options;
}

TEST(SignalOptions, WatchesAreThePositivesAndTheHistoryAsSoonAsALogHasThem) {
  EXPECT_EQ(
      SignalOptions().Resolve(Shop(), Counts({{"watch", 500}, {"click", 9000}, {"like", 900}})),
      PositiveRule());
  EXPECT_EQ(SignalOptions().Resolve(Shop(), Counts({{"complete", 500}})), PositiveRule());
  EXPECT_EQ(SignalOptions().Resolve(Shop(), {}), PositiveRule());
}

TEST(SignalOptions, WithoutWatchesTheStrongestTypeIsPositiveAndTheHistoryHasRisingWeights) {
  EXPECT_EQ(
      Resolved(Counts({{"view", 9000}, {"add_to_cart", 900}, {"purchase", 300}, {"save", 5}})),
      "positive: purchase 1; history: purchase 3, add_to_cart 2, save 2, view 1");
  EXPECT_EQ(Resolved(Counts({{"view", 9000}, {"add_to_cart", 900}})),
            "positive: add_to_cart 1; history: add_to_cart 2, view 1");
  EXPECT_EQ(Resolved(Counts({{"impression", 9000}, {"click", 900}, {"dislike", 300}})),
            "positive: click 1; history: click 1");
  EXPECT_EQ(Resolved(Counts({{"click", 900}, {"save", 200}, {"like", 300}})),
            "positive: like 1, save 1; history: click 1, like 2, save 2");
}

TEST(SignalOptions, ATypeWithAFewEventsIsNotTheStrongestUnlessAllHaveAFew) {
  EXPECT_EQ(Resolved(Counts({{"click", 9000}, {"purchase", 99}})),
            "positive: click 1; history: click 1, purchase 3");
  EXPECT_EQ(Resolved(Counts({{"click", 99}, {"purchase", 3}})),
            "positive: purchase 1; history: click 1, purchase 3");
}

TEST(SignalOptions, WhatTheProjectFileGivesIsTaken) {
  const SignalOptions options = Read(
      "[labels]\npositives = { purchase = 1, add_to_cart = 0.3 }\ncomplete_share = 0.5\n"
      "[history]\ntypes = { view = 1, purchase = 4 }");
  EXPECT_EQ(Resolved(Counts({{"watch", 900}}), options),
            "positive: purchase 1, add_to_cart 0.3; history: purchase 4, view 1");
  EXPECT_EQ(options.Resolve(Shop(), {}).share(), 0.5);
  EXPECT_EQ(Read("[labels]\nwatch_power = 0.5").Resolve(Shop(), {}).watch_power(), 0.5);
  EXPECT_EQ(Resolved({}, Read("[labels]\ncomplete = \"event\"")),
            "positive: complete 1; history: complete 1");
  EXPECT_EQ(Read("[labels]\ncomplete = \"watch\"").Resolve(Shop(), {}), PositiveRule());
}

TEST(SignalOptions, MistakesInTheProjectFileAreExplained) {
  const auto mistake = [](const std::string& toml) {
    std::string message;
    Read(toml, &message);
    return message;
  };
  EXPECT_THAT(mistake("[labels]\npositives = { purchse = 1 }"),
              HasSubstr("did you mean 'purchase'"));
  EXPECT_THAT(mistake("[history]\ntypes = { not_for_me = 1 }"), HasSubstr("of role negative"));
  EXPECT_THAT(mistake("[history]\ntypes = { impression = 1 }"), HasSubstr("of role impression"));
  EXPECT_THAT(mistake("[history]\ntypes = [\"view\"]"), HasSubstr("{ purchase = 1.0"));
  EXPECT_THAT(mistake("[labels]\npositives = {}"), HasSubstr("at least one event type"));
  EXPECT_THAT(mistake("[labels]\npositives = { purchase = 0 }"), HasSubstr("purchase"));
  EXPECT_THAT(mistake("[labels]\ncomplete = \"event\"\npositives = { purchase = 1 }"),
              HasSubstr("remove `complete`"));
}

TEST(SignalOptions, TheMappingIsSaidInPlainWords) {
  const EventCountsByType counts = Counts({{"view", 9120}, {"purchase", 1204}});
  EXPECT_THAT(Describe(SignalOptions().Resolve(Shop(), counts), Shop(), counts),
              ElementsAre("positive examples: 1,204 purchase (weight 1)",
                          "history: 1,204 purchase (weight 3), 9,120 view (weight 1)"));
  const EventCountsByType watched = Counts({{"watch", 1000}});
  EXPECT_THAT(Describe({}, Shop(), watched),
              ElementsAre("positive examples: 1,000 watch (weight 1)",
                          "history: 1,000 watch (weight 1)", HasSubstr("from 70 % of the item's")));
  PositiveRule by_minutes;
  by_minutes.SetWatchPower(0.5);
  EXPECT_THAT(Describe(by_minutes, Shop(), watched),
              Contains("positive examples: 1,000 watch (weight 1 x minutes ^ 0.5)"));
  EXPECT_THAT(Describe(by_minutes, Shop(), watched), Contains("history: 1,000 watch (weight 1)"));
}

}  // namespace
}  // namespace upnext::features
