#include "training/unseen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/test_folder.h"
#include "bundle/test_bundle.h"
#include "catalogue/catalogue.h"
#include "examples/holdout.h"
#include "features/test_log.h"
#include "project/forget.h"
#include "schema/raw_event.h"
#include "training/job.h"
#include "training/test_project.h"
#include "training/tested_bundle.h"

namespace upnext::training {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kLastWatches[] = "[split]\nkind = \"leave-one-out\"\n";

std::string DaysOf(int test_days) {
  return fmt::format("[split]\nvalidation_days = 1\ntest_days = {}\n", test_days);
}

// Bundles of different trainings over the eight days of bundle/test_bundle.h.
class UnseenTest : public testing::Test {
 protected:
  void SetUp() override {
    Load(DaysOf(2));
    PublishAll(bundle::TestEvents(40));
  }
  void Load(const std::string& tables) {
    LoadProject(folder_.path(), kSmallModels + tables, &project_, &options_);
  }
  void PublishAll(const std::vector<schema::RawEvent>& events) {
    PublishLog(*project_, events, bundle::TestItems(40), bundle::TestUsers());
  }
  // Those of the last hours of the log removed, as a shorter export has it.
  void PublishWithout(int hours) {
    std::vector<schema::RawEvent> events = bundle::TestEvents(40);
    int64_t last = 0;
    for (const schema::RawEvent& event : events) last = std::max(last, event.time_ms);
    std::erase_if(events, [&](const schema::RawEvent& event) {
      return event.time_ms > last - int64_t{hours} * 3'600'000;
    });
    PublishAll(events);
  }
  JobResult Train() {
    Result<JobResult> result = RunJob(*project_, options_, {}, pool_, base::NoProgress());
    EXPECT_TRUE(result) << result.error().message;
    return result ? *std::move(result) : JobResult{};
  }
  void ExpectComparable(const JobResult& result) {
    EXPECT_THAT(result.report.notes, Not(Contains(HasSubstr("not compared"))));
    EXPECT_TRUE(result.report.retrieval && result.report.retrieval->current);
  }
  void ExpectNotComparable(const JobResult& result) {
    EXPECT_TRUE(result.published) << result.manifest.gate;
    EXPECT_THAT(result.report.notes,
                Contains(HasSubstr("not compared with bundle v000001: it may have learned")));
    EXPECT_THAT(result.report.differences, IsEmpty());
  }
  base::TestFolder folder_;
  base::ThreadPool pool_{2};
  std::optional<project::Project> project_;
  Options options_;
};

TEST_F(UnseenTest, TheSameSplitOfTheSameLogIsCompared) {
  Train();
  ExpectComparable(Train());
}

TEST_F(UnseenTest, ALaterTestPartIsCompared) {
  Train();
  Load(DaysOf(1));
  ExpectComparable(Train());
}

TEST_F(UnseenTest, AnEarlierTestPartIsNotCompared) {
  Train();
  Load(DaysOf(4));
  ExpectNotComparable(Train());
}

TEST_F(UnseenTest, ALogThatEndsEarlierIsNotCompared) {
  Train();
  PublishWithout(30);
  ExpectNotComparable(Train());
}

TEST_F(UnseenTest, AnotherKindOfSplitIsNotCompared) {
  Train();
  Load(kLastWatches);
  ExpectNotComparable(Train());
}

TEST_F(UnseenTest, LastWatchesAreComparedUnlessTheyHaveTrained) {
  Load(kLastWatches);
  Train();
  ExpectComparable(Train());
}

TEST_F(UnseenTest, LastWatchesThatHaveTrainedAreNotCompared) {
  Load(kLastWatches);
  Train();
  PublishWithout(80);
  ExpectNotComparable(Train());
}

TEST_F(UnseenTest, ABundleIsEvaluatedOnItsOwnSplitAfterTheNewestUserWasForgotten) {
  std::vector<schema::RawEvent> events = bundle::TestEvents(40);
  for (int hour = 0; hour < 9; ++hour) {
    events.push_back(features::Watch("newest", "i5", features::Minutes(11'000 + 60 * hour), 90));
  }
  PublishAll(events);
  const JobResult trained = Train();
  const auto split = [&] {
    const auto opened = project_->OpenValidated();
    EXPECT_TRUE(opened) << opened.error().message;
    return SplitOf(options_.dataset, opened->models->manifest(), opened->log);
  };
  ASSERT_TRUE(split());
  const std::vector<std::string> gone = {"newest"};
  ASSERT_TRUE(project::ForgetUsers(*project_, gone, base::NoProgress()));
  const auto after = split();
  ASSERT_TRUE(after) << after.error().message;
  EXPECT_EQ(after->Describe(), trained.manifest.split);
  Load(kLastWatches);
  EXPECT_FALSE(split());
}

TEST_F(UnseenTest, TheTestedBundleHasTheTestCasesOfTheEvaluation) {
  Load("[labels]\npositives = { click = 1 }\n[history]\ntypes = { watch = 1, click = 2 }\n" +
       DaysOf(2));
  const JobResult trained = Train();
  const auto tested = OpenTestedBundle(*project_, options_, pool_, base::NoProgress());
  ASSERT_TRUE(tested) << tested.error().message;
  const catalogue::Catalogue catalogue(tested->log);
  EXPECT_EQ(tested->rule, options_.dataset.RuleFor(tested->log));
  const auto split = SplitOf(options_.dataset, tested->bundle->manifest(), tested->log);
  ASSERT_TRUE(split) << split.error().message;
  const auto cases = examples::HoldoutCases({tested->log, catalogue, tested->rule, *split},
                                            examples::SplitPart::kTest, pool_);
  EXPECT_EQ(cases.size(), trained.report.retrieval->users);
}

}  // namespace
}  // namespace upnext::training
