#include "ranking/learn_objectives.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/rng.h"
#include "base/test_folder.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "ranking/ranker_training.h"
#include "ranking/test_batches.h"
#include "schema/attribute.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

using ::testing::HasSubstr;

// Ten days on which each of 60 users is shown items of 30, 300 and unknown seconds, and watches half
// of them for a random share; on the last day, the test, a hundred times as long.
examples::WorldOptions WatchedWorld(bool watched) {
  examples::WorldOptions options;
  base::Rng rng(3);
  const float durations[] = {30, 300, schema::kAbsent};
  for (uint32_t i = 0; i < 12; ++i) {
    options.items.push_back(examples::Item(fmt::format("i{}", i), durations[i % 3]));
  }
  for (uint32_t u = 0; u < 60; ++u) {
    for (uint32_t day = 0; day < 10; ++day) {
      const std::string user = fmt::format("u{}", u), request = fmt::format("{}-{}", user, day);
      for (uint32_t n = 0; n < 3; ++n) {
        const std::string item = fmt::format("i{}", 3 * rng.Below(4) + n);
        const int64_t at = day * examples::kDay + u * examples::kMinute + n;
        options.events.push_back(examples::Shown(user, item, at, request));
        const double share = rng.Uniform();
        if (!watched || rng.Below(2) == 0) continue;
        const double longest = n == 0 ? 30 : n == 1 ? 300 : 60;
        options.events.push_back(
            examples::Raw(user, item, at + examples::kMinute, schema::EventType::kWatch,
                          static_cast<float>(share * longest * (day == 9 ? 100 : 1)), request));
      }
    }
  }
  options.split = {
      .kind = examples::SplitOptions::Kind::kTime, .validation_days = 0, .test_days = 1};
  return options;
}

Result<std::vector<Objective>> Learned(const examples::World& world,
                                       std::vector<Objective> objectives, int threads = 1) {
  base::ThreadPool pool(threads);
  return LearnObjectives(world.source, std::move(objectives), pool);
}

std::vector<Objective> Unlearned() {
  Objective quantile = WatchObjective(), ordinal = WatchObjective();
  quantile.loss = Objective::Loss::kQuantile;
  ordinal.name = "ordinal";
  ordinal.loss = Objective::Loss::kOrdinal;
  ordinal.buckets = 8;
  return {quantile, EventObjective("click", schema::EventType::kClick), ordinal};
}

TEST(LearnObjectives, TheTrainingPartAloneGivesQuantilesAndThresholds) {
  const examples::World world(WatchedWorld(true));
  const auto learned = Learned(world, Unlearned());
  ASSERT_TRUE(learned) << learned.error().message;
  const WatchQuantiles& quantiles = (*learned)[0].quantiles;
  EXPECT_EQ(quantiles.buckets(), 2u) << "two durations, whatever the option asks for";
  EXPECT_FALSE((*learned)[1].learns());
  EXPECT_TRUE((*learned)[1].quantiles.empty());
  EXPECT_EQ((*learned)[2].outputs(), 7u);
  // Half is not watched, the other half for a share that is spread evenly.
  const std::pair<float, float> kinds[] = {
      {30.0f, 30.0f}, {300.0f, 300.0f}, {schema::kAbsent, 60.0f}};
  for (const auto& [duration_s, longest] : kinds) {
    EXPECT_NEAR(quantiles.Quantile(duration_s, 0), 0.25, 0.03);
    EXPECT_NEAR(quantiles.Quantile(duration_s, longest / 2), 0.75, 0.03);
    EXPECT_NEAR(quantiles.Seconds(duration_s, 1), longest, 0.05f * longest) << "not of the test";
  }
  EXPECT_LT((*learned)[2].levels.levels().back(), 300);
}

TEST(LearnObjectives, ImpressionsThatAreNotObservedTeachNothing) {
  const examples::World world(WatchedWorld(true));
  std::vector<Objective> objectives = Unlearned();
  for (Objective& objective : objectives) {
    objective.observed = Happened({schema::EventType::kWatch}).happened;
  }
  const auto learned = Learned(world, objectives);
  ASSERT_TRUE(learned) << learned.error().message;
  EXPECT_LT((*learned)[0].quantiles.Quantile(300, 0), 0.05) << "half of all are not watched";
  EXPECT_NEAR((*learned)[0].quantiles.Quantile(300, 150), 0.5, 0.05);
  EXPECT_GT((*learned)[2].levels.levels().front(), 0);
}

TEST(LearnObjectives, ABucketHasAHundredImpressionsHoweverManyTheOptionAsksFor) {
  examples::WorldOptions options;
  for (uint32_t i = 0; i < 30; ++i) {
    const std::string item = fmt::format("i{}", i);
    options.items.push_back(examples::Item(item, 10 + static_cast<float>(i)));
    for (uint32_t u = 0; u < 10; ++u) {
      const std::string user = fmt::format("u{}", u), request = fmt::format("{}-{}", user, i);
      options.events.push_back(examples::Shown(user, item, i * examples::kMinute, request));
      options.events.push_back(examples::Raw(user, item, i * examples::kMinute + 1,
                                             schema::EventType::kWatch, static_cast<float>(1 + u),
                                             request));
    }
  }
  options.split = {.kind = examples::SplitOptions::Kind::kNone};
  const examples::World world(options);
  const auto learned = Learned(world, Unlearned());
  ASSERT_TRUE(learned) << learned.error().message;
  EXPECT_EQ((*learned)[0].buckets, 30u);
  EXPECT_EQ((*learned)[0].quantiles.buckets(), 3u);
}

TEST(LearnObjectives, TheNumberOfThreadsDoesNotMatter) {
  const examples::World world(WatchedWorld(true));
  const auto one = Learned(world, Unlearned(), 1), three = Learned(world, Unlearned(), 3);
  ASSERT_TRUE(one && three);
  EXPECT_THAT((*three)[2].levels.levels(), testing::ElementsAreArray((*one)[2].levels.levels()));
  for (float seconds = 0; seconds < 300; seconds += 7) {
    EXPECT_EQ((*three)[0].quantiles.Quantile(300, seconds),
              (*one)[0].quantiles.Quantile(300, seconds));
  }
}

TEST(LearnObjectives, WatchTimesThatAreAllTheSameStopTheTraining) {
  const examples::World world(WatchedWorld(false));
  const auto stopped = Learned(world, Unlearned());
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(stopped.error().message, AllOf(HasSubstr("'watch'"), HasSubstr("the same")));
  EXPECT_TRUE(Learned(world, {WatchObjective()})) << "learns nothing before";
}

TEST(LearnObjectives, ARankerOfObjectivesThatHaveNotLearnedIsRefused) {
  base::Rng rng(1);
  const auto ranker = Ranker::Make({}, Unlearned(), SmallShape(), rng);
  ASSERT_FALSE(ranker);
  EXPECT_THAT(ranker.error().message, HasSubstr("'watch' has not learned"));
}

// Also "linear", which has no widths and does not read those of the options.
TEST(LearnObjectives, EveryArchitectureTrainsSavesAndLoadsARankerThatScoresTheSame) {
  const examples::World world(WatchedWorld(true));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(2);
  examples::RankingStream stream(world.source, tables,
                                 {.part = examples::SplitPart::kTest, .shuffle = false}, pool);
  stream.StartEpoch(0);
  examples::RankingBatch batch;
  ASSERT_TRUE(stream.Next(1 << 20, &batch));
  for (const std::string& name : ArchitectureNames()) {
    SCOPED_TRACE(name);
    const auto trained =
        TrainRanker(world.source, tables, {.architecture = {.name = name}}, Unlearned(),
                    {.batch = 256, .epochs = 2, .bf16 = false}, pool, base::NoProgress());
    ASSERT_TRUE(trained) << trained.error().message;
    const base::TestFolder folder;
    ASSERT_TRUE(trained->ranker->Save(folder / "ranker.uxs", 7));
    const auto loaded = Ranker::Load(folder / "ranker.uxs", 7);
    ASSERT_TRUE(loaded) << loaded.error().message;
    const std::vector<float> before = ScoreAll(*trained->ranker, batch);
    EXPECT_EQ(ScoreAll(*loaded, batch), before);
    EXPECT_LT(trained->epochs.back().task_loss[2], 7 * std::log(2.0)) << "less than guessing";
    for (size_t i = 0; i < batch.size(); ++i) {
      const float most = batch.impressions.duration_s[i] == 30 ? 30.0f : 300.0f;
      EXPECT_GE(before[3 * i], 0);
      EXPECT_LE(before[3 * i], most) << "quantiles of its own bucket";
      EXPECT_GE(before[3 * i + 2], 0);
    }
  }
}

}  // namespace
}  // namespace upnext::ranking
