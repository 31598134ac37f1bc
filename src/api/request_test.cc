#include "api/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "api/operations.h"

namespace upnext::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr std::string_view kColours[] = {"red", "green"};
constexpr Key kKeys[] = {
    {"name", KeyType::kText, ""},
    {"n", KeyType::kWhole, "", 1, 100},
    {"share", KeyType::kNumber, "", 0, 1},
    {"fast", KeyType::kFlag, ""},
    {"names", KeyType::kTexts, ""},
    {"parameters", KeyType::kValues, ""},
    {"events", KeyType::kEvents, ""},
    {.name = "colour", .type = KeyType::kText, .help = "", .choices = kColours},
};

std::string WhyNotRequest(std::string_view json) {
  const auto request = Request::Parse("paint", kKeys, json);
  return request ? "" : request.error().message;
}

TEST(Request, GivesWhatTheKeysHold) {
  const Request request =
      Request::Parse("paint", kKeys,
                     R"({"name": "x", "n": 20.0, "share": 1, "fast": true, "names": ["a", "b"],
                         "parameters": {"a": 0.5, "b": [1, "t"], "c": true, "d": null},
                         "events": ["i", {"item": "j"}], "colour": "red"})")
          .value();
  EXPECT_EQ(request.Text("name"), "x");
  EXPECT_EQ(request.Whole("n", 3), 20);
  EXPECT_EQ(request.Number("share", .5), 1);
  EXPECT_TRUE(request.Flag("fast"));
  EXPECT_THAT(request.Texts("names"), ElementsAre("a", "b"));
  EXPECT_THAT(request.Values("parameters"),
              ElementsAre(Pair("a", ElementsAre("0.5")), Pair("b", ElementsAre("1", "t")),
                          Pair("c", ElementsAre("true")), Pair("d", ElementsAre())));
  EXPECT_EQ(request.Json("events").size(), 2u);
}

TEST(Request, WhatIsAbsentOrNullIsTheFallback) {
  const Request request =
      Request::Parse("paint", kKeys, R"({"name": null, "n": null, "fast": null})").value();
  EXPECT_EQ(request.MaybeText("name"), std::nullopt);
  EXPECT_EQ(request.Whole("n", 3), 3);
  EXPECT_EQ(request.Number("share", .5), .5);
  EXPECT_FALSE(request.Flag("fast"));
  EXPECT_TRUE(request.Texts("names").empty());
  EXPECT_TRUE(request.Values("parameters").empty());
}

TEST(Request, MistakesNameTheKeyAndWhatWasExpected) {
  EXPECT_THAT(WhyNotRequest(R"({"nmae": 1})"),
              HasSubstr("paint: there is no 'nmae'; did you mean 'name'?"));
  EXPECT_EQ(WhyNotRequest(R"({"name": 3})"), "paint: name: expected a text, found 3");
  EXPECT_EQ(WhyNotRequest(R"({"n": 0})"), "paint: n: expected 1 to 100, found 0");
  EXPECT_EQ(WhyNotRequest(R"({"n": 1.5})"), "paint: n: expected a whole number, found 1.5");
  EXPECT_EQ(WhyNotRequest(R"({"n": 1e300})"), "paint: n: expected a whole number, found 1e+300");
  EXPECT_EQ(WhyNotRequest(R"({"n": true})"), "paint: n: expected a whole number, found true");
  EXPECT_EQ(WhyNotRequest(R"({"share": 1.01})"), "paint: share: expected 0 to 1, found 1.01");
  EXPECT_EQ(WhyNotRequest(R"({"fast": 1})"), "paint: fast: expected true or false, found 1");
  EXPECT_EQ(WhyNotRequest(R"({"names": ["a", 1]})"),
            R"(paint: names: expected a list of texts, found ["a",1])");
  EXPECT_EQ(WhyNotRequest(R"({"names": "a"})"),
            R"(paint: names: expected a list of texts, found "a")");
  EXPECT_THAT(WhyNotRequest(R"({"parameters": {"a": {"b": 1}}})"),
              HasSubstr("parameters: expected an object"));
  EXPECT_THAT(WhyNotRequest(R"({"events": [1]})"),
              HasSubstr("expected a list of texts or objects"));
  EXPECT_EQ(WhyNotRequest(R"({"colour": "blue"})"),
            R"(paint: colour: expected one of red, green, found "blue")");
  EXPECT_THAT(WhyNotRequest("[1]"), HasSubstr("expected a JSON object as the request, found [1]"));
  for (const char* text : {"", "{", "{\"n\": 1,}", "\xff", "nul"}) {
    EXPECT_THAT(WhyNotRequest(text), HasSubstr("found what is no JSON")) << text;
  }
  EXPECT_LT(WhyNotRequest("{\"" + std::string(10'000, 'x') + "\": 1}").size(), 200u);
  EXPECT_LT(WhyNotRequest("{\"n\": \"" + std::string(10'000, 'x') + "\"}").size(), 200u);
}

TEST(OperationsTable, EveryNameIsThereOnceAndKeysSayWhatTheyAre) {
  std::vector<std::string_view> names;
  for (const Operation* one : Operations()) {
    EXPECT_EQ(FindOperation(one->name).value(), one);
    names.push_back(one->name);
    for (const Key& key : one->keys) {
      EXPECT_FALSE(key.help.empty()) << one->name << " " << key.name;
      EXPECT_EQ(std::ranges::count(one->keys, key.name, &Key::name), 1) << key.name;
    }
  }
  EXPECT_THAT(names, testing::IsSupersetOf({"import", "train", "evaluate", "recommend", "similar",
                                            "vectors", "simulate", "study"}));
  EXPECT_EQ(FindOperation("recomend").error().message,
            "there is no operation 'recomend'; did you mean 'recommend'?");
  const auto json = nlohmann::json::parse(OperationsJson());
  ASSERT_EQ(json.size(), names.size());
  EXPECT_EQ(json[0]["name"], "import");
  EXPECT_EQ(json[0]["keys"][0]["type"], "text");
}

TEST(Request, ListsThatAreTooDeepAreRefused) {
  const Operation& operation = *FindOperation("recommend").value();
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  const auto parsed =
      Request::Parse("recommend", operation.keys, R"({"session": [{"a": )" + deep + "}]}");
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, testing::HasSubstr("too deep"));
  EXPECT_TRUE(Request::Parse("recommend", operation.keys, R"({"user": "[[[[\"[[[["})"));
}

}  // namespace
}  // namespace upnext::api
