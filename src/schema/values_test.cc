#include "schema/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace upnext::schema {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Schema WithEveryKind() {
  return Schema::Parse(
             "schema.items.flag = 'flag'\nschema.items.number = 'number'\n"
             "schema.items.time = 'time'\nschema.items.brand = 'category'\n"
             "schema.items.tags = 'categories'\nschema.items.body = 'text'\n"
             "schema.items.vector = 'vector(3)'\nschema.requests.depth = 'number'\n"
             "schema.users.plan = 'category'\nschema.events.voice_search = 'search'\n"
             "schema.events.dwell = { role = 'context', value = true }\n")
      .value();
}

const Attribute& Of(const Schema& schema, Entity entity, std::string_view name) {
  return schema.attributes(entity)[schema.FindAttribute(entity, name).value()];
}

std::string Why(const Status& status) { return status ? "" : status.error().message; }

TEST(Values, BoundsAreThoseOfTheAttribute) {
  const Schema schema;
  const Attribute& propensity = Of(schema, Entity::kRequest, "propensity");
  EXPECT_EQ(Expected(propensity), "a number in (0, 1]");
  EXPECT_TRUE(Allows(propensity, 1));
  EXPECT_FALSE(Allows(propensity, 0));
  EXPECT_FALSE(Allows(propensity, 1e-60)) << "0 as it is stored";
  EXPECT_FALSE(Allows(propensity, NAN));
  const Attribute& position = Of(schema, Entity::kRequest, "position");
  EXPECT_EQ(Expected(position), "a whole number in [1, 65535]");
  EXPECT_FALSE(Allows(position, 1.5));
  EXPECT_FALSE(Allows(position, 65536));
  const Attribute& duration = Of(schema, Entity::kItem, "duration");
  EXPECT_EQ(Expected(duration), "a finite number of at least 0");
  EXPECT_FALSE(Allows(duration, INFINITY));
  EXPECT_FALSE(Allows(duration, -0.5));
  EXPECT_EQ(Expected(ValueColumn()), "a number in [0, 1e9]");
  EXPECT_TRUE(Allows(Attribute(), -3e38));
  EXPECT_FALSE(Allows(Attribute(), 4e38));
}

TEST(Values, TextReadsBackAsTheSameValue) {
  const Schema schema = WithEveryKind();
  const Attribute& number = Of(schema, Entity::kItem, "number");
  for (const float value : {0.1f, -1e-38f, 3.4e38f, 16777217.0f}) {
    EXPECT_EQ(ParseValue(number, TextOf(number, {.number = value}))->number, value);
  }
  const Attribute& time = Of(schema, Entity::kItem, "time");
  for (const int64_t ms :
       {int64_t{0}, int64_t{-1}, int64_t{1'700'000'000'001}, kEarliestMs, kLatestMs}) {
    EXPECT_EQ(ParseValue(time, TextOf(time, {.time_ms = ms}))->time_ms, ms);
  }
  const Attribute& flag = Of(schema, Entity::kItem, "flag");
  EXPECT_EQ(TextOf(flag, {.number = 1}), "true");
  EXPECT_EQ(ParseValue(flag, "false")->number, 0);
  EXPECT_EQ(TextOf(flag, {}), "");
  const std::vector<float> vector = {0.1f, -2, 1e-30f};
  EXPECT_EQ(ParseVector(Of(schema, Entity::kItem, "vector"), TextOf(vector)).value(), vector);
}

TEST(Values, WrongTextIsAnsweredWithWhatWasExpected) {
  const Schema schema = WithEveryKind();
  const auto why = [&](std::string_view name, std::string_view text) {
    const auto value = ParseValue(Of(schema, Entity::kItem, name), text);
    return value ? "" : value.error().message;
  };
  EXPECT_EQ(why("flag", "maybe"), "expected true or false, found 'maybe'");
  EXPECT_EQ(why("number", "3 euro"), "expected a finite number, found '3 euro'");
  EXPECT_EQ(why("number", "inf"), "expected a finite number, found 'inf'");
  EXPECT_EQ(why("number", ""), "expected a finite number, found ''");
  EXPECT_THAT(why("time", "1700000000000"), HasSubstr("are these milliseconds?"));
  EXPECT_THAT(why("time", "yesterday"), HasSubstr("expected seconds since 1970"));
  EXPECT_THAT(why("brand", "a\tb"), HasSubstr("control characters"));
  EXPECT_THAT(why("brand", "a\u2029b"), HasSubstr("control characters"));
  EXPECT_THAT(why("brand", std::string(513, 'a')), HasSubstr("at most 512 bytes"));
  EXPECT_THAT(why("body", std::string(kMaxTextBytes + 1, 'a')), HasSubstr("found 1048577 bytes"));
  EXPECT_EQ(why("body", "a\tb"), "");
  const Attribute& vector = Of(schema, Entity::kItem, "vector");
  EXPECT_THAT(ParseVector(vector, "1 2").error().message,
              "expected a list of 3 finite numbers, found 2 of them");
  EXPECT_FALSE(ParseVector(vector, "1 2 nan"));
  EXPECT_FALSE(ParseVector(vector, "1,2,3"));
}

TEST(CheckEvent, GoesByTheRoleOfTheType) {
  const Schema schema = WithEveryKind();
  RawEvent event = {.user = "u", .item = "i"};
  EXPECT_EQ(Why(CheckEvent(schema, event)), "");
  event.type = *schema.FindEventType("voice_search");
  EXPECT_EQ(Why(CheckEvent(schema, event)), "expected a query for a search, found none");
  event.query = "cats\n";
  EXPECT_EQ(Why(CheckEvent(schema, event)), "expected no item for a search, found one");
  event.item = "";
  EXPECT_EQ(Why(CheckEvent(schema, event)), "") << "a query may have any bytes";
  event = {.user = "u", .item = "i", .type = *schema.FindEventType("dwell")};
  EXPECT_EQ(Why(CheckEvent(schema, event)),
            "expected a value (number) for the type dwell, found none");
  event.type = EventType::kRating;
  EXPECT_THAT(Why(CheckEvent(schema, event)), HasSubstr("expected a value (stars)"));
  event.type = EventType{99};
  EXPECT_EQ(Why(CheckEvent(schema, event)), "expected a type, found none");
}

TEST(CheckEvent, NamesTheColumnThatBreaksARule) {
  const Schema schema = WithEveryKind();
  const uint32_t depth = *schema.FindAttribute(Entity::kRequest, "depth");
  const auto why = [&](const auto& change) {
    RawEvent event = {.user = "u", .item = "i", .attributes = {{depth, "2"}}};
    change(event);
    return Why(CheckEvent(schema, event));
  };
  EXPECT_EQ(why([](RawEvent&) {}), "");
  EXPECT_EQ(why([](RawEvent& e) { e.user = ""; }), "expected a user, found none");
  EXPECT_EQ(why([](RawEvent& e) { e.item = ""; }), "expected an item, found none");
  EXPECT_THAT(why([](RawEvent& e) { e.device = "\t"; }), HasSubstr("device: expected an id"));
  EXPECT_THAT(why([](RawEvent& e) { e.current_item = "\n"; }), HasSubstr("current_item: "));
  EXPECT_THAT(why([](RawEvent& e) { e.request = "\n"; }), HasSubstr("request: "));
  EXPECT_EQ(why([](RawEvent& e) { e.propensity = 0; }),
            "propensity: expected a number in (0, 1], found 0");
  EXPECT_EQ(why([](RawEvent& e) { e.source_score = -2.5f; }), "");
  EXPECT_EQ(why([](RawEvent& e) { e.source_score = INFINITY; }),
            "source_score: expected a finite number, found inf");
  EXPECT_EQ(why([](RawEvent& e) { e.value = -1; }),
            "value: expected a number in [0, 1e9], found -1");
  EXPECT_EQ(why([](RawEvent& e) { e.attributes[0].second = "deep"; }),
            "depth: expected a finite number, found 'deep'");
  EXPECT_THAT(why([](RawEvent& e) { e.attributes[0].first = 0; }),
              HasSubstr("0 is not the number of a declared attribute"));
}

TEST(CheckRows, ItemsAndUsersAreHeldToTheirAttributes) {
  const Schema schema = WithEveryKind();
  RawItem item = {.item = "i", .duration_s = 3, .topics = {"a"}};
  item.attributes = {{*schema.FindAttribute(Entity::kItem, "tags"), "x"},
                     {*schema.FindAttribute(Entity::kItem, "tags"), "y"},
                     {*schema.FindAttribute(Entity::kItem, "vector"), "1 2 3"}};
  EXPECT_EQ(Why(CheckItem(schema, item)), "");
  item.attributes.back().second = "1 2";
  EXPECT_THAT(Why(CheckItem(schema, item)), HasSubstr("vector: expected a list of 3"));
  item.duration_s = -1;
  EXPECT_EQ(Why(CheckItem(schema, item)),
            "duration: expected a finite number of at least 0, found -1");
  EXPECT_EQ(Why(CheckItem(schema, {})), "expected an item, found none");
  EXPECT_EQ(Why(CheckUser(schema, {.user = "u", .age = 151})),
            "age: expected a number in [0, 150], found 151");
  EXPECT_EQ(Why(CheckUser(schema, {.user = "u", .age = 150, .logged_in = 1})), "");
  EXPECT_THAT(Why(CheckUser(schema, {.user = "u", .region = "\n"})), HasSubstr("region: "));
}

TEST(Values, IdsHaveNoCharactersThatBreakLinesOrTurnTheText) {
  for (const char* bad :
       {"\t", "a\nb", "\x7f", "a\u0085", "\u0080", "\u009f", "\u061c", "a\u200eb", "\u200f",
        "\u2028", "\u2029", "\u202a", "x\u202e", "\u2066", "\u2069", "Jürgen\u202e"}) {
    EXPECT_TRUE(HasControlBytes(bad)) << bad;
    EXPECT_FALSE(CheckId(bad));
  }
  for (const char* good :
       {"", "a b", "Jürgen", "\u00a0", "\u00c2", "東京", "שלום", "\u061b", "\u200d", "\u2027",
        "\u202f", "\u2065", "\u206a", "😀", "\xc2", "\xe2\x80", "\xff", "…–"}) {
    EXPECT_FALSE(HasControlBytes(good)) << good;
    EXPECT_TRUE(CheckId(good)) << good;
  }
}

}  // namespace
}  // namespace upnext::schema
