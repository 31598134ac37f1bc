#include "net/event_json.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace upnext::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string BatchOf(const std::string& event) { return R"({"events": [)" + event + "]}"; }

// The message of a refused batch.
std::string WhyRefused(const std::string& body) {
  const Result<EventBatch> batch = ParseEvents(schema::Schema(), body);
  if (batch) {
    ADD_FAILURE() << "taken: " << body;
    return {};
  }
  EXPECT_EQ(batch.error().code, Code::kInvalidArgument);
  return batch.error().message;
}

TEST(ParseEvents, TakesEveryColumn) {
  const auto batch = ParseEvents(
      schema::Schema(),
      BatchOf(
          R"({"user": "u", "item": "i", "time": 1700000000.25, "type": "watch", "value": 31.5,
          "request": "r", "position": 3, "source": "popular", "source_score": -31.5,
          "propensity": 0.5, "device": "tv",
          "region": "DE", "current_item": "j", "off_site": true, "id": "e1"})"));
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_EQ(batch->events.size(), 1u);
  const schema::RawEvent& event = batch->events[0];
  EXPECT_EQ(event.user, "u");
  EXPECT_EQ(event.item, "i");
  EXPECT_EQ(event.time_ms, 1'700'000'000'250);
  EXPECT_EQ(event.type, schema::EventType::kWatch);
  EXPECT_EQ(event.value, 31.5f);
  EXPECT_EQ(event.request, "r");
  EXPECT_EQ(event.position, 3);
  EXPECT_EQ(event.source, "popular");
  EXPECT_EQ(event.propensity, 0.5f);
  EXPECT_EQ(event.source_score, -31.5f);
  EXPECT_EQ(event.device, "tv");
  EXPECT_EQ(event.region, "DE");
  EXPECT_EQ(event.current_item, "j");
  EXPECT_TRUE(event.off_site);
  EXPECT_THAT(batch->ids, testing::ElementsAre("e1"));
}

TEST(ParseEvents, TakesTheItemBeingWatchedUnderItsOldNameToo) {
  const auto batch =
      ParseEvents(schema::Schema(),
                  BatchOf(R"({"user": "u", "item": "i", "type": "impression", "seed": "j"})"));
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->events[0].current_item, "j");
}

TEST(ParseEvents, TakesAnEventAlone) {
  const auto batch =
      ParseEvents(schema::Schema(), R"({"id": "e1", "user": "u", "type": "click", "item": "i"})");
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_EQ(batch->events.size(), 1u);
  EXPECT_EQ(batch->events[0].item, "i");
  EXPECT_THAT(batch->ids, testing::ElementsAre("e1"));
  EXPECT_THAT(WhyRefused(R"({"type": "click", "item": "i"})"), HasSubstr("user"));
  EXPECT_THAT(WhyRefused(R"({"user": "u"})"),
              HasSubstr(R"(expected {"events": [...]}, found the key 'user')"));
}

TEST(ParseEvents, TakesAnEventOnEachLine) {
  const auto lines = [](std::string_view body) {
    return ParseEvents(schema::Schema(), body, BodyFormat::kLines);
  };
  const auto batch = lines(
      "{\"user\": \"u\", \"type\": \"click\", \"item\": \"i\"}\r\n\n"
      "{\"user\": \"v\", \"type\": \"click\", \"item\": \"j\", \"id\": 3}");
  ASSERT_TRUE(batch) << batch.error().message;
  ASSERT_EQ(batch->events.size(), 2u);
  EXPECT_EQ(batch->events[1].user, "v");
  EXPECT_THAT(batch->ids, testing::ElementsAre("", "3"));
  EXPECT_TRUE(lines("")->events.empty());
  const auto wrong =
      lines("{\"user\": \"u\", \"type\": \"click\", \"item\": \"i\"}\n\n{\"user\": 1.5}\n");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("line 3"));
  EXPECT_THAT(lines("{\"events\": []}").error().message, HasSubstr("events"));
}

TEST(ParseEvents, WholeNumbersAreIdsAsTheyAreWritten) {
  const auto batch =
      ParseEvents(schema::Schema(), BatchOf(R"({"user": 7, "item": -12, "type": "click", "id": 0,
                                    "request": 18446744073709551615, "device": 9007199254740993})"));
  ASSERT_TRUE(batch) << batch.error().message;
  const schema::RawEvent& event = batch->events[0];
  EXPECT_EQ(event.user, "7");
  EXPECT_EQ(event.item, "-12");
  EXPECT_EQ(event.request, "18446744073709551615");
  EXPECT_EQ(event.device, "9007199254740993") << "above 2^53, where doubles skip numbers";
  EXPECT_THAT(batch->ids, testing::ElementsAre("0"));
}

TEST(ParseEvents, TimesAreSecondsOrIsoText) {
  const auto time = [](std::string_view text) {
    const auto batch = ParseEvents(
        schema::Schema(),
        BatchOf(fmt::format(R"({{"user": "u", "item": "i", "type": "click", "time": {}}})", text)));
    EXPECT_TRUE(batch) << batch.error().message;
    return batch ? batch->events[0].time_ms : 0;
  };
  EXPECT_EQ(time("1704448800"), 1'704'448'800'000);
  EXPECT_EQ(time(R"("2024-01-05T10:00:00Z")"), 1'704'448'800'000);
  EXPECT_EQ(time(R"("2024-01-05T12:00:00.250+02:00")"), 1'704'448'800'250);
  EXPECT_EQ(time(R"("2024-01-05 10:00:00")"), 1'704'448'800'000) << "UTC, as in the import";
  EXPECT_EQ(time(R"("2024-01-05")"), 1'704'412'800'000);
}

TEST(ParseEvents, AbsentAndNullColumnsAreUnknown) {
  const auto batch = ParseEvents(
      schema::Schema(),
      BatchOf(
          R"({"user": "u", "item": "i", "type": "impression", "time": null, "value": null,
          "position": null, "id": null, "off_site": null})"));
  ASSERT_TRUE(batch) << batch.error().message;
  const schema::RawEvent& event = batch->events[0];
  EXPECT_EQ(event.time_ms, schema::kNoTime);
  EXPECT_TRUE(std::isnan(event.value));
  EXPECT_TRUE(std::isnan(event.propensity));
  EXPECT_TRUE(std::isnan(event.source_score));
  EXPECT_EQ(event.position, 0);
  EXPECT_FALSE(event.off_site);
  EXPECT_THAT(batch->ids, testing::ElementsAre(""));
}

TEST(ParseEvents, EveryEventTypeIsTakenByItsName) {
  for (size_t type = 1; type < schema::kEventTypes; ++type) {
    const std::string name(schema::EventTypeName(static_cast<schema::EventType>(type)));
    const std::string rest = name == "search" ? R"("query": "q")" : R"("item": "i", "value": 1)";
    const auto batch = ParseEvents(
        schema::Schema(), BatchOf(fmt::format(R"({{"user": "u", "type": "{}", {}}})", name, rest)));
    ASSERT_TRUE(batch) << name << ": " << batch.error().message;
    EXPECT_EQ(static_cast<size_t>(batch->events[0].type), type);
  }
}

schema::Schema Shop() {
  return schema::Schema::Parse(
             "schema.events.wish = 'positive'\nschema.events.voice = 'search'\n"
             "schema.events.dwell = 'strength'\nschema.requests.page = 'category'\n"
             "schema.requests.depth = 'number'\nschema.requests.signed_in = 'flag'\n"
             "schema.requests.opened = 'time'\n")
      .value();
}

TEST(ParseEvents, TakesTypesAndAttributesOfTheSite) {
  const schema::Schema schema = Shop();
  const auto batch = ParseEvents(
      schema, BatchOf(
                  R"({"user": "u", "item": "i", "type": "wish", "page": "home", "depth": 2.5,
          "signed_in": false, "opened": 1700000000.25},
         {"user": "u", "type": "Voice", "query": "cats", "page": "", "depth": null})"));
  ASSERT_TRUE(batch) << batch.error().message;
  const schema::RawEvent& wish = batch->events[0];
  EXPECT_EQ(wish.type, *schema.FindEventType("wish"));
  std::vector<std::string> attributes;
  for (const auto& [number, text] : wish.attributes) {
    attributes.push_back(schema.attributes(schema::Entity::kRequest)[number].name + " " + text);
  }
  EXPECT_THAT(attributes, testing::UnorderedElementsAre("page home", "depth 2.5", "signed_in false",
                                                        "opened 1700000000.250"));
  EXPECT_TRUE(batch->events[1].attributes.empty()) << "absent values are left out";
}

TEST(ParseEvents, WrongValuesOfTheSiteSayWhatWasExpected) {
  const std::pair<std::string, std::string> cases[] = {
      {R"("type": "wihs")", "no event type 'wihs'; did you mean 'wish'? (the types are impression"},
      {R"("type": "dwell")", "expected a value (number) for the type dwell, found none"},
      {R"("type": "voice")", "expected a query for a search, found none"},
      {R"("page": 7.5)",
       "page: expected a string or a whole number, found 7.5; write it in quotes"},
      {R"("page": "a\tb")", "page: expected an id without control characters"},
      {R"("depth": "deep")", "depth: expected a number, found a string"},
      {R"("depth": 1e300)", "depth: expected a finite number, found 1e+300"},
      {R"("signed_in": 1)", "signed_in: expected true or false, found a number"},
      {R"("opened": 1700000000000)", "opened: expected seconds since 1970"},
      {R"("dept": 3)", "dept: there is no such key; did you mean 'depth'?"},
      {R"("scroll": 3)", "is a line in the project file: [schema.requests] scroll = \"number\""},
      {R"("theme": "dark")", "[schema.requests] theme = \"category\""},
      {R"("beta": true)", "[schema.requests] beta = \"flag\""},
  };
  for (const auto& [key, want] : cases) {
    const std::string type = key.starts_with("\"type\"") ? "" : R"("type": "click", )";
    const auto batch = ParseEvents(
        Shop(), BatchOf(fmt::format(R"({{"user": "u", "item": "i", {}{}}})", type, key)));
    ASSERT_FALSE(batch) << key;
    EXPECT_THAT(batch.error().message, HasSubstr(want)) << key;
  }
}

TEST(ParseEvents, KeepsUnicodeAndEscapes) {
  const auto batch = ParseEvents(
      schema::Schema(),
      BatchOf(
          R"({"user": "Jürgen \u00e9\ud83d\ude00", "type": "search", "query": "東京 \"ramen\"\n"})"));
  ASSERT_TRUE(batch) << batch.error().message;
  EXPECT_EQ(batch->events[0].user, "Jürgen é😀");
  EXPECT_EQ(batch->events[0].query, "東京 \"ramen\"\n");
  EXPECT_THAT(WhyRefused(BatchOf("{\"user\": \"\xff\xfe\"}")), HasSubstr("not JSON"));
  EXPECT_THAT(WhyRefused(BatchOf(R"({"user": "\ud83d"})")), HasSubstr("not JSON"));
}

TEST(ParseEvents, EveryWrongEventSaysWhatWasExpectedAndWhere) {
  const struct {
    std::string event, want;
  } cases[] = {
      {R"("an event")", "expected an object, found a string"},
      {R"([])", "expected an object, found an array"},
      {R"({})", "expected a user, found none"},
      {R"({"user": ""})", "expected a user, found none"},
      {R"({"user": 7.0})", "user: expected a string or a whole number, found 7.0; write it in"},
      {R"({"user": true})", "user: expected a string or a whole number, found true or false"},
      {R"({"user": "u"})", "expected a type, found none"},
      {R"({"user": "u", "type": null})", "expected a type, found none"},
      {R"({"user": "u", "type": "wacth"})", "there is no event type 'wacth'; did you mean 'watch'"},
      {R"({"user": "u", "type": 3})", "type: expected a string, found a number"},
      {R"({"user": "u", "type": "click"})", "expected an item, found none"},
      {R"({"user": "u", "type": "click", "item": ["i"]})",
       "item: expected a string or a whole number, found an array"},
      {R"({"user": "u", "type": "watch", "item": "i"})", "expected a value (watched seconds)"},
      {R"({"user": "u", "type": "rating", "item": "i"})", "expected a value (stars)"},
      {R"({"user": "u", "type": "search"})", "expected a query for a search, found none"},
      {R"({"user": "u", "type": "search", "query": "q", "item": "i"})", "expected no item"},
      {R"({"usr": "u"})", "usr: there is no such key; did you mean 'user'"},
      {R"({"zzzzzzzz": "u"})", "zzzzzzzz: there is no such key"},
      {R"({"value": "7"})", "value: expected a number, found a string"},
      {R"({"value": -1})", "value: expected a number in [0, 1e9], found"},
      {R"({"value": 1e10})", "value: expected a number in [0, 1e9], found"},
      {R"({"value": true})", "value: expected a number, found true or false"},
      {R"({"time": "yesterday"})", "time: expected seconds since 1970 as a number, or ISO text"},
      {R"({"time": "1700000000"})", "found '1700000000'"},
      {R"({"time": "2024-02-30T10:00:00Z"})", "found '2024-02-30T10:00:00Z'"},
      {R"({"time": "1024-01-01"})", "between the years 1900 and 2200"},
      {R"({"time": true})", "time: expected seconds since 1970 or ISO text, found true or false"},
      {R"({"time": -5e9})", "time: expected seconds since 1970, between the years 1900 and 2200"},
      {R"({"time": -1e300})", "time: expected seconds since 1970"},
      {R"({"time": 1700000000000})", "are these milliseconds?"},
      {R"({"user": "a\tb"})", "user: expected an id without control characters"},
      {R"({"item": "a\u007f"})", "item: expected an id without control characters"},
      {R"({"id": "a\n"})", "id: expected an id without control characters"},
      {R"({"position": 0})", "position: expected a whole number in [1, 65535], found 0"},
      {R"({"position": 65536})", "position: expected a whole number in [1, 65535]"},
      {R"({"position": 1.5})", "position: expected a whole number in [1, 65535], found 1.5"},
      {R"({"propensity": 0})", "propensity: expected a number in (0, 1]"},
      {R"({"propensity": 1e-60})", "propensity: expected a number in (0, 1]"},
      {R"({"propensity": 1.01})", "propensity: expected a number in (0, 1], found 1.01"},
      {R"({"source_score": 1e39})", "source_score: expected a finite number, found 1e+39"},
      {R"({"source_score": "high"})", "source_score: expected a number, found a string"},
      {R"({"off_site": 1})", "off_site: expected true or false, found a number"},
      {R"({"device": {}})", "device: expected a string or a whole number, found an object"},
      {R"({"id": 1e3})", "id: expected a string or a whole number, found 1000"},
      {R"({"user": "a\u202eb"})", "user: expected an id without control characters"},
      {R"({"id": "a\u2028b"})", "id: expected an id without control characters"},
      {R"({"user": "u", "user": "u"})", "user: the key is given twice"},
      {R"({"user": "u", "\u0075ser": null})", "user: the key is given twice"},
      {R"({"seed": "i", "current_item": "i"})", "current_item: the key is given twice"},
      {R"({"nothing": null})", "nothing: there is no such key"},
      {R"({"id": ")" + std::string(kMaxIdBytes + 1, 'x') + R"("})", "expected at most 512 bytes"},
  };
  const std::string good = R"({"user": "u", "item": "i", "type": "click"})";
  for (const auto& [event, want] : cases) {
    EXPECT_THAT(WhyRefused(BatchOf(fmt::format("{}, {}", good, event))),
                AllOf(HasSubstr("events[1]"), HasSubstr(want)))
        << event;
  }
}

TEST(ParseEvents, WhatIsNoBatchIsRefused) {
  for (const std::string body :
       {"", " ", "{", "nonsense", R"({"events": [})", "\xff", R"({"a": 1}})"}) {
    EXPECT_THAT(WhyRefused(body), HasSubstr("the body is not JSON")) << body;
  }
  for (const std::string body :
       {"{}", "[]", "7", "null", R"({"events": {}})", R"({"events": null})", R"({"event": []})",
        R"({"events": [], "events": []})", R"([{"user": "u"}])"}) {
    EXPECT_THAT(WhyRefused(body), HasSubstr(R"(expected {"events": [...]})")) << body;
  }
  const std::string deep(100'000, '[');
  EXPECT_THAT(WhyRefused(R"({"events": )" + deep), HasSubstr("not JSON"));
}

TEST(ParseEvents, UnknownKeysBesideTheEventsAreRefused) {
  EXPECT_THAT(WhyRefused(R"({"events": [], "evnts": 1})"),
              HasSubstr("found the key 'evnts'; did you mean 'events'?"));
  EXPECT_THAT(WhyRefused(R"({"dry_run": true, "events": []})"),
              HasSubstr("found the key 'dry_run'"));
}

TEST(ParseEvents, BatchesHaveALimit) {
  const std::string event = R"({"user": "u", "item": "i", "type": "click"})";
  std::string list = event;
  for (size_t i = 1; i < kMaxEvents; ++i) list += "," + event;
  const auto full = ParseEvents(schema::Schema(), BatchOf(list));
  ASSERT_TRUE(full) << full.error().message;
  EXPECT_EQ(full->events.size(), kMaxEvents);
  EXPECT_THAT(WhyRefused(BatchOf(list + "," + event)),
              HasSubstr("expected at most 10000 events in a batch, found more"));
  EXPECT_TRUE(ParseEvents(schema::Schema(), R"({"events": []})")->events.empty());
}

TEST(ParseEvents, ChangedBytesNeverCrash) {
  const std::string good = BatchOf(
      R"({"user": "u", "item": "i", "time": 1700000000.25, "type": "watch", "value": 31.5,
          "position": 3, "propensity": 0.5, "off_site": true, "id": "e1"})");
  base::Rng rng(3);
  for (int round = 0; round < 5'000; ++round) {
    std::string body = good;
    for (uint64_t n = 1 + rng.Below(3); n > 0; --n) {
      body[rng.Below(body.size())] = static_cast<char>(rng.Below(256));
    }
    const auto batch = ParseEvents(schema::Schema(), body);
    EXPECT_TRUE(batch || batch.error().code == Code::kInvalidArgument);
  }
}

}  // namespace
}  // namespace upnext::net
