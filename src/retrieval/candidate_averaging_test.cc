// Averages of weights and falling rates, in the trainer and over whole trainings.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/config.h"
#include "base/test_folder.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "kernels/gemm.h"
#include "nn/parameter.h"
#include "retrieval/candidate_trainer.h"
#include "retrieval/candidate_training.h"
#include "retrieval/candidate_validation.h"
#include "retrieval/test_batch.h"
#include "retrieval/test_planted.h"
#include "retrieval/test_trainer.h"

namespace upnext::retrieval {
namespace {

using TableOptimiser = CandidateTrainOptions::TableOptimiser;
using Schedule = CandidateTrainOptions::Schedule;

std::vector<float> AllValues(CandidateModel& model) {
  std::vector<float> values;
  for (const nn::Parameter& p : model.Parameters()) {
    values.insert(values.end(), p.value.begin(), p.value.end());
  }
  return values;
}

CandidateTrainOptions GentleOptions() {
  CandidateTrainOptions options = ExactOptions();
  options.table_learning_rate = 0.1f;
  options.tower_learning_rate = 0.01f;
  return options;
}

TEST(CandidateAverages, OfEveryParameterAreThoseOfADenseReference) {
  for (const auto optimiser : {TableOptimiser::kAdagrad, TableOptimiser::kAdam}) {
    for (const bool tied : {false, true}) {
      CandidateTrainOptions options = GentleOptions();
      options.table_optimiser = optimiser;
      options.average_decay = 0.8;
      Rig rig(StepOptions(1, tied), options);
      std::vector<double> sums(AllValues(rig.model).size());
      double total = 0;
      for (uint64_t step = 0; step < 20; ++step) {
        // Batches of two, so that most rows of tables are left alone.
        rig.batch = RandomBatch(2, SmallShape(), /*seed=*/100 + step);
        rig.trainer.Step(rig.batch);
        const std::vector<float> now = AllValues(rig.model);
        total = total * options.average_decay + 1;
        for (size_t i = 0; i < sums.size(); ++i) {
          sums[i] = sums[i] * options.average_decay + double{now[i]};
        }
      }
      const std::vector<float> weights = AllValues(rig.model);
      rig.trainer.average()->CatchUp(&rig.pool);
      rig.trainer.average()->Swap();
      const std::vector<float> averages = AllValues(rig.model);
      for (size_t i = 0; i < sums.size(); ++i) {
        ASSERT_NEAR(double{averages[i]}, sums[i] / total, 2e-6) << i;
      }
      EXPECT_NE(averages, weights);
    }
  }
}

TEST(CandidateAverages, AreWhatIsValidatedAndPublished) {
  const examples::World world(PlantedLog(60, examples::SplitOptions::Kind::kLeaveOneOut));
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 3;
  Trained plain(world, SmallModel(), options);
  options.average_decay = 0.95;
  Trained averaged(world, SmallModel(), options);
  const CandidateValidation validation(world.source, averaged.tables,
                                       examples::SplitPart::kValidation, {}, UINT32_MAX,
                                       averaged.pool);
  const auto& report = averaged.result;
  EXPECT_EQ(validation.Ndcg(*report.model, {kernels::Precision::kFp32, &averaged.pool}),
            report.epochs[report.best_epoch].validation);
  // Steps are taken from the weights, not from the averages.
  for (size_t epoch = 0; epoch < 3; ++epoch) {
    EXPECT_EQ(report.epochs[epoch].loss, plain.result.epochs[epoch].loss);
  }
  EXPECT_NE(AllValues(*averaged.result.model), AllValues(*plain.result.model));
}

TEST(CandidateAverages, TR04_StoppedAndResumedTheyAreTheSameBytes) {
  const examples::World world(PlantedLog(60, examples::SplitOptions::Kind::kLeaveOneOut));
  const features::FeatureStatistics tables = world.Learn();
  const base::TestFolder folder;
  base::ThreadPool pool(2);
  CandidateTrainOptions options = QuickTraining();
  options.epochs = 3;
  options.negatives = 24;
  options.average_decay = 0.9;
  options.rate_schedule = Schedule::kCosine;
  options.warmup_epochs = 0.5;
  const auto train = [&](base::Progress& progress) {
    return TrainCandidateModel(world.source, tables, SmallModel(2), options, pool, progress);
  };
  const auto whole = train(base::NoProgress());
  ASSERT_TRUE(whole) << whole.error().message;
  options.checkpoints.folder = folder / "training";
  options.checkpoints.name = "retrieval";
  options.checkpoints.resume = true;
  for (const int asks : {7, 25}) {  // within the first epoch, and within a later one
    StopAfter stop(asks);
    ASSERT_FALSE(train(stop));
  }
  const auto resumed = train(base::NoProgress());
  ASSERT_TRUE(resumed) << resumed.error().message;
  EXPECT_EQ(AllValues(*resumed->model), AllValues(*whole->model));
}

TEST(CandidateRates, SetThoseOfTablesAndTower) {
  for (const auto optimiser : {TableOptimiser::kAdagrad, TableOptimiser::kAdam}) {
    CandidateTrainOptions options = GentleOptions();
    options.table_optimiser = optimiser;
    Rig rig(StepOptions(1), options);
    const std::vector<float> before = AllValues(rig.model);
    rig.trainer.ScaleLearningRates(0);
    rig.trainer.Step(rig.batch);
    EXPECT_EQ(AllValues(rig.model), before);
    rig.trainer.ScaleLearningRates(1);
    rig.trainer.Step(rig.batch);
    EXPECT_NE(AllValues(rig.model), before);
  }
}

TEST(CandidateRates, RiseInTheWarmUpAndThenFollowTheirSchedule) {
  CandidateTrainOptions options;
  options.epochs = 10;
  EXPECT_EQ(options.RateShare(0), 1);
  EXPECT_EQ(options.RateShare(0.9), 1);
  options.warmup_epochs = 2;
  EXPECT_EQ(options.RateShare(0), 0);
  EXPECT_NEAR(options.RateShare(0.05), 0.25, 1e-12);
  EXPECT_EQ(options.RateShare(0.2), 1);
  EXPECT_EQ(options.RateShare(1), 1);
  options.rate_schedule = Schedule::kLinear;
  EXPECT_NEAR(options.RateShare(0.1), 0.5, 1e-12);
  EXPECT_NEAR(options.RateShare(0.4), 0.75, 1e-12);
  EXPECT_NEAR(options.RateShare(1), 0, 1e-12);
  options.rate_schedule = Schedule::kCosine;
  EXPECT_NEAR(options.RateShare(0.2), 1, 1e-12);
  EXPECT_NEAR(options.RateShare(0.6), 0.5, 1e-12);
  EXPECT_NEAR(options.RateShare(0.4), 0.8535533905932737, 1e-12);
  EXPECT_NEAR(options.RateShare(1), 0, 1e-12);
}

// A training whose rate falls to 0 moves less in its last epoch than in its first.
TEST(CandidateRates, FallOverThePlannedEpochsOfATraining) {
  const examples::World world(PlantedLog(60, examples::SplitOptions::Kind::kNone));
  const auto moved = [&](Schedule schedule, uint32_t epochs) {
    CandidateTrainOptions options = QuickTraining();
    options.epochs = 8;
    options.rate_schedule = schedule;
    const auto after = [&](uint32_t n) {
      options.stop_after = n;
      Trained trained(world, SmallModel(), options);
      return AllValues(*trained.result.model);
    };
    const std::vector<float> from = after(epochs - 1), to = after(epochs);
    double squares = 0;
    for (size_t i = 0; i < from.size(); ++i) {
      squares += (double{to[i]} - double{from[i]}) * (double{to[i]} - double{from[i]});
    }
    return std::sqrt(squares);
  };
  EXPECT_LT(moved(Schedule::kLinear, 8), 0.3 * moved(Schedule::kConstant, 8));
  EXPECT_LT(moved(Schedule::kCosine, 8), 0.2 * moved(Schedule::kConstant, 8));
}

TEST(CandidateRates, OptionsAreReadAndBounded) {
  const auto read = [](const std::string& text) {
    const auto config = base::Config::Parse("[retrieval]\n" + text, "test");
    EXPECT_TRUE(config);
    const auto options = CandidateTrainOptions::FromConfig(config->Table("retrieval"));
    const Status checked = config->Check();
    return std::pair(options, checked ? std::string() : checked.error().message);
  };
  const auto [options, mistakes] =
      read("average_decay = 0.99\nrate_schedule = \"cosine\"\nwarmup_epochs = 0.5\n");
  EXPECT_EQ(mistakes, "");
  EXPECT_EQ(options.average_decay, 0.99);
  EXPECT_EQ(options.rate_schedule, Schedule::kCosine);
  EXPECT_EQ(options.warmup_epochs, 0.5);
  using testing::HasSubstr;
  EXPECT_THAT(read("average_decay = 1.5\n").second, HasSubstr("average_decay"));
  EXPECT_THAT(read("average_decay = 0.9\ntable_precision = \"bf16\"\n").second,
              HasSubstr("expected 0 with tables in bf16, found 0.9"));
  EXPECT_THAT(read("epochs = 2\nwarmup_epochs = 2\n").second,
              HasSubstr("expected less than epochs (2), found 2"));
}

}  // namespace
}  // namespace upnext::retrieval
