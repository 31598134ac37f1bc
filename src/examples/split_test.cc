#include "examples/split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "examples/test_world.h"

namespace upnext::examples {
namespace {

using Kind = SplitOptions::Kind;
using ::testing::HasSubstr;

struct Span {
  int64_t first = std::numeric_limits<int64_t>::max(), last = std::numeric_limits<int64_t>::min();
  uint64_t rows = 0;
};

Span SpanOf(const World& world, SplitPart part) {
  Span span;
  for (uint32_t user = 0; user < world.log.users(); ++user) {
    for (uint64_t row = world.log.begin(user); row < world.log.end(user); ++row) {
      if (world.split.part(user, row) != part) continue;
      span.first = std::min(span.first, world.log.time_ms(row));
      span.last = std::max(span.last, world.log.time_ms(row));
      ++span.rows;
    }
  }
  return span;
}

TEST(Split, TR03_TrainEndsBeforeValidationAndValidationBeforeTest) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const World world(RandomWorld(seed));
    const Span train = SpanOf(world, SplitPart::kTrain),
               validation = SpanOf(world, SplitPart::kValidation),
               test = SpanOf(world, SplitPart::kTest);
    ASSERT_GT(train.rows, 0u);
    ASSERT_GT(validation.rows, 0u);
    ASSERT_GT(test.rows, 0u);
    EXPECT_LT(train.last, validation.first);
    EXPECT_LT(validation.last, test.first);
    EXPECT_EQ(train.rows + validation.rows + test.rows, world.log.events());
    // Counted back from the last event: the test part is its last day.
    EXPECT_LT(test.last - test.first, kDay);
    EXPECT_GE(test.first, world.log.stats().last_ms + 1 - kDay);
    EXPECT_LT(validation.last, world.log.stats().last_ms + 1 - kDay);
  }
}

TEST(Split, TimeBoundsAreExclusiveAndEventsAtThemBelongToTheLaterPart) {
  const World world({.events = {Watch("u", "a", 0, 30), Watch("u", "a", 10, 30),
                                Watch("u", "a", 19, 30), Watch("u", "a", 20, 30)},
                     .split = {.kind = Kind::kTime,
                               .train_until_ms = kStart + 10,
                               .validation_until_ms = kStart + 20}});
  EXPECT_EQ(world.split.part(0, 0), SplitPart::kTrain);
  EXPECT_EQ(world.split.part(0, 1), SplitPart::kValidation);
  EXPECT_EQ(world.split.part(0, 2), SplitPart::kValidation);
  EXPECT_EQ(world.split.part(0, 3), SplitPart::kTest);
  EXPECT_EQ(world.split.train_end(0), 1u);
  EXPECT_EQ(world.split.validation_end(0), 3u);
  EXPECT_EQ(world.split.rows(world.log, 0, SplitPart::kValidation), (RowRange{1, 3}));
  EXPECT_THAT(world.split.Describe(), HasSubstr("time: train < 2023-11-14T22:13:20.01"));
}

TEST(Split, DaysMayBeParts) {
  const World world(
      {.events = {Watch("u", "a", 0, 30), Watch("u", "a", 17 * kHour - 1, 30),
                  Watch("u", "a", 17 * kHour, 30), Watch("u", "a", 20 * kHour - 1, 30),
                  Watch("u", "a", 20 * kHour, 30), Watch("u", "a", 23 * kHour - 1, 30)},
       .split = {.kind = Kind::kTime, .validation_days = 0.125, .test_days = 0.125}});
  EXPECT_EQ(world.split.train_end(0), 2u);
  EXPECT_EQ(world.split.validation_end(0), 4u);
}

TEST(Split, LeaveOneOutTakesTheLastTwoCompleteWatches) {
  const World world(
      {.events = {Watch("u", "a", 0, 30), Watch("u", "b", 1, 30), Watch("u", "c", 2, 30),
                  Watch("u", "d", 3, 1), Watch("v", "a", 0, 30), Watch("v", "b", 1, 30)},
       .split = {.kind = Kind::kLeaveOneOut}});
  const uint32_t u = world.user("u"), v = world.user("v");
  const uint64_t begin = world.log.begin(u);
  EXPECT_EQ(world.split.train_end(u), begin + 1);
  EXPECT_EQ(world.split.validation_end(u), begin + 2);
  EXPECT_EQ(world.split.part(u, begin + 3), SplitPart::kTest);  // the partial watch after it
  // Two complete watches are too few.
  EXPECT_EQ(world.split.train_end(v), world.log.end(v));
  EXPECT_EQ(world.split.validation_end(v), world.log.end(v));
}

TEST(Split, LeaveOneOutKeepsTheImpressionOfTheAnswerOutOfTheInput) {
  const World world({.events = {Watch("u", "a", 0, 30), Watch("u", "b", 1, 30), Shown("u", "x", 2),
                                Shown("u", "c", 3), Click("u", "c", 4), Watch("u", "c", 5, 2),
                                Watch("u", "c", 6, 30)},
                     .split = {.kind = Kind::kLeaveOneOut}});
  EXPECT_EQ(world.split.train_end(0), 1u);
  EXPECT_EQ(world.split.validation_end(0), 3u);
}

TEST(Split, LeaveOneOutNeverTakesAnotherCompleteWatchOfTheSameItemAlong) {
  const World world({.events = {Watch("u", "a", 0, 30), Watch("u", "a", 1, 30),
                                Watch("u", "a", 2, 30), Watch("u", "a", 3, 30)},
                     .split = {.kind = Kind::kLeaveOneOut}});
  EXPECT_EQ(world.split.train_end(0), 2u);
  EXPECT_EQ(world.split.validation_end(0), 3u);
}

TEST(Split, ADescriptionIsReadBack) {
  for (const Kind kind : {Kind::kTime, Kind::kLeaveOneOut, Kind::kNone}) {
    WorldOptions options = RandomWorld(3);
    options.split.kind = kind;
    const World world(options);
    const auto read = SplitOptions::Parse(world.split.Describe());
    ASSERT_TRUE(read) << read.error().message;
    const auto again = Split::Make(*read, world.log, world.rule);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(again->Describe(), world.split.Describe());
    EXPECT_EQ(SpanOf(world, SplitPart::kTest).rows > 0, kind != Kind::kNone);
  }
  for (const char* text : {"", "none", "time: train < 2026-01-01T00:00:00.000Z <= validation",
                           "time: train < 2026-01-01T00:00:00.000Z <= validation < noon <= test"}) {
    EXPECT_FALSE(SplitOptions::Parse(text)) << text;
  }
}

TEST(Split, NoneTrainsOnEverything) {
  WorldOptions options = RandomWorld(3);
  options.split.kind = Kind::kNone;
  const World world(options);
  EXPECT_EQ(SpanOf(world, SplitPart::kTrain).rows, world.log.events());
}

TEST(Split, RefusesBoundsThatLeaveNothingToTrainOn) {
  const World world({.events = {Watch("u", "a", 0, 30)}, .split = {.kind = Kind::kNone}});
  const auto empty = Split::Make({.kind = Kind::kTime}, world.log, world.rule);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(empty.error().message, HasSubstr("no event lies before"));
  const auto crossed = Split::Make(
      {.kind = Kind::kTime, .train_until_ms = kStart + 9, .validation_until_ms = kStart + 5},
      world.log, world.rule);
  ASSERT_FALSE(crossed);
  EXPECT_EQ(crossed.error().code, Code::kInvalidArgument);
}

SplitOptions ReadOptions(const std::string& toml, Status* status) {
  base::Config config = World::Value(base::Config::Parse(toml, "test.toml"));
  const SplitOptions options = SplitOptions::FromConfig(config.Table("split"));
  *status = config.Check();
  return options;
}

TEST(SplitOptions, ReadsBeijingTime) {
  Status status;
  const SplitOptions options = ReadOptions(
      "[split]\nkind = \"time\"\ntrain_until = \"2022-04-19T00:00:00+08:00\"\n"
      "validation_until = \"2022-04-20T00:00:00+08:00\"\n",
      &status);
  EXPECT_TRUE(status);
  EXPECT_EQ(options.kind, Kind::kTime);
  EXPECT_EQ(options.train_until_ms, 1'650'297'600'000);
  EXPECT_EQ(options.validation_until_ms, 1'650'297'600'000 + kDay);
}

TEST(SplitOptions, NamesTheMistake) {
  Status status;
  ReadOptions("[split]\ntrain_until = \"2022-04-19\"\nvalidation_until = \"2022-04-20Z\"\n",
              &status);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("expected a time with its offset"));
  ReadOptions("[split]\ntrain_until = \"2022-04-19Z\"\n", &status);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("together"));
  ReadOptions("[split]\nkind = \"random\"\n", &status);
  EXPECT_FALSE(status);
  ReadOptions("[split]\ntrain_until = \"2022-04-21Z\"\nvalidation_until = \"2022-04-20Z\"\n",
              &status);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("exchange them"));
}

}  // namespace
}  // namespace upnext::examples
