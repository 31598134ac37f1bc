// The part of the job after the training: comparison with the current bundle, and the fit on the
// whole log.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "bundle/test_bundle.h"
#include "bundle/validated_models.h"
#include "evaluation/report.h"
#include "examples/split.h"
#include "features/test_log.h"
#include "log/event_log.h"
#include "project/project.h"
#include "schema/raw_event.h"
#include "training/job.h"
#include "training/test_project.h"
#include "training/tested_bundle.h"

namespace upnext::training {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr uint32_t kSiteUsers = 60, kSiteItems = 30, kSiteDays = 8;
constexpr char kSite[] = R"toml(
[retrieval]
dim = 8
depth = 0
batch = 16
negatives = 0
epochs = 6
patience = 2
table_learning_rate = 0.5
[ranking]
widths = [8]
batch = 64
epochs = 2
)toml";

std::string Item(uint32_t n) { return features::Numbered("i", n % kSiteItems); }

// Every user watches on from item to item, from pages of the next item and two others. On the last
// day all come to the item "fresh".
std::vector<schema::RawEvent> SiteEvents() {
  using schema::EventType;
  base::Rng rng(5);
  std::vector<schema::RawEvent> events;
  for (uint32_t u = 0; u < kSiteUsers; ++u) {
    const std::string user = features::Numbered("u", u);
    uint32_t next = static_cast<uint32_t>(rng.Below(kSiteItems));
    for (uint32_t visit = 0; visit < 3 * kSiteDays; ++visit, ++next) {
      const double minute = 480.0 * visit + 0.5 * u;
      const std::string request = fmt::format("r{}-{}", u, visit);
      const bool last = visit + 1 == 3 * kSiteDays;
      for (uint16_t position = 1; position <= 3; ++position) {
        const std::string item = position < 3 ? Item(static_cast<uint32_t>(rng.Below(kSiteItems)))
                                              : (last ? std::string("fresh") : Item(next));
        events.push_back(
            features::Of(EventType::kImpression, user, item, features::Minutes(minute)));
        events.back().request = request;
        events.back().position = position;
        if (position < 3) continue;
        events.push_back(
            features::Of(EventType::kClick, user, item, features::Minutes(minute + 1)));
        events.back().request = request;
        events.push_back(features::Watch(user, item, features::Minutes(minute + 2),
                                         static_cast<float>(75 + rng.Below(20))));
        events.back().request = request;
      }
    }
  }
  return events;
}

std::vector<schema::RawItem> SiteCatalogue() {
  std::vector<schema::RawItem> items;
  for (uint32_t i = 0; i < kSiteItems; ++i)
    items.push_back(features::ItemOf(Item(i), 100, "c", {}));
  items.push_back(features::ItemOf("fresh", 100, "c", {}));
  return items;
}

// Keeps the notes; asks to stop at the `stop_at`-th beginning of a stage whose name holds `stage`.
class Listener : public base::Progress {
 public:
  explicit Listener(std::string stage = "", int stop_at = 0)
      : stage_(std::move(stage)), left_(stop_at) {}
  void Begin(std::string_view stage, std::string_view, uint64_t) override {
    if (left_ > 0 && stage.find(stage_) != std::string_view::npos && --left_ == 0) stop_ = true;
  }
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { notes.emplace_back(line); }
  bool stop_requested() const override { return stop_; }
  std::vector<std::string> notes;

 private:
  const std::string stage_;
  int left_;
  bool stop_ = false;
};

class FinalFitTest : public testing::Test {
 protected:
  void SetUp() override {
    LoadProject(folder_.path(), kSite, &project_, &options_);
    PublishSite(SiteEvents());
  }
  void PublishSite(const std::vector<schema::RawEvent>& events,
                   const std::vector<schema::RawItem>& items = SiteCatalogue()) {
    PublishLog(*project_, events, items, {});
  }
  JobResult Run(const JobRequest& request = {}, base::Progress& progress = base::NoProgress()) {
    Result<JobResult> result = RunJob(*project_, options_, request, pool_, progress);
    EXPECT_TRUE(result) << result.error().message;
    return result ? *std::move(result) : JobResult{};
  }
  JobResult RunAndPublish(const JobRequest& request = {}) {
    JobResult result = Run(request);
    EXPECT_TRUE(result.published) << result.manifest.gate;
    return result;
  }
  fs::path Bundle(const char* version) const { return project_->bundles().Path(version); }
  std::string FileOf(const char* version, const char* name) const {
    return base::ReadFile(Bundle(version) / name).value_or("");
  }
  static double Ndcg(const evaluation::ModelMetrics& model) {
    return model.metrics.at("ndcg@10").value;
  }
  void LearnNothing() {
    options_.train.candidate_train.table_learning_rate = 0;
    options_.train.candidate_train.tower_learning_rate = 0;
  }

  base::TestFolder folder_;
  base::ThreadPool pool_{2};
  std::optional<project::Project> project_;
  Options options_;
};

TEST_F(FinalFitTest, WhatIsServedHasSeenTheWholeLogAndWhatIsReportedHasNot) {
  const JobResult result = RunAndPublish();
  EXPECT_THAT(result.report.notes, Contains(HasSubstr("have seen all events up to")));
  const auto opened = project_->OpenBundle(bundle::LogChoice::kTrainedOn);
  ASSERT_TRUE(opened) << opened.error().message;
  const auto validated = bundle::ValidatedModels::Open(Bundle("v000001"));
  ASSERT_TRUE(validated) << validated.error().message;
  const int64_t last_ms = opened->log.stats().last_ms;
  EXPECT_EQ(opened->bundle->tables().train_end_ms, last_ms);
  EXPECT_EQ(result.seen_until_ms, last_ms);
  EXPECT_LT((*validated)->tables().train_end_ms, last_ms - base::kDayMs);
  const uint32_t fresh = opened->log.dictionary(schema::IdSpace::kItem).Find("fresh");
  EXPECT_NE(opened->bundle->tables().vocabulary(features::kItemVocabulary).Row(fresh), 0u);
  EXPECT_EQ((*validated)->tables().vocabulary(features::kItemVocabulary).Row(fresh), 0u);
  EXPECT_FALSE(fs::exists(project_->checkpoints()));
}

TEST_F(FinalFitTest, FiguresAreThoseWithoutAFinalFit) {
  const JobResult with = RunAndPublish();
  options_.final_fit = false;
  ASSERT_TRUE(base::RemoveAll(project_->bundles().root()));
  const JobResult without = RunAndPublish();
  EXPECT_EQ(Ndcg(with.report.retrieval->model), Ndcg(without.report.retrieval->model));
  EXPECT_EQ(with.report.ranking->model.metrics.at("watch_rmse_s").value,
            without.report.ranking->model.metrics.at("watch_rmse_s").value);
  EXPECT_THAT(without.report.notes, Contains(HasSubstr("have not seen the last 2.0 days")));
  EXPECT_FALSE(fs::exists(Bundle("v000001") / "validated.features.uxs"));
}

TEST_F(FinalFitTest, TrainsAsManyEpochsAsValidationChose) {
  Listener listener;
  ASSERT_TRUE(Run({}, listener).published);
  // "epoch 3: loss 1.2345, validation NDCG@10 0.5000, ..." of the candidate model.
  size_t best = 0, epochs = 0, fitted = 0;
  double best_ndcg = -1;
  for (const std::string& note : listener.notes) {
    if (!note.starts_with("epoch")) continue;
    const size_t at = note.find("NDCG@10 ");
    if (at == std::string::npos) {
      fitted +=
          note.find("validation") == std::string::npos && note.find("watch") == std::string::npos;
      continue;
    }
    ++epochs;
    const double ndcg = std::stod(note.substr(at + 8));
    if (ndcg > best_ndcg) best = epochs, best_ndcg = ndcg;
  }
  ASSERT_GT(epochs, 0u);
  EXPECT_EQ(fitted, best);
}

TEST_F(FinalFitTest, ABrokenModelIsRefusedAndAHealthyOnePublishedOnTheSameEvents) {
  const JobResult first = RunAndPublish();
  LearnNothing();
  const JobResult broken = Run();
  EXPECT_FALSE(broken.published);
  EXPECT_THAT(broken.manifest.gate, HasSubstr("retrieval ndcg@10"));
  ASSERT_TRUE(broken.report.retrieval->current);
  EXPECT_EQ(Ndcg(*broken.report.retrieval->current), Ndcg(first.report.retrieval->model));
  EXPECT_EQ(project_->bundles().Current().value_or(""), "v000001");
  EXPECT_TRUE(fs::exists(project_->checkpoints() / "retrieval.uxs"));
  // With the options and the seed of the first: another seed may be worse on so few users.
  options_ = Options::FromConfig(project_->config());
  RunAndPublish();
}

TEST_F(FinalFitTest, ForcePublishesWhatTheGateRefusesAndTheBundleSaysSo) {
  RunAndPublish();
  LearnNothing();
  ASSERT_FALSE(Run().published);
  const JobResult forced = RunAndPublish({.resume = true, .force = true});
  EXPECT_TRUE(forced.manifest.forced);
  EXPECT_EQ(forced.manifest.version, "v000002");
  EXPECT_THAT(forced.report.notes, Contains(HasSubstr("published with --force")));
}

// A full import numbers ids anew; the figures of the current bundle stay what they were.
TEST_F(FinalFitTest, TheCurrentBundleIsMeasuredOnALogThatWasImportedAnew) {
  const JobResult first = RunAndPublish();
  std::vector<schema::RawEvent> events = SiteEvents();
  events.push_back(features::Watch("a", "a", features::Minutes(-10), 90));
  std::vector<schema::RawItem> items = SiteCatalogue();
  items.push_back(features::ItemOf("a", 100, "c", {}));
  std::ranges::reverse(events);
  std::ranges::reverse(items);
  PublishSite(events, items);
  const JobResult second = RunAndPublish();
  ASSERT_TRUE(second.report.retrieval->current) << testing::PrintToString(second.report.notes);
  const auto log = project_->OpenLog();
  ASSERT_TRUE(log);
  EXPECT_NE(log->dictionary(schema::IdSpace::kItem).Find("i7"),
            log::EventLog::Open(project_->logs().Path("v000001"))
                ->dictionary(schema::IdSpace::kItem)
                .Find("i7"));
  EXPECT_NEAR(Ndcg(*second.report.retrieval->current), Ndcg(first.report.retrieval->model), 1e-9);
  EXPECT_NEAR(second.report.ranking->current->metrics.at("watch_rmse_s").value,
              first.report.ranking->model.metrics.at("watch_rmse_s").value, 1e-4);
}

TEST_F(FinalFitTest, OtherLabelsAreNotComparedAndPublished) {
  RunAndPublish();
  ASSERT_TRUE(base::WriteFileAtomic(folder_ / "site.toml",
                                    std::string(kSite) + "[labels]\ncomplete_share = 0.9\n"));
  options_.dataset.signals.share = 0.8;
  const JobResult other = RunAndPublish();
  EXPECT_THAT(
      other.report.notes,
      Contains(HasSubstr("not compared with bundle v000001: it was trained with other positives")));
  EXPECT_FALSE(other.report.retrieval->current);
}

TEST_F(FinalFitTest, ASplitThatHoldsOutNothingIsPublishedWithoutFiguresOrForce) {
  RunAndPublish();
  options_.dataset.split.kind = examples::SplitOptions::Kind::kNone;
  const JobResult result = RunAndPublish();
  EXPECT_THAT(result.report.notes, Contains(HasSubstr("nothing was measured")));
  EXPECT_THAT(result.report.notes, Contains(HasSubstr("have seen all events up to")));
  EXPECT_FALSE(fs::exists(Bundle("v000002") / "validated.features.uxs"));
}

TEST_F(FinalFitTest, StoppedInTheFinalFitAndResumedItPublishesTheSame) {
  for (const auto& [stage, nth] : {std::pair("train candidate model", 2), {"train ranker", 2}}) {
    SCOPED_TRACE(stage);
    Listener stop(stage, nth);
    const auto stopped = RunJob(*project_, options_, {}, pool_, stop);
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Code::kCancelled);
    EXPECT_THAT(stop.notes, Contains(HasSubstr("on the whole log")));
    EXPECT_TRUE(fs::exists(project_->checkpoints() / "retrieval.uxs"));
    Listener resumed;
    ASSERT_TRUE(Run({.resume = true}, resumed).published);
    EXPECT_THAT(resumed.notes,
                Contains(HasSubstr("candidate model: training is already finished")));
    EXPECT_FALSE(fs::exists(project_->checkpoints()));
    ASSERT_TRUE(base::RemoveAll(project_->bundles().root() / "CURRENT"));
  }
  RunAndPublish();  // as if nothing had happened
  for (const char* file :
       {"features.uxs", "candidate.uxs", "ranker.uxs", "index.uxs", "validated.candidate.uxs",
        "validated.ranker.uxs", "generator.popular.uxs", "report.json"}) {
    EXPECT_NE(FileOf("v000003", file), "") << file;
    EXPECT_EQ(FileOf("v000001", file), FileOf("v000003", file)) << file;
    EXPECT_EQ(FileOf("v000002", file), FileOf("v000003", file)) << file;
  }
}

TEST_F(FinalFitTest, OneStageAloneNeedsAnotherThatWasFittedOnTheSameEvents) {
  options_.final_fit = false;
  RunAndPublish();
  options_.final_fit = true;
  const auto refused =
      RunJob(*project_, options_, {.only = Stage::kRanking}, pool_, base::NoProgress());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("final_fit"));
}

// Lists for the test part are made by the models and generators that have not seen it.
TEST_F(FinalFitTest, TheTestedBundleIsTheOneWithoutAFinalFit) {
  RunAndPublish();
  const auto tested = OpenTestedBundle(*project_, options_, pool_, base::NoProgress());
  ASSERT_TRUE(tested) << tested.error().message;
  options_.final_fit = false;
  RunAndPublish({.force = true});
  const auto plain = bundle::ReadManifest(Bundle("v000002"));
  ASSERT_TRUE(plain);
  const bundle::Manifest& manifest = tested->bundle->manifest();
  EXPECT_EQ(manifest.version, "v000001");
  int compared = 0;
  for (const bundle::PartEntry& part : manifest.parts) {
    const auto same = std::ranges::find(plain->parts, part.name, &bundle::PartEntry::name);
    ASSERT_NE(same, plain->parts.end()) << part.name;
    if (part.kind == "json" || part.kind == "toml") continue;
    EXPECT_EQ(part.checksum, same->checksum) << part.name;
    ++compared;
  }
  EXPECT_EQ(compared, 14) << "features, candidate, index, ranker and ten generators";
  for (const auto& entry : fs::directory_iterator(project_->directory())) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr(".tested")));
  }
}

}  // namespace
}  // namespace upnext::training
