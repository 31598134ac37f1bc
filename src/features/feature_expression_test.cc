#include "features/feature_expression.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace upnext::features {
namespace {

using testing::HasSubstr;

TEST(FeatureExpression, TextOfATreeIsTheExpressionInOneSpelling) {
  for (const auto& [text, spelled] : {
           std::pair("item.price", "item.price"),
           std::pair("  count( watch   or positive,item.brand )",
                     "count(watch or positive, item.brand)"),
           std::pair("rate(click, impression, 10)", "rate(click, impression, 10)"),
           std::pair("mean(watch.share, 10, 0.50)", "mean(watch.share, 10, 0.5)"),
           std::pair("request.region else user.region", "request.region else user.region"),
           std::pair("everybody(mean(watch.value, item, 20))",
                     "everybody(mean(watch.value, item, 20))"),
           std::pair("history(like unless dislike or dismiss, item, 50)",
                     "history(like unless dislike or dismiss, item, 50)"),
       }) {
    const auto parsed = ParseExpression(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error().message;
    EXPECT_EQ(ToText(*parsed), spelled);
    EXPECT_EQ(ToText(*ParseExpression(spelled)), spelled);
  }
}

TEST(FeatureExpression, ATreeKnowsWhereItsPartsStand) {
  const auto parsed = ParseExpression("count(watch, item.brand)");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->at, 0u);
  EXPECT_EQ(parsed->arguments[0].at, 6u);
  EXPECT_EQ(parsed->arguments[1].at, 13u);
  EXPECT_EQ(parsed->arguments[1].name, "item.brand");
}

TEST(FeatureExpression, MistakesSayWhatWasExpectedAndWhere) {
  struct Case {
    const char* text;
    size_t at;
    const char* message;
  };
  for (const Case& wrong : {
           Case{"", 0, "expected a name or a number, found the end"},
           Case{"count(watch", 11, "expected ',' or ')', found the end"},
           Case{"count(watch,)", 12, "found ')'"},
           Case{"count(watch) item", 13, "expected the end, found 'item'"},
           Case{"item.", 5, "expected a name"},
           Case{"a or", 4, "found the end"},
           Case{"or", 0, "found 'or'"},
           Case{"item.price $", 11, "expected the end, found '$'"},
       }) {
    const auto parsed = ParseExpression(wrong.text);
    ASSERT_FALSE(parsed) << wrong.text;
    EXPECT_EQ(parsed.error().at, wrong.at) << wrong.text;
    EXPECT_THAT(parsed.error().message, HasSubstr(wrong.message)) << wrong.text;
  }
}

TEST(FeatureExpression, LengthAndDepthAreBounded) {
  EXPECT_FALSE(ParseExpression(std::string(kMaxExpressionBytes + 1, 'a')));
  std::string deep = "x";
  for (size_t i = 0; i <= kMaxExpressionDepth; ++i) deep = fmt::format("f({})", deep);
  const auto parsed = ParseExpression(deep);
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("nested"));
}

TEST(FeatureExpression, RandomTextsAreReadOrRefused) {
  base::Rng rng(1);
  const std::string_view alphabet = "ab.(), 012or else_";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (uint64_t n = rng.Below(24); n > 0; --n)
      text.push_back(alphabet[rng.Below(alphabet.size())]);
    const auto parsed = ParseExpression(text);
    if (!parsed) {
      ASSERT_LE(parsed.error().at, text.size());
      continue;
    }
    const std::string spelled = ToText(*parsed);
    const auto again = ParseExpression(spelled);
    ASSERT_TRUE(again) << text << " -> " << spelled;
    ASSERT_EQ(ToText(*again), spelled);
  }
}

}  // namespace
}  // namespace upnext::features
