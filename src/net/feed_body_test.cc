#include "net/feed_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace upnext::net {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

schema::Schema SiteSchema() {
  return schema::Schema::Parse(
             "schema.requests.depth = 'number'\nschema.requests.signed_in = 'flag'\n")
      .value();
}

std::string WhyNotABody(std::string_view body) {
  const auto parsed = ParseFeedBody(SiteSchema(), body);
  EXPECT_FALSE(parsed) << body;
  return parsed ? "" : parsed.error().message;
}

TEST(FeedBody, ValuesOfEachTypeAreThoseOfAQuery) {
  auto parsed = ParseFeedBody(SiteSchema(), R"({"user": 7, "n": 5, "exclude": ["a", 8],
      "explain": true, "return": ["title", "channel"], "watching": "v1", "depth": 2.5,
      "signed_in": false, "weights": {"watch": 1, "dislike": -0.5}, "scenario": null,
      "parameters": {"max": 5, "new": true, "channels": ["x", "y"]}})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->Text("user"), "7");
  EXPECT_EQ(*parsed->Count("n", 20, 1, 10), 5u);
  EXPECT_THAT(parsed->Texts("exclude"), ElementsAre("a", "8"));
  EXPECT_TRUE(*parsed->Flag("explain"));
  EXPECT_EQ(parsed->Text("return"), "title,channel");
  EXPECT_EQ(parsed->Text("watching"), "v1");
  EXPECT_EQ(parsed->Text("score"), "watch:1,dislike:-0.5");
  EXPECT_FALSE(parsed->Has("scenario"));
  EXPECT_EQ(parsed->Attributes(SiteSchema())->size(), 2u);
  EXPECT_THAT(parsed->OfExpressions(),
              ElementsAre(Pair("max", ElementsAre("5")), Pair("new", ElementsAre("true")),
                          Pair("channels", ElementsAre("x", "y"))));
  EXPECT_TRUE(parsed->CheckAllKnown());
}

TEST(FeedBody, AMistakeNamesItsKey) {
  EXPECT_THAT(WhyNotABody("{"), HasSubstr("the body is not JSON"));
  EXPECT_THAT(WhyNotABody("[]"), HasSubstr(R"(expected an object such as {"user": "U"})"));
  EXPECT_EQ(WhyNotABody(R"({"usr": "u"})"), "usr: there is no such key; did you mean 'user'?");
  EXPECT_EQ(WhyNotABody(R"({"user": "u", "user": "v"})"), "user: the key is given twice");
  EXPECT_EQ(WhyNotABody(R"({"n": "5"})"), "n: expected a whole number, found a string");
  EXPECT_EQ(WhyNotABody(R"({"n": 5.5})"), "n: expected a whole number, found 5.5");
  EXPECT_EQ(WhyNotABody(R"({"explain": 1})"), "explain: expected true or false, found a number");
  EXPECT_EQ(WhyNotABody(R"({"exclude": "a"})"), "exclude: expected a list of ids, found a string");
  EXPECT_THAT(WhyNotABody(R"({"exclude": ["a", []]})"),
              HasSubstr("exclude: [1]: expected a string"));
  EXPECT_THAT(WhyNotABody(R"({"return": "title"})"), HasSubstr("return: expected a list of names"));
  EXPECT_THAT(WhyNotABody(R"({"parameters": {"a": 1, "a": 2}})"),
              HasSubstr("a: the name is given"));
  EXPECT_THAT(WhyNotABody(R"({"parameters": {"a": {}}})"),
              HasSubstr("parameters: a: expected a string"));
  EXPECT_THAT(WhyNotABody(R"({"weights": {}})"), HasSubstr("weights: expected an object such as"));
  EXPECT_THAT(WhyNotABody(R"({"weights": {"watch": "1"}})"), HasSubstr("watch: expected a number"));
  EXPECT_THAT(WhyNotABody(R"({"weights": {"a:1,b": 1}})"), HasSubstr("expected objectives"));
  EXPECT_THAT(WhyNotABody(R"({"score": "watch:1", "weights": {"watch": 1}})"),
              HasSubstr("expected either score or weights"));
  EXPECT_THAT(WhyNotABody(R"({"user": "a\u0000b"})"), HasSubstr("without the character NUL"));
  EXPECT_THAT(WhyNotABody(R"({"depth": "deep"})"), HasSubstr("depth: expected a number"));
}

TEST(FeedBody, AListIsLimited) {
  std::string list = "\"v\"";
  for (size_t i = 1; i <= kMaxFeedIds; ++i) list += ",\"v\"";
  EXPECT_THAT(WhyNotABody("{\"exclude\": [" + list + "]}"), HasSubstr("expected at most 10000"));
}

}  // namespace
}  // namespace upnext::net
