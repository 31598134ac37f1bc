#include "mcp/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace upnext::mcp {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Tool& Named(std::string_view name) { return *std::ranges::find(Tools(), name, &Tool::name); }

TEST(Arguments, BecomeWordsOfWhichNoneIsReadAsAnotherFlag) {
  const auto words =
      WordsOf(Named("recommend"),
              json::parse(R"({"user": "--all-users", "n": 3, "exclude": ["a", "-b"]})"));
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_THAT(*words, ElementsAre("recommend", "--json", "--user=--all-users", "-n3", "--exclude=a",
                                  "--exclude=-b"));
}

TEST(Arguments, AWordThatStandsAloneIsNoFlag) {
  const auto words = WordsOf(Named("replay"), json::parse(R"({"request": "--all"})"));
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_THAT(*words, ElementsAre("replay", "--json", "--", "--all"));
}

TEST(Arguments, MistakesAreNamed) {
  const auto said = [](const char* text) {
    return WordsOf(Named("recommend"), json::parse(text)).error().message;
  };
  EXPECT_THAT(said("{}"), HasSubstr("user: expected for recommend, found none"));
  EXPECT_THAT(said(R"({"user": 7})"), HasSubstr("user: expected a string, found number"));
  EXPECT_THAT(said(R"({"user": "u", "filtr": "x"})"),
              HasSubstr("filtr is no argument of recommend; did you mean 'filter'?"));
  EXPECT_THAT(said(R"({"user": "u", "n": 1.5})"), HasSubstr("n: expected a whole number"));
  EXPECT_THAT(said(R"({"user": "u", "exclude": "a"})"),
              HasSubstr("exclude: expected at most 1000 strings"));
  EXPECT_THAT(said(R"({"user": "a\u0000b"})"), HasSubstr("without NUL"));
  EXPECT_THAT(said("[]"), HasSubstr("expected an object, found array"));
}

TEST(Arguments, EachToolHasASchemaThatItsRequiredArgumentsAreIn) {
  for (const Tool& tool : Tools()) {
    const auto schema = SchemaOf(tool);
    EXPECT_EQ(schema["properties"].size(), tool.arguments.size()) << tool.name;
    for (const Argument& argument : tool.arguments) {
      const bool required =
          schema.contains("required") &&
          std::ranges::find(schema["required"], argument.name) != schema["required"].end();
      EXPECT_EQ(required, argument.required) << tool.name << ' ' << argument.name;
    }
  }
}

}  // namespace
}  // namespace upnext::mcp
