// The rule of which events are the same, as appends follow it.
#include "log/duplicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "log/append.h"
#include "log/compact.h"
#include "log/log_writer.h"
#include "log/test_log_text.h"

namespace upnext::log {
namespace {

using ::testing::ElementsAre;
namespace fs = std::filesystem;

class DuplicatesTest : public ::testing::Test {
 protected:
  static schema::RawEvent OfFile(int64_t time_ms, std::string item = "i", std::string id = "") {
    return {.user = "u",
            .item = std::move(item),
            .time_ms = time_ms,
            .type = schema::EventType::kClick,
            .id = std::move(id)};
  }
  static schema::RawEvent Posted(int64_t time_ms, std::string item = "i", std::string id = "") {
    schema::RawEvent event = OfFile(time_ms, std::move(item), std::move(id));
    event.posted = true;
    return event;
  }
  fs::path NewFolder() {
    const fs::path path = folder_ / fmt::format("same{}", made_++);
    fs::create_directories(path);
    return path;
  }
  // A log of the first events to which each following list is appended.
  EventLog Log(const std::vector<std::vector<schema::RawEvent>>& parts) {
    std::optional<EventLog> log;
    for (const auto& events : parts) {
      const fs::path path = NewFolder();
      const Status written =
          log ? WriteAppendedLog(path, *log, events, {}, {}) : WriteEventLog(path, events, {}, {});
      EXPECT_TRUE(written) << written.error().message;
      log = EventLog::Open(path).value();
    }
    return *log;
  }
  std::vector<std::string> Texts(const std::vector<std::vector<schema::RawEvent>>& parts) {
    return TextOf(Log(parts), "u");
  }

  base::TestFolder folder_;
  int made_ = 0;
};

TEST_F(DuplicatesTest, APostedEventAndTheSameOneOfAFileAreOneInEitherOrder) {
  EXPECT_THAT(Texts({{Posted(10'000)}, {OfFile(10'000 + kSameEventMs)}}),
              ElementsAre("10000 click i posted"));
  EXPECT_THAT(Texts({{OfFile(10'000)}, {Posted(10'000 - kSameEventMs)}}),
              ElementsAre("10000 click i"));
  EXPECT_THAT(Texts({{OfFile(10'400), Posted(10'000)}}), ElementsAre("10000 click i posted"));
}

TEST_F(DuplicatesTest, BeyondTheWindowOrOtherwiseThanInTimeTheyAreTwo) {
  EXPECT_EQ(Texts({{Posted(10'000)}, {OfFile(10'001 + kSameEventMs)}}).size(), 2u);
  EXPECT_EQ(Texts({{OfFile(10'000)}, {Posted(9'999 - kSameEventMs)}}).size(), 2u);
  EXPECT_EQ(Texts({{OfFile(10'000)}, {Posted(10'000, "j")}}).size(), 2u);
}

TEST_F(DuplicatesTest, EventsOfOneOriginAreOneOnlyAtTheSameTime) {
  EXPECT_EQ(Texts({{OfFile(10'000), OfFile(10'001)}, {OfFile(10'002)}}).size(), 3u);
  EXPECT_EQ(Texts({{Posted(10'000), Posted(10'001)}, {Posted(10'002)}}).size(), 3u);
  EXPECT_EQ(Texts({{Posted(10'000)}, {Posted(10'000), OfFile(10'000)}}).size(), 1u);
}

TEST_F(DuplicatesTest, IdsDecideWhereBothHaveOne) {
  EXPECT_THAT(Texts({{OfFile(10'000, "i", "x")}, {Posted(90'000, "j", "x")}}),
              ElementsAre(testing::StartsWith("10000 click i id ")));
  EXPECT_EQ(Texts({{Posted(10'000, "i", "x"), OfFile(90'000, "j", "x")}}).size(), 1u);
  EXPECT_EQ(Texts({{OfFile(10'000, "i", "x"), Posted(10'000, "i", "y")}}).size(), 2u);
  EXPECT_EQ(Texts({{OfFile(10'000, "i", "x"), OfFile(10'000, "i", "y")}}).size(), 2u);
  EXPECT_EQ(Texts({{OfFile(10'000, "i", "x")}, {Posted(10'200)}}).size(), 1u);
  EXPECT_EQ(Texts({{OfFile(10'000)}, {Posted(10'200, "i", "x")}}).size(), 1u);
}

TEST_F(DuplicatesTest, AnIdOfAnotherUserIsAnotherId) {
  schema::RawEvent other = OfFile(10'000, "i", "x");
  other.user = "v";
  EXPECT_EQ(Log({{OfFile(10'000, "i", "x"), other}, {Posted(20'000, "i", "x")}}).events(), 2u);
}

TEST_F(DuplicatesTest, AskingRemembersNothing) {
  const EventLog log = Log({{OfFile(10'000)}});
  DuplicateFilter filter(&log, log.same_event_ms(), true);
  const schema::Event click = {
      .time_ms = 20'000, .type = schema::EventType::kClick, .item = 0, .posted = true};
  EXPECT_FALSE(filter.Has(0, click, {}));
  EXPECT_FALSE(filter.Has(0, click, {}));
}

TEST_F(DuplicatesTest, AskingTakesTimesInAnyOrder) {
  const EventLog log = Log({{OfFile(10'000), OfFile(40'000), OfFile(70'000)}});
  DuplicateFilter filter(&log, log.same_event_ms(), true);
  schema::Event click = {.type = schema::EventType::kClick, .item = 0, .posted = true};
  for (const auto& [time_ms, known] :
       {std::pair(71'000, true), std::pair(11'000, true), std::pair(20'000, false),
        std::pair(39'000, true), std::pair(10'000, true), std::pair(90'000, false)}) {
    click.time_ms = time_ms;
    EXPECT_EQ(filter.Has(0, click, {}), known) << time_ms;
  }
}

TEST_F(DuplicatesTest, CompactionKeepsWhatWasKeptUnderAnotherWindow) {
  const fs::path path = NewFolder();
  auto writer = LogWriter::Create(path, {.same_event_ms = 0, .adds_posted = true});
  ASSERT_TRUE(writer) << writer.error().message;
  for (size_t space = 0; space < schema::kIdSpaces; ++space) {
    ASSERT_TRUE(writer->BeginDictionary(static_cast<schema::IdSpace>(space), space < 2 ? 1 : 0));
    if (space < 2) {
      ASSERT_TRUE(writer->AddName("u"));
    }
  }
  const schema::Schema schema;
  const auto cells = [&](schema::Entity entity) {
    return std::vector<schema::AttributeCell>(schema.attributes(entity).size());
  };
  ASSERT_TRUE(writer->AddItem(cells(schema::Entity::kItem)));
  ASSERT_TRUE(writer->AddUser(cells(schema::Entity::kUser)));
  schema::Event click = {.time_ms = 10'000, .type = schema::EventType::kClick, .item = 0};
  ASSERT_TRUE(writer->AddEvent(0, click, {}));
  click.time_ms += 1;
  click.posted = true;
  ASSERT_TRUE(writer->AddEvent(0, click, {}));
  ASSERT_TRUE(writer->Finish());
  const EventLog log = EventLog::Open(path).value();
  EXPECT_EQ(log.events(), 2u);
  EXPECT_EQ(log.same_event_ms(), 0);
  const fs::path compacted = NewFolder();
  ASSERT_TRUE(WriteCompactedLog(compacted, log, base::NoProgress()));
  EXPECT_EQ(RowsOf(EventLog::Open(compacted).value()), RowsOf(log));
}

// By the words of the rule, over all pairs.
bool SameByRule(const schema::RawEvent& a, const schema::RawEvent& b) {
  if (a.user != b.user) return false;
  if (!a.id.empty() && !b.id.empty()) return a.id == b.id;
  if (a.item != b.item) return false;
  return std::abs(a.time_ms - b.time_ms) <= (a.posted != b.posted ? kSameEventMs : 0);
}

TEST_F(DuplicatesTest, RandomPartsKeepWhatTheRuleKeepsOverAllPairs) {
  base::Rng rng(11);
  for (int round = 0; round < 16; ++round) {
    std::vector<std::vector<schema::RawEvent>> parts(1 + rng.Below(4));
    std::vector<schema::RawEvent> kept;
    for (auto& part : parts) {
      for (uint64_t n = 1 + rng.Below(round < 12 ? 20 : 300); n > 0; --n) {
        schema::RawEvent event =
            OfFile(static_cast<int64_t>(rng.Below(30)) * 700, fmt::format("i{}", rng.Below(3)));
        event.user = fmt::format("u{}", rng.Below(3));
        event.posted = rng.Below(2) == 0;
        if (rng.Below(3) == 0) event.id = fmt::format("x{}", rng.Below(12));
        part.push_back(event);
      }
      // A part is first a log of its own, then it joins the one that is there.
      std::vector<schema::RawEvent> in_order = part, of_part;
      std::ranges::stable_sort(in_order, {}, &schema::RawEvent::time_ms);
      const auto among = [](const std::vector<schema::RawEvent>& events, const auto& event) {
        return std::ranges::any_of(events, [&](const auto& e) { return SameByRule(e, event); });
      };
      for (const auto& event : in_order) {
        if (!among(of_part, event)) of_part.push_back(event);
      }
      const std::vector<schema::RawEvent> before = kept;
      std::vector<schema::RawEvent> added;
      for (const auto& event : of_part) {
        if (!among(before, event) && !among(added, event)) added.push_back(event);
      }
      kept.insert(kept.end(), added.begin(), added.end());
    }
    std::vector<std::string> expected;
    for (const auto& event : kept) {
      expected.push_back(fmt::format("{} {} click {}{}{}", event.user, event.time_ms, event.item,
                                     event.posted ? " posted" : "", event.id.empty() ? "" : " id"));
    }
    std::vector<std::string> found = TextOf(Log(parts));
    for (std::string& line : found) {
      if (const size_t at = line.find(" id "); at != std::string::npos) line.resize(at + 3);
    }
    std::ranges::sort(expected);
    std::ranges::sort(found);
    EXPECT_EQ(found, expected) << "round " << round;
  }
}

}  // namespace
}  // namespace upnext::log
