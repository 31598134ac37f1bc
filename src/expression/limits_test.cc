#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "expression/parser.h"
#include "expression/test_site.h"

namespace upnext::expression {
namespace {

using testing::HasSubstr;

class LimitsTest : public SiteTest {};

std::string Repeated(std::string_view text, size_t n) {
  std::string out;
  for (size_t i = 0; i < n; ++i) out += text;
  return out;
}

TEST_F(LimitsTest, OfTheText) {
  const std::string blanks(kMaxTextBytes - 4, ' ');
  EXPECT_EQ(Wrong("true" + blanks), "");
  EXPECT_EQ(Wrong("true " + blanks), "test: at byte 4001: expected at most 4000 bytes, found 4001");
}

TEST_F(LimitsTest, OfNesting) {
  for (const auto& [open, close] : {std::pair("(", ")"), {"not ", ""}, {"0 < - - abs(", ")"}}) {
    const bool is_call = std::string_view(open).contains("abs");
    const std::string inner = is_call ? "1" : "true";
    const std::string again = is_call ? "abs(" : open;
    const auto nested = [&](size_t n) {
      return open + Repeated(again, n - 1) + inner + Repeated(close, n);
    };
    const size_t signs = is_call ? 2 : 0;
    EXPECT_EQ(Wrong(nested(kMaxNesting - signs)), "") << open;
    EXPECT_THAT(Wrong(nested(kMaxNesting - signs + 1)),
                HasSubstr("expected at most 32 levels of nesting"))
        << open;
    EXPECT_THAT(Wrong(Repeated(again, 900)), HasSubstr("levels of nesting")) << open;
  }
}

TEST_F(LimitsTest, OfOperations) {
  EXPECT_EQ(Wrong("true" + Repeated(" or true", 99)), "");  // 199
  EXPECT_THAT(Wrong("true" + Repeated(" or true", 100)),
              HasSubstr("expected at most 200 operations and values"));
}

TEST_F(LimitsTest, OfValuesAtTheSameTime) {
  // Each level keeps three values: of the comparison, the sum and the product.
  const auto nested = [](size_t n) {
    return "item.price < 1 + 2 * " + Repeated("(item.price + 3 * ", n - 1) + "4" +
           Repeated(")", n - 1);
  };
  EXPECT_EQ(Wrong(nested(30)), "");
  EXPECT_THAT(Wrong(nested(32)), HasSubstr("expected at most 64 values at the same time"));
}

TEST_F(LimitsTest, OfLists) {
  const auto list = [](size_t n) { return "item.price in [1" + Repeated(",1", n - 1) + "]"; };
  EXPECT_EQ(Wrong(list(1000)), "");
  EXPECT_THAT(Wrong(list(1001)), HasSubstr("expected at most 1000 values"));
}

TEST_F(LimitsTest, MistakesHaveTheirPlace) {
  const std::pair<std::string_view, std::string_view> kMistakes[] = {
      {"", "at byte 1: expected a value, found the end"},
      {"item.prise < 5", "at byte 1: unknown attribute 'item.prise'; did you mean 'item.price'?"},
      {"true and user.pln == 'x'",
       "at byte 10: unknown attribute 'user.pln'; did you mean 'user.plan'?"},
      {"request.current_item.prize > 1",
       "at byte 1: unknown attribute 'request.current_item.prize'; did you mean "
       "'request.current_item.price'?"},
      {"mix(1, 2) > 1", "at byte 1: unknown function 'mix'; did you mean 'max'?"},
      {"min(1) > 1", "at byte 1: min: expected at least 2 arguments, found 1"},
      {"abs(1, 2) > 1", "at byte 1: abs: expected 1 arguments, found 2"},
      {"item.price = 5", "at byte 12: found '=': write =="},
      {"item.stock && true", "at byte 12: found '&&': write and"},
      {"item.stock # true", "at byte 12: expected a name, a value or an operator, found '#'"},
      {"item.channel == 'news", "at byte 17: expected a closing ' of this text"},
      {"item.price < $", "at byte 14: expected the name of a parameter after '$'"},
      {"(item.price < 5", "at byte 16: expected ')' or an operator, found the end"},
      {"item.price < 5 6", "at byte 16: expected an operator or the end, found '6'"},
      {"1 < 2 < 3", "at byte 7: expected an operator or the end, found '<'"},
      {"item.price", "at byte 1: expected true or false, found a number"},
      {"not item.price", "at byte 5: expected true or false, found a number"},
      {"item.price < 'x'", "at byte 14: expected a number, found a text"},
      {"item.price == item.channel", "at byte 15: expected a number, found an id of 'channels'"},
      {"item.channel == item.brand",
       "at byte 17: expected an id of 'channels', found an id of 'brand'"},
      {"item.channel < 'x'",
       "at byte 1: expected a number or a time before '<', found an id of 'channels'"},
      {"item.topics == 'x'",
       "at byte 1: a set cannot be compared by '==': write VALUE in SET, SET has any SET or SET "
       "has all SET"},
      {"item.topics in ['x']",
       "at byte 1: expected one value before 'in', found a set: write SET has any LIST or SET has "
       "all LIST"},
      {"item.channel has any ['x']",
       "at byte 1: expected a set before 'has any', found an id of 'channels'"},
      {"item.topics has ['x']", "at byte 17: expected 'any' or 'all' after 'has', found '['"},
      {"item.channel in [1]", "at byte 17: expected a list of texts"},
      {"item.price in ['x']", "at byte 15: expected a list of numbers"},
      {"item.price in [1, 'x']", "at byte 19: expected a list of only numbers or only texts"},
      {"item.price in [item.price]", "at byte 16: expected a number or a text, found 'item.price'"},
      {"item.price in 5", "at byte 15: expected a set or a list after 'in', found a number"},
      {"item.stock in [1]",
       "at byte 1: expected a number, an id or a text before a list, found true or false"},
      {"item.price is 5", "at byte 15: expected 'missing' or 'not missing' after 'is', found '5'"},
      {"'x' is missing",
       "at byte 1: expected an attribute, a parameter or a number before 'is missing', found a "
       "text"},
      {"$a < $b",
       "at byte 1: expected an attribute, a number or a function on one of the two sides, since "
       "neither says what the other one is"},
      {"item.channel in $a else 'x'",
       "at byte 20: expected a set or a list after 'in', found a parameter"},
      {"($a else 'x') is missing",
       "at byte 5: expected an attribute, a parameter or a number before 'is missing', found a "
       "parameter"},
      {"item.price < $a else 'x'", "at byte 22: expected a number, found a text"},
      {"item.created < 'May'",
       "at byte 16: expected a date such as \"2026-01-31\" or a date and time such as "
       "\"2026-01-31T18:00:00Z\", found \"May\""},
      {"item.created + item.created < now", "at byte 16: expected a number, found a time"},
      {"item.vector == 1", "at byte 1: 'item.vector' is a vector, which expressions cannot read"},
      {"request.query == 'x'",
       "at byte 1: 'request.query' is known of events only: expected device, region, current_item "
       "or an attribute that [schema.requests] declares"},
      {"if(item.stock, 'a', item.channel) == 'a'",
       "at byte 21: expected a number, a time, or true or false, found an id of 'channels'"},
      {"(item.topics else item.topics) has any ['x']",
       "at byte 2: expected one value before 'else', found a set of ids of 'topics'"}};
  for (const auto& [text, message] : kMistakes) {
    EXPECT_EQ(Wrong(text), "test: " + std::string(message)) << text;
  }
}

TEST_F(LimitsTest, ABoostIsANumber) {
  EXPECT_EQ(Bound("item.stock", Use::kNumber, {}).error().message,
            "test: at byte 1: expected a number, found true or false");
  EXPECT_TRUE(Bound("$x", Use::kNumber, {{"x", {"2"}}}));
}

}  // namespace
}  // namespace upnext::expression
