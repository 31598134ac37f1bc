#include "examples/ranking_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <vector>

#include "base/thread_pool.h"
#include "examples/test_world.h"
#include "features/event_counts.h"
#include "features/feature_extractor.h"
#include "schema/event.h"

namespace upnext::examples {
namespace {

// One impression with everything a batch says of it; floats as bits, so that NaN equals NaN.
struct RankingExample {
  uint32_t user;
  uint64_t request;
  uint16_t position;
  schema::EventTypeSet happened;
  float watch_s;
  std::vector<std::vector<uint32_t>> query_ids, impression_ids;
  std::vector<uint32_t> query_numbers, impression_numbers;
  auto operator<=>(const RankingExample&) const = default;
};

void ReadRow(const features::FeatureBlock& block, size_t row,
             std::vector<std::vector<uint32_t>>* ids, std::vector<uint32_t>* numbers) {
  ASSERT_LT(row, block.rows);
  for (const features::Bags& bags : block.categorical) {
    ASSERT_EQ(bags.size(), block.rows);
    ids->emplace_back(bags.ids.begin() + bags.offsets[row],
                      bags.ids.begin() + bags.offsets[row + 1]);
  }
  for (const std::vector<float>* values : {&block.raw, &block.dense}) {
    const size_t width = values->size() / block.rows;
    ASSERT_EQ(values->size(), width * block.rows);
    for (size_t i = 0; i < width; ++i) {
      numbers->push_back(std::bit_cast<uint32_t>((*values)[row * width + i]));
    }
  }
  if (block.duration_s.empty()) return;
  ASSERT_EQ(block.duration_s.size(), block.rows);
  numbers->push_back(std::bit_cast<uint32_t>(block.duration_s[row]));
}

std::vector<RankingExample> RankingEpoch(RankingStream& stream, uint32_t epoch,
                                         size_t batch_size = 16, bool by_days = false) {
  std::vector<RankingExample> examples;
  std::map<std::pair<uint32_t, uint64_t>, size_t> batch_of_request;
  RankingBatch batch;
  stream.StartEpoch(epoch);
  for (size_t number = 0; stream.Next(batch_size, &batch); ++number) {
    EXPECT_EQ(batch.impressions.rows, batch.size());
    EXPECT_LE(batch.queries.rows, batch.size());
    for (size_t i = 0; i < batch.size(); ++i) {
      if (i > 0) {
        EXPECT_LE(batch.query_of[i - 1], batch.query_of[i]);
      }
      if (batch.request[i] != 0 && !by_days) {
        const auto [entry, is_new] =
            batch_of_request.try_emplace({batch.user[i], batch.request[i]}, number);
        EXPECT_EQ(entry->second, number) << "a request is never split";
      }
      RankingExample example{.user = batch.user[i],
                             .request = batch.request[i],
                             .position = batch.position[i],
                             .happened = batch.labels[i].happened,
                             .watch_s = batch.labels[i].watch_s,
                             .query_ids = {},
                             .impression_ids = {},
                             .query_numbers = {},
                             .impression_numbers = {}};
      ReadRow(batch.queries, batch.query_of[i], &example.query_ids, &example.query_numbers);
      ReadRow(batch.impressions, i, &example.impression_ids, &example.impression_numbers);
      examples.push_back(std::move(example));
    }
  }
  return examples;
}

TEST(RankingStream, ContentDoesNotDependOnThreadsButOnSeedAndEpoch) {
  const World world(RandomWorld(4, /*users=*/60, 30, 200));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool one(1), three(3);
  const RankingStreamOptions options{.seed = 5, .shuffle_buffer = 50};
  RankingStream a(world.source, tables, options, one), b(world.source, tables, options, three);
  std::vector<RankingExample> epoch0 = RankingEpoch(a, 0), epoch1 = RankingEpoch(a, 1);
  EXPECT_GT(epoch0.size(), 100u);
  EXPECT_EQ(epoch1, RankingEpoch(b, 1));
  EXPECT_EQ(epoch0, RankingEpoch(b, 0, /*batch_size=*/7));
  EXPECT_NE(epoch0, epoch1);
  // The same impressions, in another order.
  std::ranges::sort(epoch0);
  std::ranges::sort(epoch1);
  EXPECT_EQ(epoch0, epoch1);
}

TEST(RankingStream, ExamplesPerEpochIsExactForEveryPart) {
  const World world(RandomWorld(5));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(2);
  uint64_t all = 0;
  for (const SplitPart part : {SplitPart::kTrain, SplitPart::kValidation, SplitPart::kTest}) {
    RankingStream stream(world.source, tables, {.part = part}, pool);
    EXPECT_EQ(RankingEpoch(stream, 0).size(), stream.examples_per_epoch());
    EXPECT_GT(stream.examples_per_epoch(), 0u);
    all += stream.examples_per_epoch();
  }
  EXPECT_EQ(all, world.log.stats().by_type[static_cast<size_t>(schema::EventType::kImpression)]);
}

TEST(RankingStream, WithoutShufflingUsersComeInOrderWithTheFeaturesOfTheirState) {
  const World world(RandomWorld(6));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(3);
  RankingStream stream(world.source, tables,
                       {.part = SplitPart::kTest, .shuffle = false, .shuffle_buffer = 10}, pool);
  const std::vector<RankingExample> found = RankingEpoch(stream, 3);
  // The same through extraction by hand.
  const features::FeatureExtractor extractor(tables, world.catalogue, features::Model::kRanking);
  size_t next = 0;
  for (uint32_t user = 0; user < world.log.users(); ++user) {
    ReplayImpressions(world.source, user, tables.plan.state(),
                      [&](const features::UserState& before, const ImpressionGroup& group) {
                        for (const Impression& impression : group.impressions) {
                          if (impression.part != SplitPart::kTest) continue;
                          ASSERT_LT(next, found.size());
                          const RankingExample& example = found[next++];
                          EXPECT_EQ(example.user, user);
                          EXPECT_EQ(example.request, group.request);
                          EXPECT_EQ(example.position, impression.position);
                          EXPECT_EQ(example.happened, impression.labels.happened);
                          EXPECT_EQ(example.watch_s, impression.labels.watch_s);
                          features::FeatureBlock query, block;
                          extractor.AppendQuery(before, user, group.context, &query);
                          extractor.AppendImpression(before, user, group.context,
                                                     impression.candidate(), &block);
                          std::vector<std::vector<uint32_t>> query_ids, ids;
                          std::vector<uint32_t> query_numbers, numbers;
                          ReadRow(query, 0, &query_ids, &query_numbers);
                          ReadRow(block, 0, &ids, &numbers);
                          EXPECT_EQ(example.query_ids, query_ids);
                          EXPECT_EQ(example.query_numbers, query_numbers);
                          EXPECT_EQ(example.impression_ids, ids);
                          EXPECT_EQ(example.impression_numbers, numbers);
                        }
                      });
  }
  EXPECT_EQ(next, found.size());
  EXPECT_GT(next, 0u);
}

TEST(RankingStream, RK01_ARequestHasOneQueryRow) {
  const World world({.events = {Shown("u", "a", 0, "q"), Shown("u", "b", 0, "q"),
                                Shown("u", "c", 0, "q"), Shown("u", "d", 1)},
                     .split = {.kind = SplitOptions::Kind::kNone}});
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  RankingStream stream(world.source, tables, {.shuffle = false}, pool);
  RankingBatch batch;
  stream.StartEpoch(0);
  ASSERT_TRUE(stream.Next(100, &batch));
  EXPECT_EQ(batch.queries.rows, 2u);
  EXPECT_THAT(batch.query_of, ::testing::ElementsAre(0, 0, 0, 1));
  EXPECT_FALSE(stream.Next(100, &batch));
  EXPECT_EQ(batch.size(), 0u);
  // Whole requests until the size is reached.
  stream.StartEpoch(1);
  ASSERT_TRUE(stream.Next(1, &batch));
  EXPECT_EQ(batch.size(), 3u);
}

// A random world whose impressions have numbers of their own as positions, and their times by it. Some
// requests begin before midnight and end after it.
struct NumberedWorld {
  NumberedWorld() : world(Numbered(&time_ms)) {}
  static WorldOptions Numbered(std::vector<int64_t>* time_ms) {
    WorldOptions options = RandomWorld(8, /*users=*/40, 30, 400);
    const int64_t midnight = kDay - kStart % kDay;
    for (int64_t day = 2; day < 7; ++day) {
      for (const int64_t after : {-kMinute, int64_t{0}, kMinute}) {
        options.events.push_back(
            Shown("u1", "i1", midnight + day * kDay + after, "late " + std::to_string(day)));
      }
    }
    for (schema::RawEvent& event : options.events) {
      if (event.type != schema::EventType::kImpression) continue;
      event.position = static_cast<uint16_t>(time_ms->size());
      time_ms->push_back(event.time_ms);
    }
    return options;
  }
  int64_t day(uint16_t position) const { return features::UtcDay(time_ms[position]); }
  std::vector<int64_t> time_ms;  // by position
  const World world;
};

TEST(RankingStream, TR01_ByDaysNoExampleIsOlderThanTheDayBeforeItAndNoneIsMissingOrDoubled) {
  const NumberedWorld numbered;
  const World& world = numbered.world;
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool one(1), three(3);
  const RankingStreamOptions by_days{.seed = 5, .shuffle_buffer = 10, .by_days = true};
  RankingStream a(world.source, tables, by_days, one), b(world.source, tables, by_days, three);
  RankingStream shuffled(world.source, tables, {.seed = 5}, one);
  std::vector<RankingExample> epoch0 = RankingEpoch(a, 0, 16, true),
                              all = RankingEpoch(shuffled, 0);
  EXPECT_EQ(epoch0.size(), a.examples_per_epoch());
  EXPECT_EQ(epoch0, RankingEpoch(b, 0, 16, true)) << "does not depend on threads";
  EXPECT_NE(epoch0, RankingEpoch(a, 1, 16, true)) << "is mixed by epoch";
  size_t days = 1, back_in_a_day = 0;
  for (size_t i = 1; i < epoch0.size(); ++i) {
    const uint16_t before = epoch0[i - 1].position, now = epoch0[i].position;
    ASSERT_LE(numbered.day(before), numbered.day(now)) << "example " << i;
    days += numbered.day(before) < numbered.day(now) ? 1 : 0;
    back_in_a_day += numbered.time_ms[now] < numbered.time_ms[before] ? 1 : 0;
  }
  EXPECT_GT(days, 5u);
  EXPECT_GT(back_in_a_day, 50u) << "is mixed within a day";
  RankingBatch batch;
  a.StartEpoch(0);
  while (a.Next(64, &batch)) {
    EXPECT_EQ(numbered.day(batch.position.front()), numbered.day(batch.position.back()));
  }
  // The same impressions with the same features and labels, in another order.
  std::ranges::sort(epoch0);
  std::ranges::sort(all);
  EXPECT_EQ(epoch0, all);
}

TEST(RankingStream, TR01_WhatComesAfterATimeIsTheEndOfTheWholeEpoch) {
  const NumberedWorld numbered;
  const World& world = numbered.world;
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  const int64_t noon = (features::UtcDay(kStart) + 4) * kDay + kDay / 2;
  for (const bool by_days : {true, false}) {
    RankingStreamOptions options{.seed = 5, .by_days = by_days};
    RankingStream whole(world.source, tables, options, pool);
    std::vector<RankingExample> later = RankingEpoch(whole, 0, 16, by_days);
    std::erase_if(later, [&](const RankingExample& example) {
      return numbered.time_ms[example.position] <= (by_days ? noon + kDay / 2 - 1 : noon);
    });
    ASSERT_GT(later.size(), 20u);
    options.after_ms = by_days ? noon + kDay / 2 - 1 : noon;
    RankingStream rest(world.source, tables, options, pool);
    std::vector<RankingExample> found = RankingEpoch(rest, 0, 16, by_days);
    EXPECT_EQ(found.size(), rest.examples_per_epoch());
    if (!by_days) {  // other users, so another order
      std::ranges::sort(later);
      std::ranges::sort(found);
    }
    EXPECT_EQ(found, later);
  }
}

TEST(RankingStream, ALogWithoutImpressionsGivesNoBatches) {
  const World world(
      {.events = {Watch("u", "a", 0, 60)}, .split = {.kind = SplitOptions::Kind::kNone}});
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(1);
  RankingStream stream(world.source, tables, {}, pool);
  RankingBatch batch;
  stream.StartEpoch(0);
  EXPECT_FALSE(stream.Next(10, &batch));
  EXPECT_EQ(stream.examples_per_epoch(), 0u);
}

}  // namespace
}  // namespace upnext::examples
