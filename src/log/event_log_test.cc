#include "log/event_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>

#include "base/checksum.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "log/log_format.h"

namespace upnext::log {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<schema::RawEvent> SomeEvents() {
  return {
      {.user = "10", .item = "b", .time_ms = 300, .type = schema::EventType::kClick},
      {.user = "9", .item = "a", .time_ms = 100, .type = schema::EventType::kWatch, .value = 12.5f},
      {.user = "10",
       .item = "a",
       .time_ms = 200,
       .type = schema::EventType::kImpression,
       .request = "r1",
       .source = "fresh",
       .device = "tv",
       .region = "NZ",
       .current_item = "only-watched",
       .position = 3,
       .propensity = 0.25f,
       .source_score = -31.5f,
       .off_site = true},
      {.user = "9", .time_ms = 50, .type = schema::EventType::kSearch, .query = "cat videos"},
      {.user = "10", .item = "c", .time_ms = 300, .type = schema::EventType::kLike},
  };
}
std::vector<schema::RawItem> SomeItems() {
  return {{.item = "b",
           .created_ms = -5,
           .duration_s = 60,
           .channel = "ch",
           .language = "mi",
           .title = "Bee",
           .topics = {"z", "y", "z", ""}},
          {.item = "never seen", .removed = true}};
}
std::vector<schema::RawUser> SomeUsers() {
  return {{.user = "silent", .region = "FR", .language = "fr", .age = 30, .gender = 0.5f},
          {.user = "9", .logged_in = 1}};
}

EventLog WriteAndOpen(const std::filesystem::path& folder,
                      const std::vector<schema::RawEvent>& events,
                      const std::vector<schema::RawItem>& items = {},
                      const std::vector<schema::RawUser>& users = {}, uint32_t shards = 1) {
  std::filesystem::create_directories(folder);
  const Status written = WriteEventLog(folder, events, items, users, shards);
  if (!written) ADD_FAILURE() << written.error().message;
  Result<EventLog> log = EventLog::Open(folder);
  if (!log) ADD_FAILURE() << log.error().message;
  return log.value();
}

std::vector<std::string> ItemsOf(const EventLog& log, std::string_view user) {
  const uint32_t id = log.dictionary(schema::IdSpace::kUser).Find(user);
  std::vector<std::string> items;
  for (uint64_t row = log.begin(id); row < log.end(id); ++row) {
    const uint32_t item = log.item_of(row);
    items.emplace_back(item == schema::kNone ? "-"
                                             : log.dictionary(schema::IdSpace::kItem).name(item));
  }
  return items;
}

class EventLogShards : public ::testing::TestWithParam<uint32_t> {};

TEST_P(EventLogShards, GivesBackEveryField) {
  const base::TestFolder folder;
  const EventLog log =
      WriteAndOpen(folder / "log", SomeEvents(), SomeItems(), SomeUsers(), GetParam());
  const auto id = [&](schema::IdSpace space, std::string_view name) {
    return log.dictionary(space).Find(name);
  };
  EXPECT_EQ(log.users(), 3u);
  EXPECT_EQ(log.items(), 5u)
      << "a, b, c, one that is only being watched, and one that only the items table has";
  EXPECT_EQ(log.events(), 5u);

  const uint32_t user = id(schema::IdSpace::kUser, "10");
  ASSERT_EQ(log.end(user) - log.begin(user), 3u);
  const schema::Event shown = log.event(log.begin(user));
  EXPECT_EQ(shown.time_ms, 200);
  EXPECT_EQ(shown.type, schema::EventType::kImpression);
  EXPECT_EQ(shown.item, id(schema::IdSpace::kItem, "a"));
  EXPECT_TRUE(std::isnan(shown.value));
  EXPECT_EQ(shown.query, schema::kNone);
  EXPECT_EQ(shown.request, base::Fingerprint("r1"));
  EXPECT_EQ(shown.position, 3);
  EXPECT_EQ(shown.source, id(schema::IdSpace::kSource, "fresh"));
  EXPECT_EQ(shown.propensity, 0.25f);
  EXPECT_EQ(shown.source_score, -31.5f);
  EXPECT_EQ(shown.device, id(schema::IdSpace::kDevice, "tv"));
  EXPECT_EQ(shown.region, id(schema::IdSpace::kRegion, "NZ"));
  EXPECT_EQ(shown.current_item, id(schema::IdSpace::kItem, "only-watched"));
  EXPECT_TRUE(shown.off_site);

  const uint32_t nine = id(schema::IdSpace::kUser, "9");
  const schema::Event search = log.event(log.begin(nine));
  EXPECT_EQ(search.type, schema::EventType::kSearch);
  EXPECT_EQ(search.item, schema::kNone);
  EXPECT_EQ(log.dictionary(schema::IdSpace::kQuery).name(search.query), "cat videos");
  EXPECT_EQ(search.request, 0u);
  EXPECT_FALSE(search.off_site);
  EXPECT_TRUE(std::isnan(search.source_score));
  EXPECT_EQ(log.event(log.begin(nine) + 1).value, 12.5f);
  EXPECT_EQ(log.type(log.begin(nine) + 1), schema::EventType::kWatch);
  EXPECT_EQ(log.time_ms(log.begin(nine) + 1), 100);

  const uint32_t silent = id(schema::IdSpace::kUser, "silent");
  EXPECT_EQ(log.begin(silent), log.end(silent));
  EXPECT_EQ(log.user(silent).region, id(schema::IdSpace::kRegion, "FR"));
  EXPECT_EQ(log.user(silent).language, id(schema::IdSpace::kLanguage, "fr"));
  EXPECT_EQ(log.user(silent).age, 30);
  EXPECT_EQ(log.user(silent).gender, 0.5f);
  EXPECT_TRUE(std::isnan(log.user(silent).logged_in));
  EXPECT_EQ(log.user(nine).logged_in, 1);

  const schema::Item bee = log.item(id(schema::IdSpace::kItem, "b"));
  EXPECT_EQ(bee.created_ms, -5);
  EXPECT_EQ(bee.duration_s, 60);
  EXPECT_EQ(bee.channel, id(schema::IdSpace::kChannel, "ch"));
  EXPECT_EQ(bee.language, id(schema::IdSpace::kLanguage, "mi"));
  EXPECT_EQ(bee.title, "Bee");
  EXPECT_THAT(bee.topics,
              ElementsAre(id(schema::IdSpace::kTopic, "z"), id(schema::IdSpace::kTopic, "y")))
      << "in the order given, once each";
  EXPECT_TRUE(log.item(id(schema::IdSpace::kItem, "never seen")).removed);
  const schema::Item plain = log.item(id(schema::IdSpace::kItem, "a"));
  EXPECT_EQ(plain.created_ms, schema::kNoTime);
  EXPECT_TRUE(std::isnan(plain.duration_s));
  EXPECT_EQ(plain.channel, schema::kNone);
  EXPECT_TRUE(plain.topics.empty());
  EXPECT_EQ(plain.title, "");

  EXPECT_EQ(log.stats().first_ms, 50);
  EXPECT_EQ(log.stats().last_ms, 300);
  EXPECT_EQ(log.stats().by_type[static_cast<size_t>(schema::EventType::kLike)], 1u);
  EXPECT_GT(log.stats().bytes, 0u);
}

TEST_P(EventLogShards, SortsByTimeAndKeepsTheOrderOfArrivalWithinATime) {
  const base::TestFolder folder;
  std::vector<schema::RawEvent> events;
  for (int i = 0; i < 400; ++i) {
    events.push_back({.user = fmt::format("u{}", i % 7),
                      .item = fmt::format("i{}", i),
                      .time_ms = 1000 - i / 70,
                      .type = schema::EventType::kClick});
  }
  const EventLog log = WriteAndOpen(folder / "log", events, {}, {}, GetParam());
  uint64_t rows = 0;
  for (int u = 0; u < 7; ++u) {
    std::vector<std::string> expected;
    for (int time = 900; time <= 1000; ++time) {
      for (int i = u; i < 400; i += 7) {
        if (1000 - i / 70 == time) expected.push_back(fmt::format("i{}", i));
      }
    }
    EXPECT_EQ(ItemsOf(log, fmt::format("u{}", u)), expected);
    rows += expected.size();
  }
  EXPECT_EQ(rows, log.events());
}

INSTANTIATE_TEST_SUITE_P(Counts, EventLogShards, ::testing::Values(1, 2, 5, 64));

TEST(EventLog, HoldsNothingToo) {
  const base::TestFolder folder;
  const EventLog log = WriteAndOpen(folder / "log", {}, {}, {}, 3);
  EXPECT_EQ(log.events() + log.users() + log.items(), 0u);
  EXPECT_EQ(log.dictionary(schema::IdSpace::kUser).Find("x"), schema::kNone);
  EXPECT_EQ(log.stats().first_ms, schema::kNoTime);
}

TEST(EventLog, SpillsBigColumnsWithoutLosingAnything) {
  const base::TestFolder folder;
  std::vector<schema::RawEvent> events(300'000);  // the time column alone is past a spool's memory
  for (size_t i = 0; i < events.size(); ++i) {
    events[i] = {.user = "u", .item = "i", .time_ms = static_cast<int64_t>(i)};
    if (i >= 250'000) events[i].value = static_cast<float>(i);
  }
  const EventLog log = WriteAndOpen(folder / "log", events);
  for (uint64_t row = 0; row < events.size(); ++row) {
    ASSERT_EQ(log.time_ms(row), static_cast<int64_t>(row));
    const float value = log.event(row).value;
    ASSERT_TRUE(row < 250'000 ? std::isnan(value) : value == static_cast<float>(row)) << row;
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder / "log")) {
    EXPECT_THAT(entry.path().filename().string(), HasSubstr(".upn")) << "leftover";
  }
}

TEST(EventLog, WidensIdColumnsWithTheirDictionary) {
  for (const int devices : {254, 255, 256, 65534, 65535, 65536}) {
    const base::TestFolder folder;
    std::vector<schema::RawEvent> events;
    for (int i = 0; i < devices; ++i) {
      events.push_back(
          {.user = "u", .item = "i", .time_ms = i, .device = fmt::format("{}", 100000 + i)});
    }
    events.push_back({.user = "u", .item = "i", .time_ms = devices});
    const EventLog log = WriteAndOpen(folder / "log", events);
    ASSERT_EQ(log.dictionary(schema::IdSpace::kDevice).size(), static_cast<uint32_t>(devices));
    for (int i = 0; i < devices; ++i) {
      ASSERT_EQ(log.event(static_cast<uint64_t>(i)).device, static_cast<uint32_t>(i));
    }
    EXPECT_EQ(log.event(static_cast<uint64_t>(devices)).device, schema::kNone);
  }
}

TEST(EventLog, SameInputSameBytes) {
  const base::TestFolder folder;
  WriteAndOpen(folder / "a", SomeEvents(), SomeItems(), SomeUsers(), 2);
  WriteAndOpen(folder / "b", SomeEvents(), SomeItems(), SomeUsers(), 2);
  for (const auto& entry : std::filesystem::directory_iterator(folder / "a")) {
    EXPECT_EQ(base::ReadFile(entry.path()).value(),
              base::ReadFile(folder / "b" / entry.path().filename()).value());
  }
}

TEST(EventLog, SV03_DigestTellsDictionariesApart) {
  const base::TestFolder folder;
  std::vector<schema::RawEvent> events = SomeEvents();
  const uint64_t digest = WriteAndOpen(folder / "a", events).digest();
  events.push_back(events.front());
  EXPECT_EQ(WriteAndOpen(folder / "b", events).digest(), digest) << "more events, same names";
  events.back().item = "another";
  EXPECT_NE(WriteAndOpen(folder / "c", events).digest(), digest);
}

TEST(EventLog, MissingLogIsNotFoundAndSaysWhatToDo) {
  const base::TestFolder folder;
  const auto log = EventLog::Open(folder / "nowhere");
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::kNotFound);
  EXPECT_THAT(log.error().message, HasSubstr("import"));
}

TEST(Dictionary, OrdersByLengthThenBytesAndFindsEveryName) {
  const base::TestFolder folder;
  std::vector<schema::RawEvent> events;
  const std::string zero("a\0b", 3);
  for (const std::string& item : {std::string("10"), std::string("9"), std::string("ab"), zero,
                                  std::string("100"), std::string("é"), std::string("Z")}) {
    events.push_back({.user = "u", .item = item});
  }
  for (int i = 1000; i < 6000; ++i) {
    events.push_back({.user = "u", .item = fmt::format("{}", i)});
  }
  const EventLog log = WriteAndOpen(folder / "log", events);
  const Dictionary& items = log.dictionary(schema::IdSpace::kItem);
  ASSERT_EQ(items.size(), 5007u);
  const std::vector<std::string> expected = {"9", "Z", "10", "ab", "é", "100", zero, "1000"};
  for (uint32_t i = 0; i < expected.size(); ++i) EXPECT_EQ(items.name(i), expected[i]);
  for (uint32_t i = 0; i < items.size(); ++i) ASSERT_EQ(items.Find(items.name(i)), i);
  EXPECT_EQ(items.Find("999"), schema::kNone);
  EXPECT_EQ(items.Find(""), schema::kNone);
}

TEST(WriteEventLog, RefusesWhatIsNoEvent) {
  const base::TestFolder folder;
  const auto refused = [&](const schema::RawEvent& event, std::string_view words) {
    const auto path = folder / fmt::format("{}", words);
    std::filesystem::create_directories(path);
    const std::vector<schema::RawEvent> events = {event};
    const Status status = WriteEventLog(path, events, {}, {});
    ASSERT_FALSE(status) << words;
    EXPECT_EQ(status.error().code, Code::kInvalidArgument);
    EXPECT_THAT(status.error().message, HasSubstr(std::string(words)));
    EXPECT_FALSE(EventLog::Open(path)) << "an unfinished folder is no log";
  };
  refused({.item = "i"}, "no user");
  refused({.user = "u"}, "item is missing");
  refused({.user = "u", .item = "i", .time_ms = schema::kNoTime}, "time is missing");
  refused({.user = "u", .item = "i", .type = static_cast<schema::EventType>(99)},
          "type is unknown");
  refused({.user = "u", .type = schema::EventType::kSearch}, "needs a query");
  refused({.user = "u", .item = "i", .type = schema::EventType::kSearch, .query = "q"},
          "has no item");
  refused({.user = "u", .item = "i", .type = schema::EventType::kWatch, .value = -1}, "negative");
  refused({.user = "u", .item = "i", .propensity = 0}, "propensity");
  refused({.user = "u", .item = "i", .source_score = INFINITY}, "source_score should be finite");
}

TEST(WriteEventLog, RefusesRepeatedItemsAndUsersAndAFolderInUse) {
  const base::TestFolder folder;
  const std::vector<schema::RawItem> items = {{.item = "i"}, {.item = "i"}};
  std::filesystem::create_directories(folder / "a");
  std::filesystem::create_directories(folder / "b");
  EXPECT_THAT(WriteEventLog(folder / "a", {}, items, {}).error().message, HasSubstr("twice"));
  const std::vector<schema::RawUser> users = {{.user = "u"}, {.user = "u"}};
  EXPECT_THAT(WriteEventLog(folder / "b", {}, {}, users).error().message, HasSubstr("twice"));
  WriteAndOpen(folder / "c", {});
  EXPECT_EQ(WriteEventLog(folder / "c", {}, {}, {}).error().code, Code::kAlreadyExists);
  EXPECT_EQ(WriteEventLog(folder / "none", {}, {}, {}).error().code, Code::kNotFound);
}

TEST(EventLog, SaysWhatIsThereInsteadOfALog) {
  const base::TestFolder folder;
  const auto why = [](const std::filesystem::path& path) {
    const Result<EventLog> log = EventLog::Open(path);
    EXPECT_FALSE(log);
    EXPECT_EQ(log.error().code, Code::kNotFound);
    return log ? "" : log.error().message;
  };
  EXPECT_THAT(why(folder / "nowhere"), HasSubstr("nowhere: no such folder"));
  ASSERT_TRUE(base::WriteFileAtomic(folder / "file", "x"));
  EXPECT_THAT(why(folder / "file"), HasSubstr("not an event log"));
  std::filesystem::create_directories(folder / "other");
  EXPECT_THAT(why(folder / "other"), HasSubstr("not an event log"));
  WriteAndOpen(folder / "log" / "v000001", SomeEvents());
  EXPECT_THAT(why(folder / "log"),
              HasSubstr("name one, e.g. " + (folder / "log/v000001").string()));
}

}  // namespace
}  // namespace upnext::log
