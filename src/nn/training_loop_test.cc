#include "nn/training_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <memory>

#include "base/file.h"
#include "base/test_folder.h"
#include "nn/test_regression.h"

namespace upnext::nn {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class TrainingLoop : public testing::Test {
 protected:
  TrainingLoop() {
    options_.model = "regression";
    options_.tasks = {""};
    options_.epochs = 4;
    options_.patience = 2;
    options_.advice = "lower the rate";
    options_.checkpoints.folder = folder_.path() / "training";
    options_.checkpoints.name = "regression";
    options_.checkpoints.binding = {"dim = 4", "seed = 7"};
  }

  std::filesystem::path Newest() const { return folder_.path() / "training" / "regression.uxs"; }
  std::filesystem::path Best() const { return folder_.path() / "training" / "regression.best.uxs"; }
  Result<TrainingReport> Run(Regression& training) {
    return RunTraining(training, options_, base::NoProgress());
  }
  TrainingOptions Resuming() const {
    TrainingOptions options = options_;
    options.checkpoints.resume = true;
    return options;
  }
  // The parameters of a training without interruption or checkpoints.
  std::vector<float> Uninterrupted(const std::vector<double>& validation, bool decay = false) {
    Regression training;
    training.validation_ = validation;
    training.decay_ = decay;
    TrainingOptions options = options_;
    options.checkpoints = {};
    EXPECT_TRUE(RunTraining(training, options, base::NoProgress()));
    return training.Values();
  }

  base::TestFolder folder_;
  TrainingOptions options_;
};

TEST_F(TrainingLoop, TR04_StoppedAnywhereAndResumedItGivesTheSameBytes) {
  const std::vector<double> validation = {1, 3, 2, 2.5};  // the second epoch is the best
  const std::vector<float> expected = Uninterrupted(validation, /*decay=*/true);
  for (const uint64_t stop : {0u, 1u, 17u, 39u, 40u, 41u, 100u, 159u}) {
    SCOPED_TRACE(stop);
    Regression first;
    first.validation_ = validation;
    first.decay_ = true;
    StopAfter progress(stop);
    const auto stopped = RunTraining(first, options_, progress);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Code::kCancelled);
    EXPECT_THAT(stopped.error().message,
                AllOf(HasSubstr("--resume"), HasSubstr(Newest().string())));
    Regression second;
    second.validation_ = validation;
    second.decay_ = true;
    const auto resumed = RunTraining(second, Resuming(), base::NoProgress());
    ASSERT_TRUE(resumed) << resumed.error().message;
    EXPECT_EQ(first.steps_ + second.steps_, 4 * Regression::kSteps)
        << "a step was done twice, or not at all";
    EXPECT_EQ(second.Values(), expected);
    EXPECT_EQ(resumed->best_epoch, 1u);
    ASSERT_EQ(resumed->epochs.size(), 4u);
    EXPECT_GT(resumed->epochs[0].loss, resumed->epochs[3].loss);
  }
}

TEST_F(TrainingLoop, TR04_StoppedAtEveryStepItStillGivesTheSameBytes) {
  options_.epochs = 2;
  const std::vector<float> expected = Uninterrupted({2, 1});
  for (int runs = 1;; ++runs) {
    Regression training;
    training.validation_ = {2, 1};
    // One query before each step that is skipped, and several for each step that is run.
    StopAfter progress((static_cast<uint64_t>(runs) - 1) % Regression::kSteps + 1);
    const auto trained = RunTraining(training, Resuming(), progress);
    if (!trained) {
      ASSERT_EQ(trained.error().code, Code::kCancelled) << trained.error().message;
      ASSERT_LT(runs, 200);
      continue;
    }
    EXPECT_GT(runs, 10);
    EXPECT_EQ(training.Values(), expected);
    break;
  }
}

TEST_F(TrainingLoop, TR02_TheOptimiserIsOfTheBestEpochIfItIsKeptAlsoWhenResumed) {
  Regression two;  // as many epochs as to the best one
  two.validation_ = {1, 2};
  TrainingOptions no_files = options_;
  no_files.checkpoints = {};
  no_files.epochs = 2;
  ASSERT_TRUE(RunTraining(two, no_files, base::NoProgress()));
  no_files.epochs = options_.epochs;
  no_files.keep_optimiser = options_.keep_optimiser = true;
  Regression in_memory, on_disk, resumed;
  for (Regression* one : {&in_memory, &on_disk, &resumed}) one->validation_ = {1, 2, 0, 1};
  ASSERT_TRUE(RunTraining(in_memory, no_files, base::NoProgress()));
  EXPECT_EQ(in_memory.AllValues(), two.AllValues());
  ASSERT_TRUE(Run(on_disk));
  EXPECT_EQ(on_disk.AllValues(), two.AllValues());
  ASSERT_TRUE(RunTraining(resumed, Resuming(), base::NoProgress()));
  EXPECT_EQ(resumed.steps_, 0u) << "it was finished";
  EXPECT_EQ(resumed.AllValues(), two.AllValues());
  EXPECT_EQ(resumed.rng().state(), on_disk.rng().state());
}

TEST_F(TrainingLoop, KeepsTheBestEpochOnDiskOnlyWhileItIsAnother) {
  Regression training;
  training.validation_ = {1, 2, 3, 4};
  ASSERT_TRUE(Run(training));
  EXPECT_TRUE(std::filesystem::exists(Newest()));
  EXPECT_FALSE(std::filesystem::exists(Best()));
  Regression again;
  again.validation_ = {3, 2, 2, 2};  // the first is the best: restored from its file
  const auto report = Run(again);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->epochs.size(), 3u) << "patience";
  EXPECT_EQ(again.Values(), Uninterrupted({3, 2, 2, 2}));
  EXPECT_FALSE(std::filesystem::exists(Best()));
}

TEST_F(TrainingLoop, StopAfterGivesTheModelOfThatEpochOfTheScheduleWhateverValidationSays) {
  const std::vector<float> second = Uninterrupted({1, 3, 2, 2}, /*decay=*/true);
  options_.stop_after = 2;
  Regression training;
  training.validation_ = {2, 1};
  training.decay_ = true;
  ASSERT_TRUE(Run(training));
  EXPECT_EQ(training.steps_, 2 * Regression::kSteps);
  EXPECT_EQ(training.Values(), second);
}

TEST_F(TrainingLoop, AFinishedTrainingIsNotTrainedAgain) {
  Regression first;
  first.validation_ = {3, 2, 2, 2};
  ASSERT_TRUE(Run(first));
  Regression second;
  const auto report = RunTraining(second, Resuming(), base::NoProgress());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(second.steps_, 0u);
  EXPECT_EQ(second.Values(), first.Values());
  EXPECT_EQ(report->epochs.size(), 3u);
  TrainingCheckpoints checkpoints(options_.checkpoints);
  ASSERT_TRUE(checkpoints.Remove());
  EXPECT_FALSE(std::filesystem::exists(options_.checkpoints.folder));
}

TEST_F(TrainingLoop, KilledWhileReplacingTheBestEpochsCheckpointItResumesFromThat) {
  const std::vector<double> validation = {3, 2, 4, 5};
  Regression first;
  first.validation_ = validation;
  StopAfter progress(Regression::kSteps + 5);  // within the second epoch
  ASSERT_FALSE(RunTraining(first, options_, progress));
  ASSERT_TRUE(std::filesystem::exists(Best()));
  // The state after a kill between the two renames, and an incomplete file.
  std::filesystem::rename(Newest(), Newest().string() + ".tmp-1-1");
  Regression second;
  second.validation_ = validation;
  const auto report = RunTraining(second, Resuming(), base::NoProgress());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(second.steps_, 3 * Regression::kSteps) << "from the end of the first epoch";
  EXPECT_EQ(second.Values(), Uninterrupted(validation));
  EXPECT_FALSE(std::filesystem::exists(Newest().string() + ".tmp-1-1"));
}

TEST_F(TrainingLoop, AnotherBindingIsRefusedAndSaysWhatDiffers) {
  Regression first;
  StopAfter progress(20);
  ASSERT_FALSE(RunTraining(first, options_, progress));
  const std::string before = *base::ReadFile(Newest());
  options_.checkpoints.binding = {"dim = 5", "seed = 7", "wide = true"};
  Regression second;
  const auto refused = RunTraining(second, Resuming(), base::NoProgress());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message,
              AllOf(HasSubstr("dim was 4 and is 5; wide was not set and is true"),
                    HasSubstr("without --resume"), Not(HasSubstr("seed"))));
  EXPECT_TRUE(*base::ReadFile(Newest()) == before) << "a refusal must leave the checkpoint alone";
}

TEST_F(TrainingLoop, ResumingWithoutACheckpointStartsOverWithANote) {
  Regression training;
  StopAfter progress(1'000'000);
  ASSERT_TRUE(RunTraining(training, Resuming(), progress));
  EXPECT_THAT(progress.notes_, HasSubstr("no checkpoint to resume from, training starts over"));
  EXPECT_EQ(training.steps_, 4 * Regression::kSteps);
}

TEST_F(TrainingLoop, StartingOverWithACheckpointPresentAddsANote) {
  Regression first, second;
  StopAfter stop(50), progress(1'000'000);
  ASSERT_FALSE(RunTraining(first, options_, stop));
  ASSERT_TRUE(RunTraining(second, options_, progress));
  EXPECT_THAT(progress.notes_, HasSubstr("will replace the checkpoint of an earlier one"));
  EXPECT_EQ(second.Values(), Uninterrupted({}));
}

TEST_F(TrainingLoop, ADamagedCheckpointIsRefused) {
  Regression first;
  StopAfter progress(50);
  ASSERT_FALSE(RunTraining(first, options_, progress));
  const std::string good = *base::ReadFile(Newest());
  for (size_t at = 0; at < good.size(); at += 97) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    ASSERT_TRUE(base::WriteFileAtomic(Newest(), bad));
    Regression second;
    const auto refused = RunTraining(second, Resuming(), base::NoProgress());
    ASSERT_FALSE(refused) << "byte " << at;
    EXPECT_EQ(refused.error().code, Code::kDataLoss) << refused.error().message;
    EXPECT_THAT(refused.error().message, HasSubstr("without --resume"));
  }
}

TEST_F(TrainingLoop, TR05_NanInParametersStopsBeforeTheGoodCheckpointIsReplaced) {
  Regression training;
  training.poisoned_ = Regression::kSteps + 12;
  const auto diverged = Run(training);
  ASSERT_FALSE(diverged);
  EXPECT_EQ(diverged.error().code, Code::kInternal);
  EXPECT_THAT(diverged.error().message,
              AllOf(HasSubstr("diverged in epoch 2, step 13"), HasSubstr("lower the rate"),
                    HasSubstr("last good checkpoint, of the beginning of epoch 2"),
                    HasSubstr(Newest().string()), HasSubstr("--resume")));
  Regression second;
  const auto resumed = RunTraining(second, Resuming(), base::NoProgress());
  ASSERT_TRUE(resumed) << resumed.error().message;
  EXPECT_EQ(second.Values(), Uninterrupted({}));
}

TEST_F(TrainingLoop, TR05_NanInTheLastStepOfAnEpochIsSeenBeforeItIsSaved) {
  Regression training;
  training.poisoned_ = Regression::kSteps;
  const auto diverged = Run(training);
  ASSERT_FALSE(diverged);
  EXPECT_THAT(diverged.error().message,
              AllOf(HasSubstr("tower.0.weight"), HasSubstr("There was no checkpoint yet")));
  EXPECT_FALSE(std::filesystem::exists(Newest()));
}

TEST_F(TrainingLoop, TR05_AStopAfterTheHarmKeepsTheCheckpointBefore) {
  Regression training;
  training.poisoned_ = Regression::kSteps + 12;
  StopAfter progress(Regression::kSteps + 12);
  const auto stopped = RunTraining(training, options_, progress);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_THAT(stopped.error().message, HasSubstr("checkpoint of the beginning of epoch 2"));
  Regression second;
  ASSERT_TRUE(RunTraining(second, Resuming(), base::NoProgress()));
  EXPECT_EQ(second.steps_, 3 * Regression::kSteps);
}

TEST_F(TrainingLoop, TR05_AnExplodingLossStops) {
  Regression training(/*learning_rate=*/1e3f);
  const auto diverged = Run(training);
  ASSERT_FALSE(diverged);
  EXPECT_THAT(diverged.error().message, AllOf(HasSubstr("times that of a constant prediction"),
                                              HasSubstr("epoch 1, step 16")));
}

TEST_F(TrainingLoop, TR05_DeadUnitsAboveTheShareStop) {
  Regression training;
  training.dead_ = true;
  options_.max_dead_units = 1.0;
  EXPECT_TRUE(Run(training)) << "0.95 is less than all";
  options_.max_dead_units = 0.9;
  Regression again;
  again.dead_ = true;
  const auto diverged = Run(again);
  ASSERT_FALSE(diverged);
  EXPECT_THAT(diverged.error().message, HasSubstr("95 % of the units of a layer"));
}

TEST_F(TrainingLoop, CheckpointsComeInTimeAndWithoutAFolderNotAtAll) {
  options_.checkpoints.minutes = 1e-9;  // at every check: every 16 steps
  options_.epochs = 1;
  Regression training;
  training.poisoned_ = 37;
  const auto diverged = Run(training);
  ASSERT_FALSE(diverged);
  EXPECT_THAT(diverged.error().message, HasSubstr("of epoch 1, step 32"));
  options_.checkpoints.folder.clear();
  Regression again;
  StopAfter progress(20);
  const auto stopped = RunTraining(again, options_, progress);
  ASSERT_FALSE(stopped);
  EXPECT_THAT(stopped.error().message, Not(HasSubstr("resume")));
}

TEST_F(TrainingLoop, ACheckpointThatCannotBeWrittenIsAnError) {
  ASSERT_TRUE(base::WriteFileAtomic(folder_.path() / "training", "in the way"));
  Regression training;
  const auto failed = Run(training);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("training"));
}

// A value of /proc/self/status in bytes, e.g. VmRSS.
size_t Memory(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    size_t kilobytes = 0;
    if (word == name + ":" && status >> kilobytes) return kilobytes << 10;
  }
  return 0;
}

// With a table so large that a second copy of it would show.
class LargeRegression : public Regression {
 public:
  std::vector<Parameter> ModelParameters() override {
    std::vector<Parameter> parameters = Regression::ModelParameters();
    parameters.push_back({.name = "table", .shape = {table_.size()}, .value = table_});
    return parameters;
  }
  size_t bytes() const { return table_.size() * sizeof(float); }

 private:
  std::vector<float> table_ = std::vector<float>(size_t{24} << 20, 1.0f);
};

TEST_F(TrainingLoop, CheckpointsAndTheBestEpochTakeNoMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory hides what is measured";
#endif
  options_.epochs = 3;
  LargeRegression training;
  training.validation_ = {1, 3, 2};  // the best epoch has to be restored
  const size_t before = Memory("VmRSS");
  // Resets the peak to the current resident size; not every system supports that.
  std::ofstream("/proc/self/clear_refs") << "5" << std::flush;
  if (Memory("VmHWM") > before + training.bytes() / 10) GTEST_SKIP() << "cannot measure the peak";
  ASSERT_TRUE(Run(training));
  EXPECT_LT(Memory("VmHWM") - before, training.bytes() / 4);
  LargeRegression resumed;
  const size_t before_resume = Memory("VmRSS");
  std::ofstream("/proc/self/clear_refs") << "5" << std::flush;
  const auto report = RunTraining(resumed, Resuming(), base::NoProgress());
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_LT(Memory("VmHWM") - before_resume, resumed.bytes() / 4);
}

}  // namespace
}  // namespace upnext::nn
