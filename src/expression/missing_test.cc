#include <gtest/gtest.h>

#include "expression/test_site.h"

namespace upnext::expression {
namespace {

// Item "b" has no attribute, user "v" neither.
class MissingTest : public SiteTest {};

TEST_F(MissingTest, EveryComparisonIsFalse) {
  for (const char* text : {"item.price == 1",
                           "item.price != 1",
                           "item.price < 1",
                           "item.price >= 1",
                           "1 < item.price",
                           "item.price == item.price",
                           "item.price in [1]",
                           "item.price not in [1]",
                           "item.created < now",
                           "item.created != now",
                           "item.channel == 'news'",
                           "item.channel != 'news'",
                           "item.channel in ['news']",
                           "item.channel not in ['news']",
                           "item.title == 'Alpha'",
                           "item.title != 'Alpha'",
                           "item.title not in ['Alpha']",
                           "item.language == item.language",
                           "item.stock == true",
                           "item.stock == false",
                           "item.stock != true",
                           "item.brand not in user.brands"}) {
    EXPECT_FALSE(Holds(text, "b")) << text;
    EXPECT_TRUE(Holds("not " + std::string(text), "b")) << text;
  }
}

TEST_F(MissingTest, AMissingFlagIsNotTrue) {
  EXPECT_FALSE(Holds("item.stock", "b"));
  EXPECT_TRUE(Holds("not item.stock", "b"));
  EXPECT_TRUE(Holds("item.stock or true", "b"));
  EXPECT_FALSE(Holds("item.stock and true or true and item.stock", "b"));
  EXPECT_TRUE(Holds("(true and item.stock) == false and (item.stock and true) == false", "b"));
  EXPECT_TRUE(Holds("(false or item.stock) == false", "b"));
  EXPECT_EQ(Number("if(item.stock, 1, 2)", "b"), 2);
}

TEST_F(MissingTest, AnEmptySetHasNothing) {
  EXPECT_FALSE(Holds("'sport' in item.topics or item.topics has any ['sport']", "b"));
  EXPECT_TRUE(Holds("'sport' not in item.topics and item.topics has all []", "b"));
  EXPECT_TRUE(Holds("item.topics is missing", "b"));
  user_ = "v";
  EXPECT_FALSE(Holds("item.brand in user.brands"));
  EXPECT_TRUE(Holds("item.brand not in user.brands"));
}

TEST_F(MissingTest, ArithmeticIsMissing) {
  for (const char* text :
       {"item.price + 1", "1 - item.price", "item.price * 0", "item.price / 2", "-item.price",
        "abs(item.price)", "min(item.price, 1)", "max(1, item.price)", "min(1, item.price)",
        "exp(item.price)", "now - item.created", "hour(item.created)", "weekday(item.created)",
        "if(true, item.price, 1)"}) {
    EXPECT_EQ(Number(text, "b"), -1) << text;
  }
}

TEST_F(MissingTest, WhatNoNumberIsIsMissing) {
  for (const char* text : {"1 / (item.duration - 600)", "log(item.duration - 600)", "log(-1)",
                           "exp(1000)", "exp(700) * exp(700)", "0 / 0"}) {
    EXPECT_EQ(Number(text), -1) << text;
  }
}

TEST_F(MissingTest, CanBeTested) {
  for (const char* path : {"item.price", "item.stock", "item.created", "item.channel",
                           "item.topics", "item.title", "item.price + 1"}) {
    EXPECT_TRUE(Holds(std::string(path) + " is missing", "b")) << path;
    EXPECT_FALSE(Holds(std::string(path) + " is not missing", "b")) << path;
    EXPECT_FALSE(Holds(std::string(path) + " is missing", "a")) << path;
    EXPECT_TRUE(Holds(std::string(path) + " is not missing", "a")) << path;
  }
  EXPECT_TRUE(Holds("request.current_item is missing and request.current_item.price is missing"));
}

TEST_F(MissingTest, ElseReplacesIt) {
  EXPECT_EQ(Number("item.price else 5", "b"), 5);
  EXPECT_EQ(Number("2 * item.price else item.duration else 5 + 1", "b"), 11);
  EXPECT_EQ(Number("item.duration else 5", "a"), 600);
  EXPECT_TRUE(Holds("item.stock else true", "b"));
  EXPECT_FALSE(Holds("item.stock else true", "c"));
  EXPECT_TRUE(Holds("(item.channel else 'none') == 'news'", "a"));
  EXPECT_FALSE(Holds("(item.channel else 'music') == 'news'", "b"));
  EXPECT_TRUE(Holds("(item.channel else 'music') == 'music'", "b"));
  EXPECT_TRUE(Holds("(item.title else 'x') == 'x' and (item.created else now) == now", "b"));
}

TEST_F(MissingTest, AnOptionalParameterIsNamedSo) {
  const std::string text = "$max is missing or item.price < $max";
  EXPECT_TRUE(Holds(text, "a"));
  EXPECT_FALSE(Holds(text, "a", {{"max", {"5"}}}));
  EXPECT_TRUE(Holds("$max is not missing and item.price < $max", "a", {{"max", {"50"}}}));
  EXPECT_EQ(Number("$factor else 2"), 2);
  EXPECT_EQ(Number("$factor else 2", "a", {{"factor", {"3"}}}), 3);
  EXPECT_TRUE(Holds("$channels is missing or item.channel in $channels"));
  const std::string either = "item.channel == $channel else 'news'";
  EXPECT_TRUE(Holds(either));
  EXPECT_FALSE(Holds(either, "a", {{"channel", {"music"}}}));
  EXPECT_EQ(Number("$a else $b else 3", "a", {{"b", {"2"}}}), 2);
  EXPECT_FALSE(Holds("$channel is missing and item.channel == $channel"));
}

}  // namespace
}  // namespace upnext::expression
