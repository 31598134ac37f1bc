// Training that continues from the current bundle (TR-02), with real logs that grow by a day.
#include "training/continued.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/test_folder.h"
#include "examples/split.h"
#include "features/test_log.h"
#include "log/append.h"
#include "log/event_log.h"
#include "project/forget.h"
#include "schema/raw_event.h"
#include "training/job.h"
#include "training/test_project.h"

namespace upnext::training {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr char kInTimeOrder[] = R"toml(
[retrieval]
dim = 4
depth = 0
batch = 32
negatives = 0
epochs = 1
[ranking]
order = "time"
widths = [8]
batch = 64
epochs = 2
)toml";

constexpr uint32_t kDailyUsers = 30, kDailyItems = 20, kPagesADay = 2, kPageItems = 4;

// Pages of a day, of which each user clicks and watches items of one kind; item dN came on day N.
std::vector<schema::RawEvent> EventsOfDay(uint32_t day) {
  using schema::EventType;
  base::Rng rng(100, day);
  std::vector<schema::RawEvent> events;
  for (uint32_t u = 0; u < kDailyUsers; ++u) {
    const std::string user = features::Numbered("u", u);
    for (uint32_t page = 0; page < kPagesADay; ++page) {
      const double minute = 1440.0 * day + 300.0 * page + u;
      const std::string request = fmt::format("r{}-{}-{}", u, day, page);
      const auto add = [&](EventType type, const std::string& item, double after) -> auto& {
        events.push_back(features::Of(type, user, item, features::Minutes(minute + after)));
        events.back().request = request;
        return events.back();
      };
      for (uint16_t position = 1; position <= kPageItems; ++position) {
        const auto number = static_cast<uint32_t>(rng.Below(kDailyItems));
        const std::string item = position == 1 && day > 5 ? features::Numbered("d", day)
                                                          : features::Numbered("i", number);
        add(EventType::kImpression, item, 0).position = position;
        if (rng.Uniform() > (number % 2 == u % 2 ? 0.8 : 0.1)) continue;
        add(EventType::kClick, item, 1);
        add(EventType::kWatch, item, 2).value = static_cast<float>(60 + rng.Below(60));
      }
    }
  }
  return events;
}

// What is said, and how many examples each training of a ranker was to see.
class Heard : public base::Progress {
 public:
  explicit Heard(int stop_at = 0) : left_(stop_at) {}
  void Begin(std::string_view stage, std::string_view, uint64_t total) override {
    if (stage != "train ranker") return;
    examples.push_back(total);
    if (left_ > 0 && --left_ == 0) stop_ = true;
  }
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { notes.emplace_back(line); }
  bool stop_requested() const override { return stop_; }
  std::vector<uint64_t> examples;
  std::vector<std::string> notes;

 private:
  int left_;
  bool stop_ = false;
};

class ContinuedTest : public testing::Test {
 protected:
  void SetUp() override {
    Load(kInTimeOrder);
    std::vector<schema::RawEvent> events;
    for (uint32_t day = 0; day < 6; ++day)
      std::ranges::copy(EventsOfDay(day), std::back_inserter(events));
    PublishLog(*project_, events, {}, {});
  }
  void Load(const std::string& toml) {
    LoadProject(folder_.path(), toml, &project_, &options_);
    options_.margin =
        1;  // models this small and a test day this short: the gate is not in question
  }
  void Append(uint32_t day) {
    base::VersionedRoot logs = project_->logs();
    const auto base = project_->OpenLog();
    ASSERT_TRUE(base) << base.error().message;
    const auto staged = logs.Begin();
    ASSERT_TRUE(staged);
    const Status written = log::WriteAppendedLog(*staged, *base, EventsOfDay(day), {}, {});
    ASSERT_TRUE(written) << written.error().message;
    const auto version = logs.Publish(*staged);
    ASSERT_TRUE(version && logs.SetCurrent(*version));
  }
  Result<JobResult> Run(const JobRequest& request, base::Progress& progress = base::NoProgress()) {
    return RunJob(*project_, options_, request, pool_, progress);
  }
  void Publish(const JobRequest& request = {}, base::Progress& progress = base::NoProgress()) {
    const auto result = Run(request, progress);
    ASSERT_TRUE(result) << result.error().message;
    ASSERT_TRUE(result->published) << result->manifest.gate << result->nothing_new;
  }
  std::string WhyNot(const JobRequest& request = {.continues = Continue::kYes}) {
    const auto result = Run(request);
    EXPECT_FALSE(result);
    return result ? "" : result.error().message;
  }
  void ExpectRefused(const std::string& reason) {
    const std::string why = WhyNot();
    EXPECT_THAT(why, HasSubstr(reason));
    EXPECT_THAT(why, HasSubstr("without --continue"));
  }
  void ExpectTrainedAnew(const std::string& reason) {
    Heard heard;
    const auto anew = Run({.force = true, .continues = Continue::kIfPossible}, heard);
    ASSERT_TRUE(anew) << anew.error().message;
    EXPECT_TRUE(anew->published);
    EXPECT_THAT(anew->report.notes, Contains(HasSubstr("trains anew")));
    EXPECT_THAT(heard.notes, Contains(HasSubstr(reason)));
  }
  fs::path Bundle(const char* version) const { return project_->bundles().Path(version); }
  features::FeatureStatistics Statistics(const char* version, const char* file) const {
    auto loaded = features::FeatureStatistics::Load(Bundle(version) / file);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded ? *std::move(loaded) : features::FeatureStatistics();
  }

  base::TestFolder folder_;
  base::ThreadPool pool_{2};
  std::optional<project::Project> project_;
  Options options_;
};

TEST_F(ContinuedTest, TR02_BothRankersContinueWithWhatIsNewToEachAndRowsStay) {
  Publish();
  for (const uint32_t day : {6, 7, 8}) Append(day);
  Heard heard;
  Publish({.continues = Continue::kYes}, heard);
  EXPECT_THAT(heard.notes, Contains(HasSubstr("continues from bundle v000001")));
  // Three days are new to each, for at most two epochs, and for as many as validation chose.
  const uint64_t new_examples = 3 * kDailyUsers * kPagesADay * kPageItems;
  ASSERT_EQ(heard.examples.size(), 2u);
  EXPECT_EQ(heard.examples[0], 2 * new_examples);
  EXPECT_EQ(heard.examples[1] % new_examples, 0u);
  EXPECT_LE(heard.examples[1], 2 * new_examples);
  for (const char* file : {"features.uxs", "validated.features.uxs"}) {
    SCOPED_TRACE(file);
    const auto old = Statistics("v000001", file), now = Statistics("v000002", file);
    EXPECT_GT(now.train_end_ms, old.train_end_ms);
    EXPECT_EQ(now.quantiles, old.quantiles);
    const auto before = old.vocabulary(features::kRankedItemVocabulary).ids_by_row();
    const auto after = now.vocabulary(features::kRankedItemVocabulary).ids_by_row();
    ASSERT_GE(after.size(), before.size());
    EXPECT_TRUE(std::ranges::equal(before, after.first(before.size())));
  }
  const auto log = project_->OpenLog();
  const auto served = Statistics("v000002", "features.uxs");
  const features::Vocabulary& ranked = served.vocabulary(features::kRankedItemVocabulary);
  const uint32_t fresh = log->dictionary(schema::IdSpace::kItem).Find(features::Numbered("d", 8));
  EXPECT_GE(ranked.Row(fresh), ranked.rows() - 3) << "new items have the last rows";
  Append(9);
  Publish({.continues = Continue::kYes});  // and so on
}

TEST_F(ContinuedTest, TR02_TheBundleKeepsTheStateOnlyInTimeOrder) {
  Publish();
  for (const char* part : {"ranker_state.uxs", "validated.ranker_state.uxs"}) {
    EXPECT_TRUE(fs::exists(Bundle("v000001") / part)) << part;
  }
  EXPECT_TRUE(project_->OpenBundle(bundle::LogChoice::kNewest));
  Load(std::string(kInTimeOrder)
           .replace(std::string(kInTimeOrder).find("\"time\""), 6, "\"shuffled\""));
  Publish({.force = true});
  for (const char* part : {"ranker_state.uxs", "validated.ranker_state.uxs"}) {
    EXPECT_FALSE(fs::exists(Bundle("v000002") / part)) << part;
  }
  Load(kInTimeOrder);
  ExpectRefused("order = \"time\"");
}

TEST_F(ContinuedTest, WithoutABundleItIsRefused) { ExpectRefused("no bundle to continue from"); }

TEST_F(ContinuedTest, WhereItCannotContinueItTrainsAnewIfItMayAndContinuesTheNextTime) {
  ExpectTrainedAnew("no bundle to continue from");
  Append(6);
  options_.dataset.features.drop = {"searches"};
  ExpectTrainedAnew("the features are others");
  Append(7);
  options_.train.objectives.pop_back();
  ExpectTrainedAnew("other objectives");
  Append(8);
  Heard heard;
  Publish({.force = true, .continues = Continue::kIfPossible}, heard);
  EXPECT_THAT(heard.notes, Contains(HasSubstr("continues from bundle v000003")));
}

TEST_F(ContinuedTest, NothingNewIsNoErrorAndChangesNothing) {
  Publish();
  const auto same = Run({.continues = Continue::kYes});
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_FALSE(same->published);
  EXPECT_THAT(same->nothing_new, HasSubstr("no impression after"));
  EXPECT_EQ(project_->bundles().Current().value_or(""), "v000001");
  // The held-out days became shorter, so that only the validated ranker has something to learn.
  options_.dataset.split.validation_days = 0;
  const auto half = Run({.continues = Continue::kYes});
  ASSERT_TRUE(half) << half.error().message;
  EXPECT_THAT(half->nothing_new, HasSubstr("has seen"));
}

TEST_F(ContinuedTest, TR04_StoppedAndResumedItPublishesTheSame) {
  Publish();
  Append(6);
  std::map<std::string, std::string> files;
  for (const int nth : {0, 1, 2}) {  // uninterrupted; stopped in the first ranker, in the second
    SCOPED_TRACE(nth);
    JobRequest request{.force = true, .continues = Continue::kYes};
    if (nth > 0) {
      Heard stop(nth);
      ASSERT_FALSE(Run(request, stop));
      request.resume = true;
      EXPECT_THAT(WhyNot({.resume = true}), HasSubstr("continued was v000001"))
          << "a training that does not continue has no use for the checkpoint";
    }
    Publish(request);
    for (const char* file : {"ranker.uxs", "ranker_state.uxs", "validated.ranker.uxs",
                             "validated.ranker_state.uxs", "candidate.uxs", "features.uxs"}) {
      const std::string bytes = base::ReadFile(Bundle("v000002") / file).value_or("");
      EXPECT_NE(bytes, "") << file;
      if (nth == 0) files[file] = bytes;
      EXPECT_TRUE(files[file] == bytes) << file;
    }
    ASSERT_TRUE(base::RemoveAll(Bundle("v000002")));
    ASSERT_TRUE(project_->bundles().SetCurrent("v000001"));
  }
}

TEST_F(ContinuedTest, ChangedSettingsAreRefused) {
  Publish();
  Append(6);
  Load(std::string(kInTimeOrder) + "max_dim = 7\n");
  ExpectRefused("ranking.max_dim was not set and is 7");
}

TEST_F(ContinuedTest, LearningRatesEpochsAndScoresMayChange) {
  Publish();
  Append(6);
  Load(std::string(kInTimeOrder) + "learning_rate = 0.0005\npatience = 1\n");
  Publish({.continues = Continue::kYes});
}

TEST_F(ContinuedTest, AnotherSeedIsRefused) {
  Publish();
  options_.SetSeed(5);
  ExpectRefused("its seed was 1 and is 5");
}

TEST_F(ContinuedTest, OtherLabelsAreRefused) {
  Publish();
  Append(6);
  options_.dataset.signals.share = 0.8;
  ExpectRefused("[labels]");
}

TEST_F(ContinuedTest, OtherFeaturesAreRefused) {
  Publish();
  Append(6);
  options_.dataset.features.drop = {"searches"};
  ExpectRefused("the features are others");
}

TEST_F(ContinuedTest, AnotherKindOfSplitIsRefused) {
  Publish();
  Append(6);
  options_.dataset.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  ExpectRefused("[split]");
}

TEST_F(ContinuedTest, AnotherFinalFitIsRefused) {
  Publish();
  Append(6);
  options_.final_fit = false;
  ExpectRefused("final_fit");
}

TEST_F(ContinuedTest, OtherObjectivesAreRefused) {
  Publish();
  Append(6);
  options_.train.objectives.pop_back();
  ExpectRefused("other objectives");
}

TEST_F(ContinuedTest, ALogWithOtherNumbersIsRefused) {
  Publish();
  std::vector<schema::RawEvent> events = EventsOfDay(7);
  for (uint32_t day = 0; day < 7; ++day)
    std::ranges::copy(EventsOfDay(day), std::back_inserter(events));
  std::ranges::reverse(events);
  PublishLog(*project_, events, {}, {});
  ExpectRefused("other numbers");
}

// What it learned from their events, and the words of their searches, would stay.
TEST_F(ContinuedTest, AfterUsersWereForgottenTheTrainingIsANewOne) {
  Publish();
  Append(6);
  const std::string user = features::Numbered("u", 3);
  ASSERT_TRUE(project::ForgetUsers(*project_, std::span(&user, 1), base::NoProgress()));
  ExpectRefused("forgotten");
}

TEST_F(ContinuedTest, OneStageOrOneShardCannotContinue) {
  Publish();
  for (const JobRequest& request :
       {JobRequest{.only = Stage::kRanking, .continues = Continue::kYes},
        JobRequest{.shard = 0, .continues = Continue::kYes}}) {
    EXPECT_THAT(WhyNot(request), HasSubstr("--only"));
  }
}

TEST_F(ContinuedTest, WithoutAFinalFitTheOneChainContinues) {
  Load(std::string(kInTimeOrder) + "[train]\nfinal_fit = false\n");
  Publish();
  EXPECT_FALSE(fs::exists(Bundle("v000001") / "validated.ranker_state.uxs"));
  Append(6);
  Heard heard;
  Publish({.continues = Continue::kYes}, heard);
  EXPECT_EQ(heard.examples.size(), 1u);
}

}  // namespace
}  // namespace upnext::training
