// A log that grew by appends is, as it is read, the log that one import of everything makes; and
// compaction changes nothing that can be read. Names are compared, since numbers may differ.
#include "log/append.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "base/versioned_root.h"
#include "log/compact.h"
#include "log/dictionary.h"
#include "log/event_log.h"
#include "log/log_format.h"
#include "log/log_writer.h"
#include "log/test_log_text.h"

namespace upnext::log {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

class AppendTest : public ::testing::Test {
 protected:
  fs::path NewFolder() {
    fs::path path = folder_ / fmt::format("log{}", made_++);
    fs::create_directories(path);
    return path;
  }
  EventLog Whole(std::span<const schema::RawEvent> events,
                 std::span<const schema::RawItem> items = {},
                 std::span<const schema::RawUser> users = {}, uint32_t shards = 1) {
    const fs::path path = NewFolder();
    const Status written = WriteEventLog(path, events, items, users, shards);
    EXPECT_TRUE(written) << written.error().message;
    return EventLog::Open(path).value();
  }
  EventLog Appended(const EventLog& base, std::span<const schema::RawEvent> events,
                    std::span<const schema::RawItem> items = {},
                    std::span<const schema::RawUser> users = {}) {
    const fs::path path = NewFolder();
    const Status written = WriteAppendedLog(path, base, events, items, users);
    EXPECT_TRUE(written) << written.error().message;
    auto log = EventLog::Open(path);
    EXPECT_TRUE(log) << log.error().message;
    return *std::move(log);
  }
  EventLog Compacted(const EventLog& log) {
    const fs::path path = NewFolder();
    const Status written = WriteCompactedLog(path, log, base::NoProgress());
    EXPECT_TRUE(written) << written.error().message;
    auto compacted = EventLog::Open(path);
    EXPECT_TRUE(compacted) << compacted.error().message;
    return *std::move(compacted);
  }

  base::TestFolder folder_;
  int made_ = 0;
};

schema::RawEvent Click(std::string user, std::string item, int64_t time_ms) {
  return {.user = std::move(user),
          .item = std::move(item),
          .time_ms = time_ms,
          .type = schema::EventType::kClick};
}

// Of a log that grew, so that shards and segments meet.
TEST_F(AppendTest, AShardOpensAloneWithoutTheFilesOfOthers) {
  constexpr uint32_t kShards = 4;
  std::vector<schema::RawEvent> old_days, new_days;
  for (int i = 0; i < 300; ++i) {
    (i < 200 ? old_days : new_days)
        .push_back(Click(fmt::format("u{}", i % 17), fmt::format("i{}", i % 31), 1000 - i % 50));
  }
  const EventLog log = Appended(Whole(old_days, {}, {}, kShards), new_days);
  uint64_t events = 0;
  std::vector<int> met(log.users(), 0);
  for (uint32_t shard = 0; shard < kShards; ++shard) {
    const fs::path alone = NewFolder();
    for (const auto& file : fs::directory_iterator(log.directory())) {
      const std::string name = file.path().filename();
      const std::string prefix = fmt::format("events-{:05}", shard);
      if (name.starts_with("events-") && !name.starts_with(prefix)) continue;
      fs::copy_file(file.path(), alone / name);
    }
    EXPECT_FALSE(EventLog::Open(alone)) << "the other shards are not there";
    const Result<EventLog> opened = EventLog::Open(alone, shard);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->shard(), shard);
    EXPECT_EQ(opened->digest(), log.digest());
    EXPECT_EQ(opened->stats().last_ms, log.stats().last_ms);
    uint64_t rows = 0;
    for (uint32_t user = 0; user < log.users(); ++user) {
      const std::string name = NameOf(log, schema::IdSpace::kUser, user);
      if (opened->begin(user) == opened->end(user)) continue;
      ++met[user];
      EXPECT_EQ(TextOf(*opened, name), TextOf(log, name));
      rows += opened->end(user) - opened->begin(user);
    }
    EXPECT_EQ(opened->events(), rows);
    EXPECT_EQ(opened->stats().by_type[static_cast<size_t>(schema::EventType::kClick)], rows);
    EXPECT_LT(rows, log.events());
    events += rows;
  }
  EXPECT_EQ(events, log.events());
  EXPECT_THAT(met, ::testing::Each(1)) << "every user is in one shard";
  const auto none = EventLog::Open(log.directory(), kShards);
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().message, ::testing::HasSubstr("no shard 4; it has 4, counted from 0"));
}

TEST_F(AppendTest, NewDaysFollowTheOldAndKeepTheirFiles) {
  const EventLog base = Whole(std::vector{Click("b", "i", 10), Click("a", "j", 20)});
  const EventLog log = Appended(base, std::vector{Click("a", "k", 30), Click("c", "i", 5)});
  EXPECT_THAT(TextOf(log, "a"), ElementsAre("20 click j", "30 click k"));
  EXPECT_THAT(TextOf(log, "b"), ElementsAre("10 click i"));
  EXPECT_THAT(TextOf(log, "c"), ElementsAre("5 click i"));
  ASSERT_EQ(log.segments().size(), 2u);
  EXPECT_EQ(log.segments()[0].events, 2u);
  EXPECT_EQ(log.segments()[1].events, 2u);
  EXPECT_EQ(log.segments()[1].first_ms, 5);
  EXPECT_EQ(log.events(), 4u);
  EXPECT_EQ(log.stats().first_ms, 5);
  EXPECT_EQ(log.stats().last_ms, 30);
  EXPECT_TRUE(fs::equivalent(base.directory() / format::ShardFile(0),
                             log.directory() / format::ShardFile(0)))
      << "the old events should be the same file";
  // What the old log is made of may go without harm to the new one.
  fs::remove_all(base.directory());
  EXPECT_TRUE(EventLog::Open(log.directory()));
}

TEST_F(AppendTest, LateEventsAreReadInTheOrderOfTime) {
  const EventLog base = Whole(std::vector{Click("a", "i", 10), Click("a", "j", 20),
                                          Click("a", "k", 30), Click("b", "i", 1)});
  const EventLog log =
      Appended(base, std::vector{Click("a", "x", 25), Click("a", "y", 5), Click("a", "z", 40)});
  EXPECT_THAT(TextOf(log, "a"), ElementsAre("5 click y", "10 click i", "20 click j", "25 click x",
                                            "30 click k", "40 click z"));
  // Every accessor sees the same row.
  const uint32_t a = log.dictionary(schema::IdSpace::kUser).Find("a");
  for (uint64_t row = log.begin(a); row < log.end(a); ++row) {
    EXPECT_EQ(log.time_ms(row), log.event(row).time_ms);
    EXPECT_EQ(log.item_of(row), log.event(row).item);
    EXPECT_EQ(log.type(row), log.event(row).type);
  }
}

TEST_F(AppendTest, OfEqualTimesTheEarlierImportComesFirst) {
  const EventLog base = Whole(std::vector{Click("a", "z", 10), Click("a", "y", 10)});
  const EventLog second = Appended(base, std::vector{Click("a", "b", 10), Click("a", "a", 10)});
  const EventLog third = Appended(second, std::vector{Click("a", "A", 10)});
  EXPECT_THAT(TextOf(third, "a"),
              ElementsAre("10 click z", "10 click y", "10 click b", "10 click a", "10 click A"));
}

TEST_F(AppendTest, WhatIsToldTwiceHappenedOnce) {
  const std::vector<schema::RawEvent> day = {
      Click("a", "i", 10),
      Click("a", "i", 10),
      Click("a", "i", 11),
      {.user = "a", .item = "i", .time_ms = 10, .type = schema::EventType::kClick, .request = "r"},
      {.user = "a", .item = "i", .time_ms = 10, .type = schema::EventType::kClick, .position = 1},
      {.user = "a",
       .item = "i",
       .time_ms = 10,
       .type = schema::EventType::kClick,
       .off_site = true},
      {.user = "a",
       .item = "i",
       .time_ms = 10,
       .type = schema::EventType::kClick,
       .source_score = 7.25f},
      {.user = "a", .item = "i", .time_ms = 10, .type = schema::EventType::kClick, .value = 1},
      {.user = "a", .item = "i", .time_ms = 10, .type = schema::EventType::kLike},
      {.user = "b", .item = "i", .time_ms = 10, .type = schema::EventType::kClick}};
  const EventLog once = Whole(day);
  EXPECT_EQ(once.events(), day.size() - 1);
  const EventLog again = Appended(once, day);
  EXPECT_EQ(again.events(), once.events());
  EXPECT_EQ(again.segments().size(), 1u) << "nothing new makes no segment";
  EXPECT_EQ(again.content_digest(), once.content_digest());
}

TEST_F(AppendTest, ManyEventsOfOneMomentAreToldApart) {
  std::vector<schema::RawEvent> events;
  for (int i = 0; i < 3000; ++i) events.push_back(Click("a", fmt::format("i{}", i % 1500), 10));
  const EventLog base = Whole(std::span(events).first(700));
  const EventLog log = Appended(base, events);
  EXPECT_EQ(log.events(), 1500u);
}

TEST_F(AppendTest, IdsKeepTheirNumbersAndNewOnesFollow) {
  const EventLog base = Whole(std::vector{Click("u", "m", 1), Click("u", "x", 2)});
  const EventLog log = Appended(base, std::vector{Click("t", "a", 3), Click("u", "b", 4)});
  const Dictionary& items = log.dictionary(schema::IdSpace::kItem);
  EXPECT_EQ(items.size(), 4u);
  EXPECT_EQ(items.name(0), "m");
  EXPECT_EQ(items.name(1), "x");
  EXPECT_EQ(items.name(2), "a");
  EXPECT_EQ(items.name(3), "b");
  for (uint32_t id = 0; id < items.size(); ++id) EXPECT_EQ(items.Find(items.name(id)), id);
  EXPECT_THAT(items.generations(), ElementsAre(2));
  EXPECT_THAT(log.dictionary(schema::IdSpace::kQuery).generations(), IsEmpty());
}

TEST_F(AppendTest, TheLineageNamesTheDictionariesThatTheLogGoesOnFrom) {
  const EventLog base = Whole(std::vector{Click("u", "m", 1)});
  EXPECT_THAT(base.lineage(), ElementsAre(base.digest()));
  const EventLog same_names = Appended(base, std::vector{Click("u", "m", 2)});
  EXPECT_THAT(same_names.lineage(), ElementsAre(base.digest()));
  EXPECT_NE(same_names.content_digest(), base.content_digest());
  const EventLog second = Appended(same_names, std::vector{Click("u", "n", 3)});
  EXPECT_THAT(second.lineage(), ElementsAre(base.digest(), second.digest()));
  EXPECT_NE(second.digest(), base.digest());
  const EventLog third = Appended(second, std::vector{Click("v", "n", 3)});
  EXPECT_THAT(third.lineage(), ElementsAre(base.digest(), second.digest(), third.digest()));
  EXPECT_THAT(EventLog::ReadLineage(third.directory()).value(),
              ElementsAre(base.digest(), second.digest(), third.digest()));
  EXPECT_EQ(Compacted(third).digest(), third.digest());
  EXPECT_THAT(Compacted(third).lineage(),
              ElementsAre(base.digest(), second.digest(), third.digest()));
}

TEST_F(AppendTest, TheNewestRowOfAnItemOrUserWinsAndOthersStay) {
  const std::vector<schema::RawItem> items = {
      {.item = "i", .duration_s = 9, .channel = "c", .title = "Old", .topics = {"x", "y"}},
      {.item = "j", .title = "Stays", .topics = {"y"}}};
  const std::vector<schema::RawUser> users = {{.user = "a", .region = "r", .age = 20},
                                              {.user = "b"}};
  const EventLog base = Whole(std::vector{Click("a", "i", 1)}, items, users);
  const std::vector<schema::RawItem> newer = {{.item = "i", .title = "New", .topics = {"z", "y"}},
                                              {.item = "k", .removed = true}};
  const std::vector<schema::RawUser> newer_users = {{.user = "b", .region = "q", .age = 30}};
  const EventLog log = Appended(base, {}, newer, newer_users);
  EXPECT_THAT(ItemsOf(log), ElementsAre("i created - duration nan channel - language - removed 0 "
                                        "title New topics z y",
                                        "j created - duration nan channel - language - removed 0 "
                                        "title Stays topics y",
                                        "k created - duration nan channel - language - removed 1 "
                                        "title  topics"));
  EXPECT_THAT(UsersOf(log), ElementsAre("a region r language - age 20 gender nan logged_in nan",
                                        "b region q language - age 30 gender nan logged_in nan"));
  EXPECT_EQ(log.segments().size(), 1u);
  EXPECT_EQ(log.events(), 1u);
}

TEST_F(AppendTest, OlderSegmentsKeepTheirWidthWhenIdsNeedMore) {
  std::vector<schema::RawEvent> few, many;
  for (int i = 0; i < 200; ++i) few.push_back(Click("a", fmt::format("f{}", i), i));
  for (int i = 0; i < 70'000; ++i) many.push_back(Click("a", fmt::format("m{}", i), 100 + i));
  const EventLog base = Whole(few);
  const EventLog log = Appended(Appended(base, std::span(many).first(300)), many);
  std::vector<schema::RawEvent> all = few;
  all.insert(all.end(), many.begin(), many.end());
  EXPECT_EQ(TextOf(log), TextOf(Whole(all)));
}

TEST_F(AppendTest, TheShardsAreThoseOfTheBase) {
  // A user's shard follows from number and count, so the count cannot change on the way.
  const EventLog base = Whole(std::vector{Click("a", "i", 1)}, {}, {}, 3);
  EXPECT_EQ(Appended(base, std::vector{Click("b", "i", 1)}).shards(), 3u);
  const auto writer = LogWriter::Create(NewFolder(), {.shards = 2, .base = &base});
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, Code::kInvalidArgument);
}

// Random events of few users, items and moments, so that late ones and repeats abound.
std::vector<schema::RawEvent> RandomEvents(base::Rng& rng, size_t count) {
  std::vector<schema::RawEvent> events;
  for (size_t i = 0; i < count; ++i) {
    schema::RawEvent event =
        Click(fmt::format("u{}", rng.Below(7)), fmt::format("i{}", rng.Below(300)),
              static_cast<int64_t>(i / 4 + rng.Below(9)));
    if (rng.Below(3) == 0) event.request = fmt::format("r{}", rng.Below(2));
    if (rng.Below(4) == 0) event.device = fmt::format("d{}", rng.Below(40));
    if (rng.Below(8) == 0) {
      event.type = schema::EventType::kSearch;
      event.item.clear();
      event.query = fmt::format("q{}", rng.Below(300));
    }
    events.push_back(event);
    if (rng.Below(10) == 0) events.push_back(events[rng.Below(events.size())]);
  }
  return events;
}

TEST_F(AppendTest, AppendedInPiecesEqualsOneImportOfEverything) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    base::Rng rng(seed);
    const auto shards = static_cast<uint32_t>(1 + rng.Below(4));
    const std::vector<schema::RawEvent> events = RandomEvents(rng, 400);
    std::vector<schema::RawItem> items;
    for (int i = 0; i < 300; i += 7) {
      items.push_back({.item = fmt::format("i{}", i),
                       .channel = fmt::format("c{}", rng.Below(30)),
                       .title = fmt::format("title {}", i)});
    }
    const EventLog whole = Whole(events, items, {}, shards);
    // Pieces of random size; some overlap the one before, as days that are exported twice do.
    size_t end = rng.Below(events.size());
    EventLog log = Whole(std::span(events).first(end), std::span(items).first(20), {}, shards);
    while (end < events.size()) {
      const size_t begin = end - rng.Below(end + 1) / 4;
      end = std::min(events.size(), end + 1 + rng.Below(150));
      log = Appended(log, std::span(events).subspan(begin, end - begin),
                     std::span(items).subspan(rng.Below(20)));
    }
    ASSERT_EQ(TextOf(log), TextOf(whole)) << "seed " << seed;
    ASSERT_EQ(ItemsOf(log), ItemsOf(whole)) << "seed " << seed;
    EXPECT_EQ(log.stats().by_type[size_t(schema::EventType::kClick)],
              whole.stats().by_type[size_t(schema::EventType::kClick)]);

    const EventLog compacted = Compacted(log);
    EXPECT_EQ(compacted.segments().size(), 1u);
    EXPECT_EQ(compacted.digest(), log.digest());
    ASSERT_EQ(RowsOf(compacted), RowsOf(log)) << "seed " << seed;
    ASSERT_EQ(ItemsOf(compacted), ItemsOf(log)) << "seed " << seed;
    // And goes on growing.
    const std::vector<schema::RawEvent> more = RandomEvents(rng, 50);
    std::vector<schema::RawEvent> all = events;
    all.insert(all.end(), more.begin(), more.end());
    ASSERT_EQ(TextOf(Appended(compacted, more)), TextOf(Whole(all, items))) << "seed " << seed;
  }
}

TEST_F(AppendTest, CompactingPublishesTheNextVersion) {
  base::VersionedRoot root(folder_ / "root");
  const auto publish = [&](const EventLog* base, std::span<const schema::RawEvent> events) {
    const fs::path staged = root.Begin().value();
    ASSERT_TRUE(base == nullptr ? WriteEventLog(staged, events, {}, {})
                                : WriteAppendedLog(staged, *base, events, {}, {}));
    ASSERT_TRUE(root.SetCurrent(root.Publish(staged).value()));
  };
  const auto current = [&] { return EventLog::Open(root.Path(root.Current().value())).value(); };
  EXPECT_EQ(Compact(root.root(), base::NoProgress()).error().code, Code::kNotFound);
  publish(nullptr, std::vector{Click("a", "i", 10)});
  EXPECT_EQ(Compact(root.root(), base::NoProgress()).value().version, "v000001");
  const EventLog base = current();
  publish(&base, std::vector{Click("a", "j", 5)});
  const EventLog before = current();
  const CompactReport report = Compact(root.root(), base::NoProgress()).value();
  EXPECT_EQ(report.version, "v000003");
  EXPECT_EQ(report.segments, 2u);
  EXPECT_EQ(report.events, 2u);
  EXPECT_EQ(RowsOf(current()), RowsOf(before));
  EXPECT_EQ(current().segments().size(), 1u);
}

}  // namespace
}  // namespace upnext::log
