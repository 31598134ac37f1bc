// The reference candidate model of the ranker's features (RK-16), in whole trainings on a log whose
// clicks follow nothing but the dot product.
#include "training/reference.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "base/time_text.h"
#include "bundle/validated_models.h"
#include "evaluation/report.h"
#include "examples/ranking_stream.h"
#include "examples/replay.h"
#include "features/feature_extractor.h"
#include "features/retrieval_reference.h"
#include "log/append.h"
#include "log/event_log.h"
#include "ranking/ranker.h"
#include "schema/event.h"
#include "training/dataset.h"
#include "training/job.h"
#include "training/test_planted_site.h"
#include "training/test_project.h"

namespace upnext::training {
namespace {

namespace fs = std::filesystem;
using examples::SplitPart;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// How many examples each training of a ranker was to see.
class RankerTrainings : public base::Progress {
 public:
  explicit RankerTrainings(std::string stop_at = "") : stop_at_(std::move(stop_at)) {}
  void Begin(std::string_view stage, std::string_view, uint64_t total) override {
    stages.emplace_back(stage);
    if (stage == "train ranker") examples.push_back(total);
    if (stage == stop_at_) stop_ = true;
  }
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { notes.emplace_back(line); }
  bool stop_requested() const override { return stop_; }
  std::vector<uint64_t> examples;
  std::vector<std::string> stages, notes;

 private:
  const std::string stop_at_;
  bool stop_ = false;
};

class ReferenceTest : public testing::Test {
 protected:
  void SetUp() override {
    Load(std::string(kPlantedSite) + kDotProduct + kUserVector);
    PublishLog(*project_, PlantedEvents(kPlantedDays), PlantedCatalogue(), {});
  }
  void Load(const std::string& toml) {
    LoadProject(folder_.path(), toml, &project_, &options_);
    options_.margin = 1;
  }
  void Publish(const JobRequest& request = {}, base::Progress& progress = base::NoProgress()) {
    const auto result = RunJob(*project_, options_, request, pool_, progress);
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_TRUE(result->published) << result->manifest.gate << result->nothing_new;
    report_ = result->report;
  }
  std::string WhyRefused(const JobRequest& request = {}) {
    const auto result = RunJob(*project_, options_, request, pool_, base::NoProgress());
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
  }
  void Append(uint32_t day) {
    base::VersionedRoot logs = project_->logs();
    const auto base = project_->OpenLog();
    const auto staged = logs.Begin();
    ASSERT_TRUE(base && staged);
    const Status written = log::WriteAppendedLog(*staged, *base, PlantedDay(day), {}, {});
    ASSERT_TRUE(written) << written.error().message;
    const auto version = logs.Publish(*staged);
    ASSERT_TRUE(version && logs.SetCurrent(*version));
  }
  std::string FileOf(const std::string& version, const std::string& name) const {
    return base::ReadFile(project_->bundles().Path(version) / name).value_or("");
  }
  void ExpectSameFile(const std::string& name, const char* a = "v000001",
                      const char* b = "v000002") const {
    EXPECT_NE(FileOf(a, name), "") << name;
    EXPECT_EQ(FileOf(a, name), FileOf(b, name)) << name;
  }
  bundle::OpenedBundle Open() const {
    auto opened = project_->OpenBundle(bundle::LogChoice::kTrainedOn);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? *std::move(opened) : bundle::OpenedBundle{};
  }
  uint64_t ImpressionsBetween(const log::EventLog& log, int64_t begin_ms, int64_t end_ms) const {
    uint64_t n = 0;
    for (uint64_t row = 0; row < log.events(); ++row) {
      n += log.type(row) == schema::EventType::kImpression && log.time_ms(row) >= begin_ms &&
           log.time_ms(row) < end_ms;
    }
    return n;
  }
  // Mean log loss of clicks in the test part, of a ranker that has not seen it.
  double TestLoss() {
    options_.final_fit = false;
    Publish({.force = true});
    const bundle::OpenedBundle opened = Open();
    const auto dataset = Dataset::With(opened.log, options_.dataset, opened.bundle->tables());
    EXPECT_TRUE(dataset) << dataset.error().message;
    examples::RankingStream stream((*dataset)->source(), (*dataset)->statistics(),
                                   {.part = SplitPart::kTest, .shuffle = false}, pool_);
    examples::RankingBatch batch;
    stream.StartEpoch(0);
    EXPECT_TRUE(stream.Next(1 << 20, &batch));
    std::vector<float> predictions(batch.size());
    ranking::Ranker::Scratch scratch;
    opened.bundle->ranker()->trained()->Score(batch.queries, batch.impressions, batch.query_of,
                                              predictions.data(), scratch, {});
    double loss = 0;
    for (size_t i = 0; i < batch.size(); ++i) {
      const auto p = static_cast<double>(predictions[i]);
      loss -= std::log(batch.labels[i].Has(schema::EventType::kClick) ? p : 1 - p);
    }
    return loss / static_cast<double>(batch.size());
  }

  base::TestFolder folder_;
  base::ThreadPool pool_{2};
  std::optional<project::Project> project_;
  Options options_;
  evaluation::Report report_;
};

TEST_F(ReferenceTest, RK16_TheDotProductLowersTheLossWhereNothingElseSaysAnything) {
  const double with = TestLoss();
  Load(kPlantedSite);
  const double without = TestLoss();
  Load(std::string(kPlantedSite) + kUserVector);
  const double vector_alone = TestLoss();
  fmt::print(
      "loss {:.4f} with the dot product, {:.4f} with the user vector alone, {:.4f} without\n", with,
      vector_alone, without);
  // What there is to gain from who knows the mean to who knows the group; at least half is gained.
  const auto entropy = [](double p) { return -p * std::log(p) - (1 - p) * std::log(1 - p); };
  const double gain = entropy(0.95 / 4 + 0.15 / 4) - entropy(0.05);
  EXPECT_GT(gain, 0.2);
  EXPECT_LT(with, without - gain / 2);
  EXPECT_GT(vector_alone, without - gain / 4) << "it says who the user is, but nothing of the item";
}

TEST_F(ReferenceTest, RK16_NoVectorIsOfAModelThatHasSeenItsDayOrALaterOne) {
  RankerTrainings heard;
  Publish({}, heard);
  const bundle::OpenedBundle opened = Open();
  const log::EventLog& log = opened.log;
  for (const bool validated : {false, true}) {
    SCOPED_TRACE(validated);
    const auto models = bundle::ValidatedModels::Open(project_->bundles().Path("v000001"));
    ASSERT_TRUE(models) << models.error().message;
    const features::FeatureStatistics& tables =
        validated ? (*models)->tables() : opened.bundle->tables();
    const features::RetrievalReference& reference = *tables.reference;
    EXPECT_LT(reference.tables().train_end_ms, reference.end_ms());
    const auto dataset = Dataset::With(log, options_.dataset, tables);
    ASSERT_TRUE(dataset);
    const features::FeatureExtractor extractor(tables, (*dataset)->catalogue(),
                                               features::Model::kRanking);
    const features::Feature& dot =
        tables.plan.side(features::Model::kRanking, features::Side::kImpression).numbers.front();
    const features::Feature& vector =
        tables.plan.side(features::Model::kRanking, features::Side::kQuery).numbers.front();
    ASSERT_EQ(dot.name, "dot");
    ASSERT_EQ(vector.name, "user_vector");
    size_t early = 0, late = 0, seen = 0;
    for (uint32_t user = 0; user < log.users(); ++user) {
      examples::ReplayImpressions(
          (*dataset)->source(), user, tables.plan.state(),
          [&](const features::UserState& before, const examples::ImpressionGroup& group) {
            features::FeatureBlock query, impressions;
            const auto request = extractor.For(before, user, group.context);
            request.AppendQuery(&query);
            request.AppendImpression({.item = group.impressions[0].item}, &impressions);
            const float* const numbers = query.dense.data() + vector.dense;
            const bool has_vector =
                std::any_of(numbers, numbers + 8, [](float x) { return x != 0; });
            const bool has_dot = !std::isnan(impressions.raw[dot.raw]);
            const bool is_late = group.context.time_ms >= reference.end_ms();
            EXPECT_EQ(has_vector, is_late);
            EXPECT_LE(has_dot, is_late);
            (is_late ? late : early) += 1;
            seen += has_dot ? 1 : 0;
          });
    }
    EXPECT_GT(early, 50u);
    EXPECT_GT(late, 50u);
    EXPECT_GT(seen, late / 2);
    // The vocabularies of the reference do not know what came later, either.
    const uint32_t late_item = log.dictionary(schema::IdSpace::kItem).Find("l0");
    EXPECT_EQ(reference.tables().vocabulary(features::kItemVocabulary).Row(late_item), 0u);
    EXPECT_NE(tables.vocabulary(features::kItemVocabulary).Row(late_item), 0u);
  }
  // Both rankers learned from the rest alone.
  const int64_t end_ms = opened.bundle->tables().reference->end_ms();
  const auto models = bundle::ValidatedModels::Open(project_->bundles().Path("v000001"));
  const int64_t train_end = (*models)->tables().train_end_ms + 1;
  ASSERT_EQ(heard.examples.size(), 2u);
  EXPECT_EQ(heard.examples[0], 12 * ImpressionsBetween(log, end_ms, train_end));
  EXPECT_EQ(heard.examples[1] % ImpressionsBetween(log, end_ms, INT64_MAX), 0u);
  EXPECT_THAT(report_.notes, Contains(HasSubstr("the ranker learns from the impressions since " +
                                                base::FormatTime(end_ms))));
}

TEST_F(ReferenceTest, RK01_AnEpochMakesOneUserVectorForEachRequest) {
  options_.final_fit = false;
  Publish();
  const bundle::OpenedBundle opened = Open();
  const auto dataset = Dataset::With(opened.log, options_.dataset, opened.bundle->tables());
  ASSERT_TRUE(dataset) << dataset.error().message;
  examples::RankingStream stream((*dataset)->source(), (*dataset)->statistics(),
                                 {.part = SplitPart::kTest}, pool_);
  const features::RetrievalReference& reference = *opened.bundle->tables().reference;
  const uint64_t made = reference.made();
  examples::RankingBatch batch;
  uint64_t requests = 0;
  for (stream.StartEpoch(0); stream.Next(64, &batch);) requests += batch.queries.rows;
  EXPECT_GE(requests, kPlantedUsers);
  EXPECT_EQ(reference.made() - made, requests);
}

TEST_F(ReferenceTest, RK16_TheFitOnTheWholeLogKeepsTheReferenceOfTheValidatedRanker) {
  Publish();
  const bundle::OpenedBundle opened = Open();
  const auto models = bundle::ValidatedModels::Open(project_->bundles().Path("v000001"));
  ASSERT_TRUE(models) << models.error().message;
  ASSERT_TRUE(bundle::KeepsValidated((*models)->manifest()));
  ASSERT_NE(opened.bundle->tables().reference, nullptr);
  EXPECT_EQ((*models)->tables().reference_stamp, opened.bundle->tables().reference_stamp);
  EXPECT_GT(opened.bundle->tables().train_end_ms, (*models)->tables().train_end_ms);
  EXPECT_FALSE(fs::exists(project_->checkpoints())) << "those of the reference are gone too";
}

TEST_F(ReferenceTest, RK16_OneStageAloneKeepsTheReference) {
  Publish();
  for (const Stage only : {Stage::kRetrieval, Stage::kRanking}) {
    SCOPED_TRACE(StageName(only));
    RankerTrainings heard;
    Publish({.only = only, .force = true}, heard);
    EXPECT_THAT(heard.notes,
                Not(Contains(HasSubstr("trains the candidate model that the ranker"))));
    const char* const version = only == Stage::kRetrieval ? "v000002" : "v000003";
    for (const char* file : {"reference.features.uxs", "reference.candidate.uxs", "features.uxs",
                             "validated.features.uxs", "ranker.uxs"}) {
      ExpectSameFile(file, "v000001", version);
    }
    EXPECT_NE(Open().bundle, nullptr);
  }
  options_.train.reference_share = 0.3;
  EXPECT_THAT(WhyRefused({.only = Stage::kRanking}), HasSubstr("reference_share changed"));
}

TEST_F(ReferenceTest, RK16_ContinuingKeepsTheReferenceAndItsDays) {
  Publish();
  const int64_t end_ms = Open().bundle->tables().reference->end_ms();
  Append(kPlantedDays);
  RankerTrainings heard;
  Publish({.continues = Continue::kYes}, heard);
  ExpectSameFile("reference.features.uxs");
  ExpectSameFile("reference.candidate.uxs");
  const bundle::OpenedBundle opened = Open();
  ASSERT_NE(opened.bundle->tables().reference, nullptr);
  EXPECT_EQ(opened.bundle->tables().reference->end_ms(), end_ms);
  EXPECT_EQ(heard.examples.at(0), 12u * kPlantedUsers * kShownADay) << "the day that is new";
  EXPECT_THAT(WhyRefused({.only = Stage::kRanking}),
              HasSubstr("--continue has kept the reference of an earlier log in bundle v000002"));
  // A training from the start has more days to share.
  Publish();
  EXPECT_GT(Open().bundle->tables().reference->end_ms(), end_ms);
}

TEST_F(ReferenceTest, RK16_AResumedTrainingDoesNotTrainTheReferenceAgain) {
  RankerTrainings stop("train ranker");
  ASSERT_FALSE(RunJob(*project_, options_, {}, pool_, stop));
  EXPECT_TRUE(fs::exists(project_->checkpoints() / "reference-retrieval.uxs"));
  RankerTrainings resumed;
  Publish({.resume = true}, resumed);
  const auto finished = [](const std::string& note) {
    return note.find("candidate model: training is already finished") != std::string::npos;
  };
  EXPECT_EQ(std::ranges::count_if(resumed.notes, finished), 2) << "the reference, and the other";
  ASSERT_TRUE(base::RemoveAll(project_->bundles().root() / "CURRENT"));
  Publish();
  for (const char* file : {"reference.features.uxs", "reference.candidate.uxs", "features.uxs",
                           "ranker.uxs", "validated.ranker.uxs"}) {
    ExpectSameFile(file);
  }
}

TEST_F(ReferenceTest, RK16_TheDaysOfTheReferenceAreTheFirstWithImpressions) {
  const auto log = project_->OpenLog();
  ASSERT_TRUE(log);
  const features::PositiveRule rule = options_.dataset.RuleFor(*log);
  const auto split =
      examples::Split::Make({.kind = examples::SplitOptions::Kind::kTime}, *log, rule);
  ASSERT_TRUE(split);
  int64_t last_end = 0;
  for (const double share : {0.01, 0.3, 0.5, 0.99}) {
    const auto days = ReferenceDaysOf(*log, *split, share);
    ASSERT_TRUE(days) << days.error().message;
    EXPECT_EQ(days->end_ms % base::kDayMs, 0);
    EXPECT_LE(days->validation_ms, days->end_ms);
    EXPECT_GT(days->end_ms, last_end);
    EXPECT_GT(ImpressionsBetween(*log, INT64_MIN, days->validation_ms), 0u);
    EXPECT_GT(ImpressionsBetween(*log, days->end_ms, split->options().train_until_ms), 0u);
    last_end = days->end_ms;
  }
}

TEST_F(ReferenceTest, RK16_LogsAndSplitsWithoutDaysAreRefusedWithWhatToDo) {
  options_.dataset.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  EXPECT_THAT(WhyRefused(), HasSubstr("choose kind = \"time\""));
  options_.dataset.split = {.kind = examples::SplitOptions::Kind::kNone};
  PublishLog(*project_, PlantedDay(0), PlantedCatalogue(), {});
  EXPECT_THAT(WhyRefused(), AllOf(HasSubstr("expected at least two in the training part"),
                                  HasSubstr("fewer [split] validation_days and test_days")));
}

// Positive events are later than the first days, all of which the reference has.
TEST_F(ReferenceTest, RK16_WhatTheReferenceCannotLearnFromIsNamedWithItsDays) {
  options_.dataset.split = {.kind = examples::SplitOptions::Kind::kNone};
  std::vector<schema::RawEvent> events = PlantedEvents(kPlantedDays);
  const int64_t first_ms = std::ranges::min(events, {}, &schema::RawEvent::time_ms).time_ms;
  std::erase_if(events, [&](const schema::RawEvent& event) {
    return event.type != schema::EventType::kImpression &&
           event.time_ms < first_ms + 7 * base::kDayMs;
  });
  PublishLog(*project_, events, PlantedCatalogue(), {});
  EXPECT_THAT(WhyRefused(), AllOf(StartsWith("the reference candidate model, trained on the events "
                                             "before "),
                                  HasSubstr(" ([ranking] reference_share = 0.5): ")));
}

TEST_F(ReferenceTest, RK16_AWidthThatNoCandidateModelHasIsAMistakeOfTheProjectFile) {
  const fs::path file = folder_ / "site.toml";
  ASSERT_TRUE(base::WriteFileAtomic(
      file, std::string(kPlantedSite) +
                "[[feature]]\nname = \"v\"\nfrom = \"vector(request.user_vector, 9)\"\n"));
  const auto loaded = project::Project::Load({.config = file, .directory = folder_ / "project"});
  ASSERT_TRUE(loaded) << loaded.error().message;
  (void)Options::FromConfig(loaded->config());
  EXPECT_THAT(loaded->config().Check().error().message, HasSubstr("set [retrieval] dim = 9"));
}

TEST_F(ReferenceTest, RK16_OutsideOfATrainingFeaturesReadTheReferenceOfTheBundle) {
  const auto log = project_->OpenLog();
  ASSERT_TRUE(log);
  EXPECT_EQ(ReferenceOfCurrent(*project_, *log, options_.dataset).error().code, Code::kNotFound);
  Publish();
  const auto reference = ReferenceOfCurrent(*project_, *log, options_.dataset);
  ASSERT_TRUE(reference) << reference.error().message;
  EXPECT_EQ((*reference)->digest(), Open().bundle->tables().reference->digest());
  Load(kPlantedSite);
  EXPECT_EQ(*ReferenceOfCurrent(*project_, *log, options_.dataset), nullptr);
  Load(std::string(kPlantedSite) + kDotProduct);
  EXPECT_THAT(ReferenceOfCurrent(*project_, *log, options_.dataset).error().message,
              HasSubstr("train first, or leave the feature out"));
}

}  // namespace
}  // namespace upnext::training
