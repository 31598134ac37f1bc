#include "expression/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "expression/test_site.h"

namespace upnext::expression {
namespace {

class ExpressionTest : public SiteTest {};

TEST_F(ExpressionTest, ArithmeticHasTheUsualPrecedence) {
  EXPECT_EQ(Number("1 + 2 * 3"), 7);
  EXPECT_EQ(Number("(1 + 2) * 3"), 9);
  EXPECT_EQ(Number("10 - 2 - 3"), 5);
  EXPECT_EQ(Number("12 / 2 / 3"), 2);
  EXPECT_EQ(Number("-2 * -3 - -1"), 7);
  EXPECT_EQ(Number("min(5, 2, 3) + max(1, 4) + abs(-3)"), 9);
  EXPECT_DOUBLE_EQ(Number("log(exp(2) * item.duration / 600)"), 2);
}

TEST_F(ExpressionTest, ConditionsHaveTheUsualPrecedence) {
  EXPECT_TRUE(Holds("true or false and false"));
  EXPECT_FALSE(Holds("(true or false) and false"));
  EXPECT_TRUE(Holds("not false and true"));
  EXPECT_FALSE(Holds("not (false or true)"));
  EXPECT_TRUE(Holds("not 1 + 1 == 3"));
  EXPECT_TRUE(Holds("item.price > 5 and item.price * 2 <= 20 or item.duration < 1"));
  EXPECT_TRUE(Holds("if(item.stock, 1, 2) == 1 and if(not item.stock, 1, 2) == 2"));
}

TEST_F(ExpressionTest, NumbersCompareAsTheyAreStored) {
  EXPECT_TRUE(Holds("item.price == 9.99"));  // a float, which is not 9.99
  EXPECT_TRUE(Holds("item.price <= 9.99 and item.price >= 9.99"));
  EXPECT_FALSE(Holds("item.price < 9.99 or item.price > 9.99 or item.price != 9.99"));
  EXPECT_TRUE(Holds("item.price in [1, -5, 9.99]"));
  EXPECT_TRUE(Holds("item.price not in [1, 2]"));
  EXPECT_FALSE(Holds("item.price not in [1, 2, 9.99]"));
  EXPECT_FALSE(Holds("item.price in []"));
}

TEST_F(ExpressionTest, TimesAndDurationsAreSeconds) {
  EXPECT_EQ(Number("7 days"), 7 * 86'400);
  EXPECT_EQ(Number("1 week - 1 day"), 6 * 86'400);
  EXPECT_EQ(Number("2 hours + 1 minute + 1 second"), 7261);
  EXPECT_EQ(Number("(now - item.created) / 1 day"), 2);
  EXPECT_TRUE(Holds("now - item.created < 3 days"));
  EXPECT_FALSE(Holds("now - item.created < 3 days", "c"));
  EXPECT_TRUE(Holds("item.created > now - 3 days and item.created + 2 days == now"));
  EXPECT_TRUE(Holds("item.created >= '2023-11-12' and item.created < '2023-11-13'"));
  EXPECT_TRUE(Holds("now == \"2023-11-14T22:13:20Z\" and now == '2023-11-14T23:13:20+01:00'"));
  EXPECT_TRUE(Holds("now > '2023-01-01' and '2024-01-01' - now > 40 days"));
  EXPECT_TRUE(Holds("min(item.created, now) == item.created"));
  EXPECT_EQ(Number("hour('2023-11-14T22:30:00Z')"), 22.5);
  EXPECT_EQ(Number("weekday(now)"), 1);  // a Tuesday
  EXPECT_EQ(Number("weekday('1969-12-29')"), 0);
  EXPECT_EQ(Number("item.duration / 1 minute"), 10);
}

TEST_F(ExpressionTest, CategoriesAreComparedByName) {
  EXPECT_TRUE(Holds("item.channel == 'news'"));
  EXPECT_FALSE(Holds("item.channel == 'music'"));
  EXPECT_TRUE(Holds("item.channel != 'music' and 'music' != item.channel"));
  EXPECT_TRUE(Holds("item.channel in ['sports', 'news', 'unheard of']"));
  EXPECT_FALSE(Holds("item.channel not in ['news']"));
  EXPECT_TRUE(Holds("item in ['a', 'c']"));
  EXPECT_FALSE(Holds("item in ['a', 'c']", "b"));
  EXPECT_TRUE(Holds("item.language == user.language", "c"));
  EXPECT_FALSE(Holds("item.language == user.language", "a"));
  EXPECT_TRUE(Holds("item.brand in user.brands"));
  EXPECT_FALSE(Holds("item.brand in user.brands", "c"));
}

TEST_F(ExpressionTest, ANameThatNothingHasEqualsNothing) {
  EXPECT_FALSE(Holds("item.channel == 'unheard of'"));
  EXPECT_TRUE(Holds("item.channel != 'unheard of' and item.channel not in ['unheard of']"));
  EXPECT_FALSE(Holds("'unheard of' in item.topics or item.topics has any ['unheard of']"));
  EXPECT_FALSE(Holds("item.topics has all ['sport', 'unheard of']"));
}

TEST_F(ExpressionTest, SetsHaveAnyOrAll) {
  EXPECT_TRUE(Holds("'sport' in item.topics and 'music' not in item.topics"));
  EXPECT_TRUE(Holds("item.topics has any ['music', 'sport']"));
  EXPECT_FALSE(Holds("item.topics has any ['music']"));
  EXPECT_TRUE(Holds("item.topics has all ['sport', 'politics', 'sport']"));
  EXPECT_FALSE(Holds("item.topics has all ['sport', 'politics']", "c"));
  EXPECT_TRUE(Holds("item.topics has all [] and not item.topics has any []"));
  current_item_ = "c";
  EXPECT_TRUE(Holds("item.topics has all request.current_item.topics"));
  EXPECT_FALSE(Holds("request.current_item.topics has all item.topics"));
  EXPECT_TRUE(Holds("request.current_item.topics has any item.topics"));
}

TEST_F(ExpressionTest, TextsAreComparedByTheirBytes) {
  EXPECT_TRUE(Holds("item.title == 'Alpha' and item.title in ['Beta', 'Alpha']"));
  EXPECT_TRUE(Holds("item.title != 'alpha' and item.title not in ['alpha']"));
  EXPECT_TRUE(Holds("item.body == $body", "a", {{"body", {"long"}}}));
}

TEST_F(ExpressionTest, RequestsHaveAttributesToo) {
  page_ = "none such";
  EXPECT_TRUE(Holds("request.device == 'tv' and request.page is missing"));
  depth_ = 3;
  EXPECT_EQ(Number("request.depth + 1"), 4);
  current_item_ = "a";
  EXPECT_TRUE(Holds("request.current_item == 'a' and request.current_item.price == 9.99"));
  EXPECT_TRUE(Holds("item == request.current_item"));
  EXPECT_TRUE(Holds("request.current_item.title == item.title"));
  EXPECT_FALSE(Holds("item.channel == request.current_item.channel", "c"));
  EXPECT_TRUE(Holds("(request.region else user.region) == 'de'"));
}

TEST_F(ExpressionTest, ParametersTakeTheTypeOfTheOtherSide) {
  EXPECT_TRUE(Holds("item.price < $max", "a", {{"max", {"10.5"}}}));
  EXPECT_FALSE(Holds("item.price < $max", "a", {{"max", {"9"}}}));
  EXPECT_TRUE(Holds("item.channel == $channel", "a", {{"channel", {"news"}}}));
  EXPECT_TRUE(Holds("item.channel in $channels", "a", {{"channels", {"x", "news"}}}));
  EXPECT_TRUE(Holds("item.price in $prices", "a", {{"prices", {"1", "9.99"}}}));
  EXPECT_TRUE(Holds("item.title in $titles", "a", {{"titles", {"Alpha"}}}));
  EXPECT_TRUE(Holds("item.topics has all $topics", "a", {{"topics", {"sport"}}}));
  EXPECT_TRUE(Holds("item.stock == $stock and $stock", "a", {{"stock", {"true"}}}));
  EXPECT_TRUE(Holds("item.created > $since", "a", {{"since", {"2023-11-12"}}}));
  EXPECT_TRUE(Holds("item.created > $since", "a", {{"since", {"1699000000"}}}));
  EXPECT_TRUE(Holds("item.created > now - $age", "a", {{"age", {"200000"}}}));
  EXPECT_EQ(Number("$a * if($b, $a, 2)", "a", {{"a", {"3"}}, {"b", {"1"}}}), 9);
}

TEST_F(ExpressionTest, ParametersOfAnotherTypeAreRefused) {
  const auto wrong = [&](std::string_view text, std::vector<std::string> values) {
    return Wrong(text, {{"x", std::move(values)}});
  };
  EXPECT_EQ(Wrong("item.price < $x"), "parameter $x: expected a value, found none");
  EXPECT_EQ(wrong("item.price < $x", {}), "parameter $x: expected a value, found none");
  EXPECT_EQ(wrong("item.price < $x", {"1", "2"}), "parameter $x: expected one value, found 2");
  EXPECT_EQ(wrong("item.price < $x", {"ten"}), "parameter $x: expected a number, found 'ten'");
  EXPECT_EQ(wrong("item.price < $x", {"inf"}), "parameter $x: expected a number, found 'inf'");
  EXPECT_EQ(wrong("item.price in $x", {"1", ""}), "parameter $x: expected numbers, found ''");
  EXPECT_EQ(wrong("item.stock == $x", {"yes"}),
            "parameter $x: expected true or false, found 'yes'");
  EXPECT_EQ(wrong("item.created < $x", {"May"}),
            "parameter $x: expected seconds since 1970, or a date such as 2026-01-31, found 'May'");
  EXPECT_EQ(wrong("item.channel in $x", std::vector<std::string>(1001, "c")),
            "parameter $x: expected at most 1000 values, found 1001");
}

TEST_F(ExpressionTest, BranchesAndFunctionsNestInConditions) {
  EXPECT_EQ(Number("1 + if(item.price < 10, if(item.stock, 2, 3), 4) * 10"), 21);
  EXPECT_EQ(Number("1 + if(item.price < 10, if(item.stock, 2, 3), 4) * 10", "c"), 41);
  EXPECT_EQ(Number("if(true or item.stock, min(item.price, 3), 7) + if(1 > 2, 1, 2)"), 5);
  // What does not read the item lies between what does.
  EXPECT_EQ(Number("(1 + max(2, 3)) * item.duration / (2 * 3 + item.duration - 600)"), 400);
  EXPECT_TRUE(Holds("if(now > '2020-01-01' and user.age > 20, item.stock, false)"));
  EXPECT_FALSE(Holds("if(now > '2020-01-01' and user.age > 40, item.stock, false)"));
}

}  // namespace
}  // namespace upnext::expression
