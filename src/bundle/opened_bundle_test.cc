#include "bundle/opened_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/test_folder.h"
#include "bundle/test_bundle.h"
#include "features/test_log.h"
#include "schema/event.h"

namespace upnext::bundle {
namespace {

using testing::HasSubstr;

class OpenedBundleTest : public testing::Test {
 protected:
  Result<OpenedBundle> Open(LogChoice choice, const features::SignalOptions& signals = {}) const {
    return OpenCurrent(bundles_, logs_, signals, choice);
  }
  static std::string VersionOf(const Result<OpenedBundle>& opened) {
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? opened->log.directory().filename().string() : "";
  }

  const TestProject project_;
  base::VersionedRoot bundles_{project_.bundle_root()}, logs_{project_.log_root()};
};

TEST_F(OpenedBundleTest, AnAppendedLogIsTheNewestAndTheOneOfTheTrainingStays) {
  features::AppendToLog(logs_, {features::Watch("u", "i3", features::Minutes(19'000), 99)});
  const Result<OpenedBundle> newest = Open(LogChoice::kNewest);
  EXPECT_EQ(VersionOf(newest), "v000002");
  EXPECT_EQ(newest->bundle->manifest().version, "v000001");
  EXPECT_EQ(VersionOf(Open(LogChoice::kTrainedOn)), "v000001");
}

TEST_F(OpenedBundleTest, ALogThatDoesNotContinueTheOneOfTheTrainingIsNotServed) {
  auto staged = logs_.Begin();
  ASSERT_TRUE(staged) << staged.error().message;
  ASSERT_TRUE(log::WriteEventLog(*staged, TestEvents(41), TestItems(41), TestUsers()));
  const auto version = logs_.Publish(*staged);
  ASSERT_TRUE(version) << version.error().message;
  ASSERT_TRUE(logs_.SetCurrent(*version));
  EXPECT_EQ(VersionOf(Open(LogChoice::kNewest)), "v000001");
}

// What an import took down stays down when the next one has other numbers.
TEST_F(OpenedBundleTest, TheNewestLogThatContinuesTheTrainingsIsServed) {
  features::AppendToLog(logs_, {features::Watch("u", "i3", features::Minutes(19'000), 99)});
  auto staged = logs_.Begin();
  ASSERT_TRUE(staged) << staged.error().message;
  ASSERT_TRUE(log::WriteEventLog(*staged, TestEvents(41), TestItems(41), TestUsers()));
  const auto version = logs_.Publish(*staged);
  ASSERT_TRUE(version && logs_.SetCurrent(*version));
  EXPECT_EQ(VersionOf(Open(LogChoice::kNewest)), "v000002");
  std::filesystem::remove_all(logs_.Path("v000002"));
  EXPECT_EQ(VersionOf(Open(LogChoice::kNewest)), "v000001");
}

TEST_F(OpenedBundleTest, ABundleOfOtherLabelsIsRefused) {
  features::SignalOptions share, positives, history;
  share.share = 0.1;
  positives.positives = {{schema::EventType::kPurchase, 1.0f}};
  history.history = {{schema::EventType::kWatch, 2.0f}};
  for (const features::SignalOptions& other : {share, positives, history}) {
    const Result<OpenedBundle> opened = Open(LogChoice::kNewest, other);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::kFailedPrecondition);
    EXPECT_THAT(opened.error().message, HasSubstr("[labels] or [history] changed"));
  }
}

TEST_F(OpenedBundleTest, StatesAreFoldedByTheRuleOfTheTraining) {
  const Result<OpenedBundle> opened = Open(LogChoice::kNewest);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->rule, features::PositiveRule());
}

TEST_F(OpenedBundleTest, WithoutABundleTheMessageSaysWhatToRun) {
  const base::TestFolder empty;
  bundles_ = base::VersionedRoot(empty.path());
  const Result<OpenedBundle> opened = Open(LogChoice::kNewest);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kNotFound);
  EXPECT_THAT(opened.error().message, HasSubstr("upnext train"));
}

}  // namespace
}  // namespace upnext::bundle
