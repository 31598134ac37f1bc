#include "evaluation/calibration.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "base/rng.h"
#include "evaluation/evaluate.h"
#include "evaluation/test_pages.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "ranking/ranker_training.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using examples::kHour;
using examples::kMinute;
using ranking::Objective;
using schema::EventType;
using ::testing::ElementsAre;

TEST(CalibrationByTask, ComparesTheMeansOfTheImpressionsThatAnObjectiveObserves) {
  Objective like = Happening("like", EventType::kLike);
  like.observed.Add(EventType::kLike);
  like.observed.Add(EventType::kDislike);
  HandMade pages;
  pages.Add(0, 1, {.watch_s = 40, .events = {EventType::kLike}, .predictions = {30, 0.75f}});
  pages.Add(0, 1, {.watch_s = 0, .predictions = {10, 0.25f}});
  pages.Add(0, 1, {.watch_s = 4, .events = {EventType::kDislike}, .predictions = {20, 0.5f}});
  const auto tasks =
      CalibrationByTask({WatchedSeconds(), like, Happening("share", EventType::kShare)}, [&] {
        Impressions scored = pages.impressions;
        scored.predictions = {30, 0.75f, 0.5f, 10, 0.25f, 0.5f, 20, 0.5f, 0.5f};
        return scored;
      }());
  ASSERT_EQ(tasks.size(), 3u);
  EXPECT_EQ(tasks[0].objective, "watch");
  EXPECT_THAT(tasks[0].bins, ElementsAre(CalibrationBin{10, 0, 1}, CalibrationBin{20, 4, 1},
                                         CalibrationBin{30, 40, 1}));
  EXPECT_DOUBLE_EQ(tasks[0].slope, 2);
  EXPECT_DOUBLE_EQ(tasks[0].error, (10 + 16 + 10) / 3.0);
  EXPECT_THAT(tasks[1].bins, ElementsAre(CalibrationBin{0.5, 0, 1}, CalibrationBin{0.75, 1, 1}));
  EXPECT_EQ(tasks[2].bins.size(), 3u);
}

TEST(CalibrationByTask, LeavesOutWhatNoImpressionObserves) {
  Objective like = Happening("like", EventType::kLike);
  like.observed.Add(EventType::kLike);
  HandMade pages;
  pages.Add(0, 1, {.watch_s = 40, .predictions = {0.5f}});
  EXPECT_TRUE(CalibrationByTask({like}, pages.impressions).empty());
}

// Pages of five over ten days. Whether an item is clicked, how long it is watched and whether it
// is then liked or disliked: each by a probability of the item.
examples::WorldOptions ChanceWorld() {
  examples::WorldOptions options;
  base::Rng rng(5);
  constexpr uint32_t kItems = 30;
  for (uint32_t i = 0; i < kItems; ++i) {
    options.items.push_back(examples::Item(fmt::format("i{}", i), 100.0f));
  }
  for (uint32_t u = 0; u < 120; ++u) {
    const std::string user = fmt::format("u{}", u);
    for (int64_t page = 0; page < 40; ++page) {
      const int64_t at = page * 6 * kHour + static_cast<int64_t>(rng.Below(kHour));
      const std::string request = fmt::format("{}-{}", user, page);
      for (int64_t i = 0; i < 5; ++i) {
        const auto item = static_cast<uint32_t>(rng.Below(kItems));
        const std::string name = fmt::format("i{}", item);
        options.events.push_back(examples::Shown(user, name, at, request));
        if (rng.Uniform() > 0.1 + 0.02 * item) continue;
        const auto seconds = static_cast<float>(5 + rng.Below(10 + 5 * (item % 10)));
        options.events.push_back(examples::Click(user, name, at + kMinute + i, request));
        options.events.push_back(
            examples::Raw(user, name, at + 2 * kMinute + i, EventType::kWatch, seconds, request));
        if (rng.Below(2) == 0) continue;
        const bool likes = rng.Uniform() < 0.2 + 0.2 * (item % 4);
        options.events.push_back(examples::Raw(user, name, at + 3 * kMinute + i,
                                               likes ? EventType::kLike : EventType::kDislike,
                                               schema::kAbsent, request));
      }
    }
  }
  options.split = {
      .kind = examples::SplitOptions::Kind::kTime, .validation_days = 2, .test_days = 3};
  return options;
}

std::vector<Objective> TrainedObjectives() {
  Objective like = Happening("like", EventType::kLike);
  like.observed.Add(EventType::kLike);
  like.observed.Add(EventType::kDislike);
  like.loss_weight = 4;
  return {WatchedSeconds(),
          Happening("click", EventType::kClick),
          like,
          {.name = "completion", .label = Objective::Label::kCompletion},
          {.name = "ordinal",
           .label = Objective::Label::kWatchSeconds,
           .loss = Objective::Loss::kOrdinal,
           .buckets = 10,
           .loss_weight = 0.2f},
          {.name = "seconds",
           .label = Objective::Label::kWatchSeconds,
           .loss = Objective::Loss::kSquared,
           .loss_weight = 0.05f}};
}

TEST(CalibrationByTask, EV05_TheSlopeOfATrainedRankerIsOneForEachKindOfObjective) {
  const examples::World world(ChanceWorld());
  // What chance decides cannot be learned by heart.
  const features::FeatureStatistics tables = world.Learn(
      {.defaults = false,
       .retrieval = features::DefaultFeatures(features::Model::kRetrieval),
       .ranking = {{"item", "item", "the candidate"}, {"duration_s", "item.duration", "seconds"}}});
  base::ThreadPool pool(1);
  const auto trained = ranking::TrainRanker(
      world.source, tables, {.architecture = {.widths = {32, 16}}}, TrainedObjectives(),
      {.batch = 256, .epochs = 10, .learning_rate = 3e-3f, .decay = true, .bf16 = false}, pool,
      base::NoProgress());
  ASSERT_TRUE(trained) << trained.error().message;
  const auto report = Evaluate({world.source, tables, nullptr, trained->ranker.get()},
                               {.baselines = false}, pool, base::NoProgress());
  ASSERT_TRUE(report) << report.error().message;
  const std::vector<TaskCalibration>& tasks = report->ranking->calibration;
  ASSERT_EQ(tasks.size(), TrainedObjectives().size());
  for (const TaskCalibration& task : tasks) {
    EXPECT_NEAR(task.slope, 1, 0.1) << task.objective;
    const double range = task.bins.back().observed - task.bins.front().observed;
    EXPECT_LT(task.error, 0.1 * range) << task.objective;
  }
}

}  // namespace
}  // namespace upnext::evaluation
