#include "training/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"
#include "bundle/test_bundle.h"
#include "bundle/test_forge.h"
#include "log/event_log.h"
#include "ranking/ranker.h"
#include "schema/event.h"
#include "schema/raw_event.h"
#include "training/dataset.h"
#include "training/gate.h"
#include "training/test_project.h"

namespace upnext::training {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

const std::string kSmallProject =
    std::string("[split]\nvalidation_days = 1\ntest_days = 2\n") + kSmallModels;

// A project with the small log of bundle/test_bundle.h.
class JobTest : public testing::Test {
 protected:
  void SetUp() override {
    LoadProject(folder_.path(), kSmallProject, &project_, &options_);
    PublishLog(*project_, bundle::TestEvents(40), bundle::TestItems(40), bundle::TestUsers());
    ASSERT_EQ(project_->logs().Current().value_or(""), "v000001");
  }
  Result<JobResult> Run(const JobRequest& request = {}) {
    return RunJob(*project_, options_, request, pool_, base::NoProgress());
  }
  void RunAndPublish(const JobRequest& request = {}) {
    const Result<JobResult> result = Run(request);
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_TRUE(result->published) << result->manifest.gate;
  }
  std::string CurrentVersion() const { return project_->bundles().Current().value_or("none"); }
  std::string FileOf(const std::string& version, const char* name) const {
    return base::ReadFile(project_->bundles().Path(version) / name).value_or("");
  }
  std::vector<std::string> BundleFolder() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(project_->bundles().root())) {
      names.push_back(entry.path().filename());
    }
    return names;
  }
  base::TestFolder folder_;
  base::ThreadPool pool_{2};
  std::optional<project::Project> project_;
  Options options_;
};

TEST_F(JobTest, PublishesABundleOfBothStagesAndRemovesItsCheckpoints) {
  const Result<JobResult> result = Run();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->published);
  EXPECT_TRUE(result->report.retrieval && result->report.ranking);
  EXPECT_EQ(result->manifest.version, "v000001");
  EXPECT_EQ(result->manifest.log_version, "v000001");
  EXPECT_EQ(result->manifest.gate, "");
  EXPECT_FALSE(fs::exists(project_->checkpoints()));
  const auto opened = project_->OpenBundle(bundle::LogChoice::kTrainedOn);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_NE(opened->bundle->candidate(), nullptr);
  EXPECT_NE(opened->bundle->ranker(), nullptr);
  EXPECT_NE(opened->bundle->index(), nullptr);
  EXPECT_EQ(FileOf("v000001", "project.toml"), kSmallProject);
  EXPECT_THAT(BundleFolder(), UnorderedElementsAre("v000001", "CURRENT", "changes.log"));
}

TEST_F(JobTest, CG27_AModelThatReadsContentIsPublishedWithItsTower) {
  std::string toml = kSmallProject;
  toml.replace(toml.find("dim = 8"), 0, "items = \"content\"\n");
  LoadProject(folder_.path(), toml, &project_, &options_);
  RunAndPublish();
  const auto opened = project_->OpenBundle(bundle::LogChoice::kTrainedOn);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_TRUE(opened->bundle->candidate()->has_item_tower());
}

TEST_F(JobTest, ADamagedBundleStopsTheJobBeforeTrainingUnlessForced) {
  RunAndPublish();
  const fs::path damaged = project_->bundles().Path("v000001") / "validated.candidate.uxs";
  ASSERT_TRUE(base::WriteFileAtomic(damaged, "no model"));
  const Result<JobResult> result = Run();
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message,
              testing::AllOf(HasSubstr("validated.candidate.uxs"), HasSubstr("--force")));
  EXPECT_FALSE(fs::exists(project_->checkpoints()));
  RunAndPublish({.force = true});
}

TEST_F(JobTest, ABundleOfAnotherProgramIsReplacedWithANote) {
  RunAndPublish();
  nlohmann::json manifest = bundle::ReadJson(project_->bundles().Path("v000001") / "manifest.json");
  manifest["format"] = 1;
  bundle::Forge(project_->bundles().Path("v000001"), manifest);
  const Result<JobResult> result = Run();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->published);
  EXPECT_THAT(result->report.notes,
              testing::Contains(HasSubstr("not compared with bundle v000001")));
}

TEST_F(JobTest, OneStageAloneKeepsTheOtherModelOfTheCurrentBundle) {
  RunAndPublish();
  options_.SetSeed(2);
  RunAndPublish({.only = Stage::kRanking, .force = true});
  EXPECT_EQ(FileOf("v000002", "candidate.uxs"), FileOf("v000001", "candidate.uxs"));
  EXPECT_EQ(FileOf("v000002", "index.uxs"), FileOf("v000001", "index.uxs"));
  EXPECT_NE(FileOf("v000002", "ranker.uxs"), FileOf("v000001", "ranker.uxs"));
  RunAndPublish({.only = Stage::kRetrieval, .force = true});
  EXPECT_NE(FileOf("v000003", "candidate.uxs"), FileOf("v000001", "candidate.uxs"));
  EXPECT_EQ(FileOf("v000003", "ranker.uxs"), FileOf("v000002", "ranker.uxs"));
  EXPECT_TRUE(project_->OpenBundle(bundle::LogChoice::kTrainedOn));
}

TEST_F(JobTest, TheFirstBundleMayHoldOneStage) {
  RunAndPublish({.only = Stage::kRanking});
  const auto opened = project_->OpenBundle(bundle::LogChoice::kTrainedOn);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->bundle->candidate(), nullptr);
  EXPECT_NE(opened->bundle->ranker(), nullptr);
}

TEST_F(JobTest, OneStageAloneIsRefusedWhenTheFeaturesChangedAndLeavesNothingBehind) {
  RunAndPublish();
  options_.dataset.features.drop = {"age"};
  const Result<JobResult> result = Run({.only = Stage::kRanking});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(result.error().message,
              testing::AllOf(HasSubstr("--only ranking"), HasSubstr("no longer fits"),
                             HasSubstr("train without --only")));
  EXPECT_EQ(CurrentVersion(), "v000001");
  EXPECT_THAT(BundleFolder(), UnorderedElementsAre("v000001", "CURRENT", "changes.log"));
  EXPECT_FALSE(fs::exists(project_->checkpoints())) << "refused before training";
}

class Stages : public base::Progress {
 public:
  void Begin(std::string_view stage, std::string_view, uint64_t) override {
    names.emplace_back(stage);
  }
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
  std::vector<std::string> names;
};

TEST_F(JobTest, ARankerThatCannotBeMadeIsRefusedBeforeAnyTraining) {
  const auto why_not = [&] {
    Stages stages;
    const Result<JobResult> result = RunJob(*project_, options_, {}, pool_, stages);
    EXPECT_THAT(stages.names, testing::Not(testing::Contains(testing::StartsWith("train "))));
    return result ? "trained" : result.error().message;
  };
  const ranking::RankerOptions good = options_.train.ranker;
  options_.train.ranker.architecture = {.name = "linear"};
  options_.train.ranker.match = {.name = "mmoe", .task_widths = {32}};
  EXPECT_THAT(why_not(), HasSubstr("[ranking.match]"));
  options_.train.ranker = good;
  options_.train.ranker.bias = {.method = ranking::BiasMethod::kTower};
  for (ranking::Objective& objective : options_.train.objectives) objective.position_bias = false;
  EXPECT_THAT(why_not(), HasSubstr("position_bias = true"));
  options_.train.ranker = good;
  Stages stages;
  ASSERT_TRUE(RunJob(*project_, options_, {}, pool_, stages));
  EXPECT_THAT(stages.names, testing::Contains(testing::StartsWith("train ")));
}

// Asks to stop as soon as the ranker is trained.
class StopInRanking : public base::Progress {
 public:
  void Begin(std::string_view stage, std::string_view, uint64_t) override {
    stop_ = stop_ || stage.find("rank") != std::string_view::npos;
  }
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
  bool stop_requested() const override { return stop_; }

 private:
  bool stop_ = false;
};

TEST_F(JobTest, AStoppedJobLeavesCheckpointsAndPublishesTheSameWhenItIsResumed) {
  StopInRanking stop;
  const auto stopped = RunJob(*project_, options_, {}, pool_, stop);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_TRUE(BundleFolder().empty());
  EXPECT_TRUE(fs::exists(project_->checkpoints() / "retrieval.uxs"));
  RunAndPublish({.resume = true});
  ASSERT_TRUE(base::RemoveAll(project_->bundles().root() / "CURRENT"));
  RunAndPublish();  // as if nothing had happened
  for (const char* file : {"candidate.uxs", "ranker.uxs", "validated.candidate.uxs",
                           "validated.ranker.uxs", "report.json"}) {
    EXPECT_EQ(FileOf("v000001", file), FileOf("v000002", file)) << file;
    EXPECT_NE(FileOf("v000001", file), "") << file;
  }
}

// Of a larger ensemble: a training anew removes what it does not replace, and its end the rest.
TEST_F(JobTest, CheckpointsOfModelsThatAreNoLongerTrainedAreRemoved) {
  const auto checkpoint = [&](const char* name) {
    return fs::exists(project_->checkpoints() / name);
  };
  const auto stop_in_ranking = [&](const JobRequest& request = {}) {
    StopInRanking stop;
    ASSERT_FALSE(RunJob(*project_, options_, request, pool_, stop));
    ASSERT_TRUE(checkpoint("retrieval.uxs"));
  };
  const auto load = [&](const std::string& ensemble) {
    std::string toml = kSmallProject;
    toml.replace(toml.find("[retrieval]\n"), 12, "[retrieval]\n" + ensemble);
    LoadProject(folder_.path(), toml, &project_, &options_);
  };
  load("ensemble = 2\n");
  stop_in_ranking();
  ASSERT_TRUE(checkpoint("retrieval-2.uxs"));
  stop_in_ranking({.resume = true});
  EXPECT_TRUE(checkpoint("retrieval-2.uxs"));
  load("");
  ASSERT_TRUE(
      base::WriteFileAtomic(project_->checkpoints() / "final-retrieval-2.uxs", "of another"));
  stop_in_ranking();
  EXPECT_FALSE(checkpoint("retrieval-2.uxs"));
  EXPECT_TRUE(checkpoint("final-retrieval-2.uxs"));
  ASSERT_TRUE(
      base::WriteFileAtomic(project_->checkpoints() / "retrieval-3.best.uxs", "of another"));
  RunAndPublish({.resume = true});
  EXPECT_FALSE(fs::exists(project_->checkpoints()));
}

// Without ONNX Runtime: nothing is held out, so only the manifest of the current bundle is read.
TEST_F(JobTest, AfterABundleWithANetworkOfOthersATrainingWithoutARankerIsRefused) {
  RunAndPublish();
  const fs::path current = project_->bundles().Path("v000001");
  nlohmann::json manifest = bundle::ReadJson(current / "manifest.json");
  std::vector<std::string> names;
  for (nlohmann::json& part : manifest["parts"]) {
    if (part["name"] == bundle::RankerType().name) part["name"] = bundle::OnnxRankerType().name;
    names.push_back(part["name"]);
  }
  ASSERT_THAT(names, testing::Contains(bundle::OnnxRankerType().name));
  bundle::Forge(current, manifest);
  LoadProject(folder_.path(), std::string("[split]\nkind = \"none\"\n") + kSmallModels, &project_,
              &options_);
  std::vector<schema::RawEvent> events = bundle::TestEvents(40);
  std::erase_if(events, [](const schema::RawEvent& event) {
    return event.type == schema::EventType::kImpression;
  });
  PublishLog(*project_, events, bundle::TestItems(40), bundle::TestUsers());
  const Result<JobResult> result = Run();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_FALSE(result->published);
  EXPECT_THAT(result->manifest.gate,
              HasSubstr("the new bundle has no ranking model, and bundle v000001 has one"));
  EXPECT_EQ(CurrentVersion(), "v000001");
}

// Likewise. A training has a candidate model or fails, so that the gate is asked directly.
TEST_F(JobTest, ANetworkOfOthersCountsAsTheCandidateModelOfTheCurrentBundle) {
  RunAndPublish();
  const fs::path current = project_->bundles().Path("v000001");
  nlohmann::json manifest = bundle::ReadJson(current / "manifest.json");
  for (nlohmann::json& part : manifest["parts"]) {
    if (part["name"] == bundle::CandidateType().name) {
      part["name"] = bundle::OnnxEncoderType().name;
    }
  }
  bundle::Forge(current, manifest);
  LoadProject(folder_.path(), std::string("[split]\nkind = \"none\"\n") + kSmallModels, &project_,
              &options_);
  const Result<log::EventLog> log = project_->OpenLog();
  ASSERT_TRUE(log) << log.error().message;
  const auto dataset = Dataset::Prepare(*log, options_.dataset, pool_, base::NoProgress());
  ASSERT_TRUE(dataset) << dataset.error().message;
  const Result<CurrentFigures> figures =
      EvaluateCurrent(*project_, **dataset, options_.evaluate, pool_, base::NoProgress());
  ASSERT_TRUE(figures) << figures.error().message;
  EXPECT_TRUE(figures->has_candidate);
  evaluation::Report report;
  EXPECT_THAT(Judge(*figures, {}, {}, options_.margin, &report),
              HasSubstr("the new bundle has no retrieval model, and bundle v000001 has one"));
}

TEST_F(JobTest, AProjectThatIsLockedIsLeftAlone) {
  const auto lock = project_->Lock();
  ASSERT_TRUE(lock) << lock.error().message;
  const Result<JobResult> result = Run();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kAborted);
}

}  // namespace
}  // namespace upnext::training
