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
  Parameters& read = parsed->parameters;
  EXPECT_EQ(read.Text("user"), "7");
  EXPECT_EQ(*read.Count("n", 20, 1, 10), 5u);
  EXPECT_THAT(read.Texts("exclude"), ElementsAre("a", "8"));
  EXPECT_TRUE(*read.Flag("explain"));
  EXPECT_EQ(read.Text("return"), "title,channel");
  EXPECT_EQ(read.Text("watching"), "v1");
  EXPECT_EQ(read.Text("score"), "watch:1,dislike:-0.5");
  EXPECT_FALSE(read.Has("scenario"));
  EXPECT_EQ(read.Attributes(SiteSchema())->size(), 2u);
  EXPECT_THAT(read.OfExpressions(),
              ElementsAre(Pair("max", ElementsAre("5")), Pair("new", ElementsAre("true")),
                          Pair("channels", ElementsAre("x", "y"))));
  EXPECT_TRUE(read.CheckAllKnown());
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

TEST(FeedBody, RowsAreReadEachForItself) {
  const auto parsed = ParseFeedBody({}, R"({"rows": [{"scenario": "home", "n": 5},
      {"because": true}, {"segment": "topics", "n": 3, "items": 2}, {"because": false}]})");
  ASSERT_TRUE(parsed) << parsed.error().message;
  using Kind = serving::RowRequest::Kind;
  ASSERT_EQ(parsed->rows.size(), 4u);
  EXPECT_EQ(parsed->rows[0].scenario, "home");
  EXPECT_EQ(parsed->rows[0].n, 5u);
  EXPECT_EQ(parsed->rows[1].kind, Kind::kBecause);
  EXPECT_EQ(parsed->rows[1].n, 10u);
  EXPECT_EQ(parsed->rows[2].kind, Kind::kSegments);
  EXPECT_EQ(parsed->rows[2].each, 2u);
  EXPECT_EQ(parsed->rows[3].kind, Kind::kFeed);
  EXPECT_THAT(WhyNotABody(R"({"rows": []})"), HasSubstr("rows: expected a list of 1 to 50 rows"));
  EXPECT_THAT(WhyNotABody(R"({"rows": [{}, {"m": 1}]})"), HasSubstr("rows: [1]: m: there is no"));
  EXPECT_THAT(WhyNotABody(R"({"rows": [{"n": 0}]})"), HasSubstr("whole number from 1 to 100"));
  EXPECT_THAT(WhyNotABody(R"({"rows": [{"segment": "chanel"}]})"),
              HasSubstr("did you mean 'channel'?"));
  EXPECT_THAT(WhyNotABody(R"({"rows": [{"n": 100}, {"segment": "topics", "n": 46, "items": 20}]})"),
              HasSubstr("rows: expected at most 1000 items in all rows"));
  EXPECT_THAT(WhyNotABody(R"({"rows": [{"items": 3}]})"), HasSubstr("expected none without"));
  EXPECT_THAT(WhyNotABody(R"({"rows": [{"because": true, "segment": "channel"}]})"),
              HasSubstr("either because or segment"));
}

TEST(FeedBody, AListIsLimited) {
  std::string list = "\"v\"";
  for (size_t i = 1; i <= kMaxFeedIds; ++i) list += ",\"v\"";
  EXPECT_THAT(WhyNotABody("{\"exclude\": [" + list + "]}"), HasSubstr("expected at most 10000"));
}

}  // namespace
}  // namespace upnext::net
