#include "project/current_bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/lock_file.h"
#include "base/test_folder.h"

namespace upnext::project {
namespace {

using testing::HasSubstr;

class CurrentBundleTest : public testing::Test {
 protected:
  CurrentBundleTest() {
    const std::string file = (folder_ / "shop.toml").string();
    EXPECT_TRUE(base::WriteFileAtomic(file, ""));
    project_ = std::make_unique<Project>(Project::Load({.config = file}).value());
  }
  void AddBundles(int count) {
    for (int i = 0; i < count; ++i) {
      const auto staged = project_->bundles().Begin();
      ASSERT_TRUE(staged) << staged.error().message;
      ASSERT_TRUE(project_->bundles().Publish(*staged));
    }
  }
  void MakeNewCurrent(const std::string& version) {
    const Status made = MakeNewBundleCurrent(*project_, version, "training");
    ASSERT_TRUE(made) << made.error().message;
  }
  std::vector<std::string> Recorded(size_t most = 100) {
    std::vector<std::string> lines;
    const auto changes = BundleChanges(*project_, most);
    EXPECT_TRUE(changes) << changes.error().message;
    for (const BundleChange& one : changes.value()) {
      EXPECT_EQ(one.time.size(), std::string("2026-05-01T08:00:00.000Z").size()) << one.time;
      lines.push_back(one.from + ">" + one.to + " " + one.by);
    }
    return lines;
  }

  base::TestFolder folder_;
  std::unique_ptr<Project> project_;
};

TEST_F(CurrentBundleTest, ChangesAreRecordedAndTheLastOneCounts) {
  EXPECT_TRUE(Recorded().empty());
  AddBundles(3);
  MakeNewCurrent("v000001");
  MakeNewCurrent("v000003");
  ASSERT_TRUE(MakeNewBundleCurrent(*project_, "v000002", "roll back"));
  EXPECT_EQ(project_->bundles().Current().value(), "v000002");
  EXPECT_THAT(Recorded(), testing::ElementsAre(">v000001 training", "v000001>v000003 training",
                                               "v000003>v000002 roll back"));
  EXPECT_THAT(Recorded(1), testing::ElementsAre("v000003>v000002 roll back"));
  EXPECT_EQ(PreviousBundle(*project_).value(), "v000001");
}

TEST_F(CurrentBundleTest, DamagedLinesAreNoChanges) {
  AddBundles(1);
  MakeNewCurrent("v000001");
  const std::filesystem::path file = project_->bundles().root() / "changes.log";
  const std::string whole = base::ReadFile(file).value();
  const std::string half = whole.substr(0, whole.size() / 2);
  ASSERT_TRUE(
      base::WriteFileAtomic(file, "\x01\xff noise\n" + half + "\n\n" + half + whole + whole));
  EXPECT_THAT(Recorded(), testing::ElementsAre(">v000001 training"));
}

TEST_F(CurrentBundleTest, ATrainingThatHoldsTheProjectIsInNobodysWay) {
  AddBundles(1);
  const auto training = project_->Lock();
  ASSERT_TRUE(training);
  MakeNewCurrent("v000001");
  EXPECT_EQ(project_->bundles().Current().value(), "v000001");
}

TEST_F(CurrentBundleTest, ChangesWaitForEachOther) {
  AddBundles(9);
  std::vector<std::thread> threads;
  for (int i = 1; i <= 9; ++i) {
    threads.emplace_back([this, i] { MakeNewCurrent(fmt::format("v{:06}", i)); });
  }
  for (std::thread& one : threads) one.join();
  const auto changes = BundleChanges(*project_, 100).value();
  ASSERT_EQ(changes.size(), 9u);
  for (size_t i = 1; i < changes.size(); ++i) EXPECT_EQ(changes[i].from, changes[i - 1].to);
  EXPECT_EQ(project_->bundles().Current().value(), changes.back().to);
}

TEST_F(CurrentBundleTest, WhatIsNoBundleChangesNothing) {
  EXPECT_THAT(MakeBundleCurrent(*project_, "v000001", "publish").error().message,
              HasSubstr("no bundle published yet; run `upnext train`"));
  AddBundles(2);
  MakeNewCurrent("v000001");
  const auto none = MakeBundleCurrent(*project_, "v000009", "publish");
  EXPECT_EQ(none.error().code, Code::kNotFound);
  EXPECT_THAT(none.error().message, HasSubstr("v000001, v000002, found 'v000009'"));
  EXPECT_EQ(MakeBundleCurrent(*project_, "", "publish").error().code, Code::kFailedPrecondition);
  EXPECT_FALSE(MakeBundleCurrent(*project_, "v000002", "publish")) << "it has no manifest";
  EXPECT_EQ(project_->bundles().Current().value(), "v000001");
  EXPECT_EQ(Recorded().size(), 1u);
}

}  // namespace
}  // namespace upnext::project
