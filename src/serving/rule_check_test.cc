#include "serving/rule_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/config.h"
#include "schema/schema.h"
#include "serving/test_service.h"

namespace upnext::serving {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RuleCheckTest : public testing::Test {
 protected:
  RuleCheck Check(const std::string& toml, uint32_t n = 4) {
    const auto config = base::Config::Parse(toml, "upnext.toml");
    EXPECT_TRUE(config);
    options_ = {};
    options_.scenarios = Scenarios::FromConfig(*config, {});
    EXPECT_TRUE(config->Check()) << config->Check().error().message;
    return CheckRules(options_.scenarios.all().back(), options_,
                      service_->generation()->catalogue(), kNow, n);
  }
  static std::vector<std::string> TextsOf(const RuleCheck& check, bool errors) {
    std::vector<std::string> texts;
    for (const RuleFinding& one : check.findings) {
      if (one.is_error == errors) texts.push_back(one.text);
    }
    return texts;
  }
  static constexpr int64_t kNow = 1'770'000'000'000;  // in February 2026
  EngineOptions options_;
  TestService service_;
};

TEST_F(RuleCheckTest, ItemsThatAreNotThereAndPeriodsThatAreOverAreFound) {
  const RuleCheck check = Check(R"(
      [[scenario.home.pin]]
      item = "nope"
      position = 1
      [[scenario.home.pin]]
      item = "i3"
      position = 2
      [[scenario.home.pin]]
      item = "i1"
      position = 3
      until = "2026-01-01T00:00:00Z"
      [[scenario.home.hide]]
      item = "i3"
      from = "2026-03-01T00:00:00Z"
      [[scenario.home.hide]]
      item = "gone"
  )");
  EXPECT_THAT(TextsOf(check, true),
              ElementsAre("pin of \"nope\" at place 1: the catalogue has no such item",
                          "pin of \"i3\" at place 2: the item is hidden at the same time",
                          "hide of \"gone\": the catalogue has no such item"));
  EXPECT_THAT(TextsOf(check, false),
              ElementsAre("pin of \"i1\" at place 3: the item is removed",
                          HasSubstr("pin of \"i1\" at place 3: ended 2026-01-01"),
                          HasSubstr("hide of \"i3\": begins 2026-03-01")));
  EXPECT_THAT(Check("[scenario.home]\n[[scenario.home.pin]]\nitem = 'i3'\nposition = 1\n").findings,
              IsEmpty());
}

TEST_F(RuleCheckTest, CapsThatLeaveAPageShortAreFound) {
  // Four channels.
  EXPECT_THAT(Check("[scenario.home]\nat_most = { channel = 1 }\n", 4).findings, IsEmpty());
  EXPECT_THAT(TextsOf(Check("[scenario.home]\nat_most = { channel = 1 }\n", 5), true),
              ElementsAre("at_most channel = 1: a page has at most 4 items, expected 5"));
}

TEST_F(RuleCheckTest, FiltersThatNothingOrEverythingPassesAreFound) {
  const auto filter = [&](const std::string& text) {
    return Check("[scenario.home]\nfilter = \"" + text + "\"\n");
  };
  EXPECT_THAT(TextsOf(filter("item.duration < 0"), true), ElementsAre(HasSubstr("no item passes")));
  EXPECT_THAT(TextsOf(filter("item.channel != 'x'"), false),
              ElementsAre("filter: every item passes it"));
  const RuleCheck some = filter("item.channel == 'c2'");
  EXPECT_THAT(some.findings, IsEmpty());
  EXPECT_NEAR(*some.passing, 10.0 / 39, 1e-9) << "39 items are not removed";
  EXPECT_FALSE(filter("item.duration < $most").passing);
  EXPECT_FALSE(Check("[scenario.home]\ndiversity = 0.1\n").passing);
}

TEST_F(RuleCheckTest, TheSameListsWithoutRulesAreComparedByPlace) {
  Check(
      "[serving]\nfilter = \"item.channel == 'c2'\"\n[scenario.home]\nat_most = { channel = 1 }\n"
      "[[scenario.home.hide]]\nitem = 'i3'\n");
  const EngineOptions plain = WithoutRules(options_);
  ASSERT_EQ(plain.scenarios.all().size(), 2u);
  EXPECT_EQ(plain.scenarios.all()[1].name, "home");
  EXPECT_FALSE(plain.scenarios.all()[1].Arranges());
  EXPECT_THAT(plain.scenarios.all()[1].hides, IsEmpty());
  EXPECT_EQ(plain.scenarios.all()[1].expressions->filter, "");
  const auto slate = [](const std::vector<uint32_t>& items) {
    Slate out;
    for (const uint32_t item : items) out.items.emplace_back().item = item;
    return out;
  };
  const ListDifference difference = Compare(slate({1, 5, 3}), slate({1, 2, 3, 4}), 4);
  EXPECT_EQ(difference.moved, 2u);
  EXPECT_EQ(difference.unfilled, 1u);
  EXPECT_EQ(Compare(slate({1, 2}), slate({1, 2}), 2).moved, 0u);
}

}  // namespace
}  // namespace upnext::serving
