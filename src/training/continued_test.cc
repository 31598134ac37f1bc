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
#include "features/feature_statistics.h"
#include "features/test_log.h"
#include "log/append.h"
#include "log/event_log.h"
#include "project/forget.h"
#include "schema/raw_event.h"
#include "training/job.h"
#include "training/test_continued.h"
#include "training/test_project.h"

namespace upnext::training {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

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
