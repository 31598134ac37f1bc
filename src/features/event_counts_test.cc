#include "features/event_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "features/test_log.h"

namespace upnext::features {
namespace {

using schema::EventType;
using testing::ElementsAre;

constexpr uint32_t kItems = 5;

schema::Event EventOf(EventType type, uint32_t item, int64_t time_ms,
                      float value = schema::kAbsent) {
  schema::Event event;
  event.type = type;
  event.item = item;
  event.time_ms = time_ms;
  event.value = value;
  return event;
}

std::vector<schema::Event> RandomDays(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<schema::Event> events;
  for (size_t i = 0; i < n; ++i) {
    const auto type = static_cast<EventType>(1 + rng.Below(schema::kEventTypes - 1));
    // Days -3 to 6, so that times before the epoch are among them.
    const int64_t time_ms = static_cast<int64_t>(rng.Below(10 * base::kDayMs)) - 3 * base::kDayMs;
    events.push_back(EventOf(type, static_cast<uint32_t>(rng.Below(kItems)), time_ms,
                             static_cast<float>(rng.Below(100)) + 0.25f));
  }
  return events;
}

bool IsPositive(const schema::Event& event) {
  return event.type == EventType::kComplete ||
         (event.type == EventType::kWatch && event.value > 50);
}

// Clicks, positive events, seconds watched, shares of durations, by item; clicks by channel too.
class EventCountsTest : public testing::Test {
 protected:
  EventCountsTest() {
    StateSpec::Builder builder;
    const StateKey item{.of = StateKey::Of::kItem};
    const Term click = TermOf(EventType::kClick), watch = TermOf(EventType::kWatch);
    builder.AddColumn(item, {.kind = Column::Kind::kCount, .terms = {click}, .resets = {}});
    builder.AddColumn(item, {.kind = Column::Kind::kCount, .terms = {kPositive}, .resets = {}});
    builder.AddColumn(item, {.kind = Column::Kind::kValue, .terms = {watch}, .resets = {}});
    builder.AddColumn(item, {.kind = Column::Kind::kShare, .terms = {watch}, .resets = {}});
    builder.AddColumn({.of = StateKey::Of::kItemAttribute, .attribute = 2},
                      {.kind = Column::Kind::kCount, .terms = {click}, .resets = {}});
    spec_ = builder.Build();
  }
  static TestLog MakeLog() {
    std::vector<schema::RawItem> items;
    for (uint32_t i = 0; i < kItems; ++i) {
      items.push_back(ItemOf(Numbered("i", i), 200, Numbered("c", i % 2), {}));
    }
    return TestLog({catalogue::Watch("u", "i0", kStartMs, 1)}, items, {});
  }
  EventCounts CountsOf(const std::vector<schema::Event>& events) const {
    EventCounts::Builder builder(spec_);
    for (const schema::Event& event : events) {
      builder.Add(event, IsPositive(event), IsPositive(event), log_.catalogue());
    }
    return builder.Build();
  }
  std::vector<float> At(const EventCounts& counts, uint32_t item, int64_t time_ms) const {
    const float* row = counts.At(1, item, time_ms);
    return row == nullptr ? std::vector<float>(4, 0.0f) : std::vector<float>(row, row + 4);
  }
  const TestLog log_ = MakeLog();
  StateSpec spec_;
};

TEST_F(EventCountsTest, RK07_CountsOnlyDaysBeforeTheDayOfTheExample) {
  const std::vector<schema::Event> events = RandomDays(2'000, 1);
  const EventCounts counts = CountsOf(events);
  base::Rng rng(2);
  for (int i = 0; i < 300; ++i) {
    const uint32_t item = static_cast<uint32_t>(rng.Below(kItems));
    const int64_t time_ms = static_cast<int64_t>(rng.Below(14 * base::kDayMs)) - 5 * base::kDayMs;
    const int64_t midnight =
        (time_ms + 100 * base::kDayMs) / base::kDayMs * base::kDayMs - 100 * base::kDayMs;
    float clicks = 0, positives = 0, seconds = 0, shares = 0, of_channel = 0;
    for (const schema::Event& event : events) {
      if (event.time_ms >= midnight) continue;
      of_channel += event.type == EventType::kClick && event.item % 2 == item % 2;
      if (event.item != item) continue;
      clicks += event.type == EventType::kClick;
      positives += IsPositive(event);
      if (event.type == EventType::kWatch) {
        seconds += event.value;
        shares += event.value / 200;
      }
    }
    const std::vector<float> found = At(counts, item, time_ms);
    EXPECT_THAT(std::vector<float>(found.begin(), found.begin() + 3),
                ElementsAre(clicks, positives, seconds));
    EXPECT_NEAR(found[3], shares, 1e-4f * (1 + shares));
    const uint32_t channel = log_.Id(schema::IdSpace::kChannel, Numbered("c", item % 2));
    const float* row = counts.At(2, channel, time_ms);
    EXPECT_EQ(row == nullptr ? 0.0f : row[0], of_channel);
  }
}

TEST_F(EventCountsTest, UnknownKeysAndEarlyTimesHaveNoRow) {
  const EventCounts counts =
      CountsOf({EventOf(EventType::kClick, 1, 0), EventOf(EventType::kSearch, schema::kNone, 0)});
  EXPECT_EQ(counts.At(1, 0, base::kDayMs), nullptr);
  EXPECT_EQ(counts.At(1, 7, base::kDayMs), nullptr);
  EXPECT_EQ(counts.At(1, schema::kNone, base::kDayMs), nullptr);
  EXPECT_EQ(counts.At(1, 1, base::kDayMs - 1), nullptr);
  EXPECT_EQ(counts.At(1, 1, INT64_MIN), nullptr);
  EXPECT_EQ(At(counts, 1, base::kDayMs)[0], 1);
  EXPECT_EQ(At(counts, 1, INT64_MAX)[0], 1);
  EXPECT_EQ(counts.Prior(1)[0], 1) << "the mean over items that have events";
}

TEST_F(EventCountsTest, MergedInAnyOrderIsTheSame) {
  const std::vector<schema::Event> events = RandomDays(3'000, 3);
  std::vector<EventCounts::Builder> parts(3, EventCounts::Builder(spec_));
  for (size_t i = 0; i < events.size(); ++i) {
    parts[i % 3].Add(events[i], IsPositive(events[i]), IsPositive(events[i]), log_.catalogue());
  }
  EventCounts::Builder forward(spec_), backward(spec_);
  for (size_t i = 0; i < 3; ++i) forward.Merge(parts[i]);
  for (size_t i = 3; i-- > 0;) backward.Merge(parts[i]);
  const EventCounts a = forward.Build(), b = backward.Build(), whole = CountsOf(events);
  EXPECT_TRUE(std::ranges::equal(a.Prior(1), b.Prior(1)));
  for (uint32_t item = 0; item < kItems; ++item) {
    for (int64_t day = -4; day < 9; ++day) {
      EXPECT_EQ(At(a, item, day * base::kDayMs), At(b, item, day * base::kDayMs));
      EXPECT_EQ(At(a, item, day * base::kDayMs), At(whole, item, day * base::kDayMs));
    }
  }
}

TEST_F(EventCountsTest, LoadedCountsAreTheSame) {
  const EventCounts counts = CountsOf(RandomDays(500, 4));
  const base::TestFolder folder;
  auto writer = base::SectionWriter::Create(folder / "s", "test", 1);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(counts.Save(*writer));
  ASSERT_TRUE(writer->Commit());
  const auto file = base::SectionFile::Open(folder / "s", "test", 1);
  ASSERT_TRUE(file);
  const auto loaded = EventCounts::Load(*file, spec_);
  ASSERT_TRUE(loaded) << loaded.error().message;
  for (uint32_t item = 0; item < kItems; ++item) {
    for (int64_t day = -4; day < 9; ++day) {
      EXPECT_EQ(At(*loaded, item, day * base::kDayMs), At(counts, item, day * base::kDayMs));
    }
  }
}

TEST_F(EventCountsTest, LoadRefusesOffsetsDaysAndCountsThatDoNotFit) {
  StateSpec::Builder two;
  for (const EventType type : {EventType::kClick, EventType::kLike}) {
    two.AddColumn({.of = StateKey::Of::kItem},
                  {.kind = Column::Kind::kCount, .terms = {TermOf(type)}, .resets = {}});
  }
  const auto loads = [&](const std::vector<uint64_t>& offsets, const std::vector<int32_t>& days,
                         const std::vector<float>& totals) {
    const base::TestFolder folder;
    auto writer = base::SectionWriter::Create(folder / "s", "test", 1);
    EXPECT_TRUE(writer->Add<uint64_t>("counts.1.offsets", offsets));
    EXPECT_TRUE(writer->Add<int32_t>("counts.1.days", days));
    EXPECT_TRUE(writer->Add<float>("counts.1.totals", totals));
    EXPECT_TRUE(writer->Add<float>("counts.1.prior", std::vector<float>(2, 1.0f)));
    EXPECT_TRUE(writer->Commit());
    const auto file = base::SectionFile::Open(folder / "s", "test", 1);
    return EventCounts::Load(*file, two.Build()).has_value();
  };
  const std::vector<float> totals(4, 2.0f);
  EXPECT_TRUE(loads({0, 1, 2}, {4, 4}, totals));
  EXPECT_FALSE(loads({0, 2}, {4, 4}, totals)) << "days of a key rise";
  EXPECT_FALSE(loads({0, 3}, {4, 5}, totals));
  EXPECT_FALSE(loads({0, 2, 1, 2}, {4, 5}, totals));
  EXPECT_FALSE(loads({}, {4, 5}, totals));
  EXPECT_FALSE(loads({0, 2}, {4, 5}, std::vector<float>(3, 2.0f)));
  EXPECT_FALSE(loads({0, 2}, {4, 5}, std::vector<float>(4, -1.0f)));
  EXPECT_FALSE(loads({0, 2}, {4, 5}, std::vector<float>(4, schema::kAbsent)));
}

}  // namespace
}  // namespace upnext::features
