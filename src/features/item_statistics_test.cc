#include "features/item_statistics.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/test_folder.h"

namespace upnext::features {
namespace {

using schema::EventType;

schema::Event EventOf(EventType type, uint32_t item, int64_t time_ms,
                      float value = schema::kAbsent) {
  schema::Event event;
  event.type = type;
  event.item = item;
  event.time_ms = time_ms;
  event.value = value;
  return event;
}

std::vector<schema::Event> RandomEvents(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<schema::Event> events;
  for (size_t i = 0; i < n; ++i) {
    const auto type = static_cast<EventType>(1 + rng.Below(schema::kEventTypes - 1));
    // Days -3 to 6, so that times before the epoch are among them.
    const int64_t time_ms = static_cast<int64_t>(rng.Below(10 * base::kDayMs)) - 3 * base::kDayMs;
    events.push_back(EventOf(type, static_cast<uint32_t>(rng.Below(5)), time_ms,
                             static_cast<float>(rng.Below(100)) + 0.25f));
  }
  return events;
}

bool IsComplete(const schema::Event& event) {
  return event.type == EventType::kComplete ||
         (event.type == EventType::kWatch && event.value > 50);
}

TEST(ItemStatistics, RK07_CountsOnlyDaysBeforeTheDayOfTheExample) {
  const std::vector<schema::Event> events = RandomEvents(2'000, 1);
  ItemStatistics::Builder builder(5);
  for (const schema::Event& event : events) builder.Add(event, IsComplete(event));
  const ItemStatistics statistics = builder.Build();
  base::Rng rng(2);
  for (int i = 0; i < 300; ++i) {
    const uint32_t item = static_cast<uint32_t>(rng.Below(5));
    const int64_t time_ms = static_cast<int64_t>(rng.Below(14 * base::kDayMs)) - 5 * base::kDayMs;
    const int64_t midnight =
        (time_ms + 100 * base::kDayMs) / base::kDayMs * base::kDayMs - 100 * base::kDayMs;
    ItemCounts expected;
    for (const schema::Event& event : events) {
      if (event.item != item || event.time_ms >= midnight) continue;
      expected.impressions += event.type == EventType::kImpression;
      expected.clicks += event.type == EventType::kClick;
      expected.watches += event.type == EventType::kWatch;
      expected.complete += IsComplete(event);
      expected.likes += event.type == EventType::kLike;
      expected.dislikes += event.type == EventType::kDislike || event.type == EventType::kDismiss;
      if (event.type == EventType::kWatch) expected.watch_s += event.value;
    }
    EXPECT_EQ(statistics.At(item, time_ms), expected) << item << " " << time_ms;
  }
}

TEST(ItemStatistics, UnknownItemsAndEarlyTimesAreZero) {
  ItemStatistics::Builder builder(2);
  builder.Add(EventOf(EventType::kClick, 1, 0), false);
  builder.Add(EventOf(EventType::kClick, 7, 0), false);
  builder.Add(EventOf(EventType::kSearch, schema::kNone, 0), false);
  const ItemStatistics statistics = builder.Build();
  EXPECT_EQ(statistics.At(0, base::kDayMs), ItemCounts{});
  EXPECT_EQ(statistics.At(7, base::kDayMs), ItemCounts{});
  EXPECT_EQ(statistics.At(schema::kNone, base::kDayMs), ItemCounts{});
  EXPECT_EQ(statistics.At(1, base::kDayMs - 1), ItemCounts{});
  EXPECT_EQ(statistics.At(1, base::kDayMs).clicks, 1);
  EXPECT_EQ(statistics.At(1, INT64_MAX).clicks, 1);
  EXPECT_EQ(statistics.At(1, INT64_MIN), ItemCounts{});
  EXPECT_EQ(statistics.Prior().clicks, 1) << "the mean over items that have events";
  EXPECT_EQ(ItemStatistics().At(0, 0), ItemCounts{});
}

TEST(ItemStatistics, MergedInAnyOrderIsTheSame) {
  const std::vector<schema::Event> events = RandomEvents(3'000, 3);
  std::vector<ItemStatistics::Builder> parts(3, ItemStatistics::Builder(5));
  for (size_t i = 0; i < events.size(); ++i) {
    parts[i % 3].Add(events[i], IsComplete(events[i]));
  }
  ItemStatistics::Builder forward(5), backward(5);
  for (size_t i = 0; i < 3; ++i) forward.Merge(parts[i]);
  for (size_t i = 3; i-- > 0;) backward.Merge(parts[i]);
  const ItemStatistics a = forward.Build(), b = backward.Build();
  EXPECT_EQ(a.Prior(), b.Prior());
  for (uint32_t item = 0; item < 5; ++item) {
    for (int64_t day = -4; day < 9; ++day) {
      EXPECT_EQ(a.At(item, day * base::kDayMs), b.At(item, day * base::kDayMs));
    }
  }
}

Result<ItemStatistics> StatisticsOf(const std::vector<uint64_t>& offsets,
                                    const std::vector<int32_t>& days,
                                    const std::vector<float>& totals) {
  const base::TestFolder folder;
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(folder / "s", "test", 1));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("item_statistics.offsets", offsets));
  UPNEXT_RETURN_IF_ERROR(writer.Add<int32_t>("item_statistics.days", days));
  UPNEXT_RETURN_IF_ERROR(writer.Add<float>("item_statistics.totals", totals));
  UPNEXT_RETURN_IF_ERROR(writer.Add<float>("item_statistics.prior", std::vector<float>(7, 1.0f)));
  UPNEXT_RETURN_IF_ERROR(writer.Commit());
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file, base::SectionFile::Open(folder / "s", "test", 1));
  return ItemStatistics::Load(file);
}

TEST(ItemStatistics, LoadRefusesOffsetsDaysAndCountsThatDoNotFit) {
  const std::vector<float> totals(14, 2.0f);
  EXPECT_TRUE(StatisticsOf({0, 1, 2}, {4, 4}, totals));
  EXPECT_FALSE(StatisticsOf({0, 2}, {4, 4}, totals)) << "days of an item rise";
  EXPECT_FALSE(StatisticsOf({0, 3}, {4, 5}, totals));
  EXPECT_FALSE(StatisticsOf({0, 2, 1, 2}, {4, 5}, totals));
  EXPECT_FALSE(StatisticsOf({}, {4, 5}, totals));
  EXPECT_FALSE(StatisticsOf({0, 2}, {4, 5}, std::vector<float>(13, 2.0f)));
  EXPECT_FALSE(StatisticsOf({0, 2}, {4, 5}, std::vector<float>(14, -1.0f)));
  EXPECT_FALSE(StatisticsOf({0, 2}, {4, 5}, std::vector<float>(14, schema::kAbsent)));
}

}  // namespace
}  // namespace upnext::features
