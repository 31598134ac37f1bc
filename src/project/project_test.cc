#include "project/project.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/test_folder.h"

namespace upnext::project {
namespace {

class ProjectTest : public testing::Test {
 protected:
  ProjectTest() { unsetenv("UPNEXT_DATA"); }
  Location Write(std::string_view toml) {
    EXPECT_TRUE(base::WriteFileAtomic(folder_.path() / "shop.toml", toml));
    Location location;
    location.config = (folder_.path() / "shop.toml").string();
    return location;
  }
  base::TestFolder folder_;
};

TEST_F(ProjectTest, FoldersComeFromFlagsThenEnvironmentThenFile) {
  Location location = Write("[project]\ndata = \"here\"\ndirectory = \"made\"\n");
  auto project = Project::Load(location);
  ASSERT_TRUE(project) << project.error().message;
  EXPECT_EQ(project->data(), folder_.path() / "here");
  EXPECT_EQ(project->directory(), folder_.path() / "made");
  setenv("UPNEXT_DATA", "/from/environment", 1);
  project = Project::Load(location);
  unsetenv("UPNEXT_DATA");
  EXPECT_EQ(project->data(), "/from/environment");
  location.data = "/from/flag";
  location.directory = "/elsewhere";
  project = Project::Load(location);
  EXPECT_EQ(project->data(), "/from/flag");
  EXPECT_EQ(project->directory(), "/elsewhere");
  EXPECT_EQ(Project::Load(Write(""))->directory(), folder_.path() / ".upnext/shop");
}

TEST_F(ProjectTest, WithoutLogOrBundleTheNextStepIsNamed) {
  Location location = Write("");
  location.directory = (folder_.path() / "p").string();
  const auto project = Project::Load(location);
  ASSERT_TRUE(project);
  const auto log = project->OpenLog();
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().message, testing::HasSubstr("upnext import"));
  const auto opened = project->OpenBundle(bundle::LogChoice::kNewest);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, testing::HasSubstr("upnext train"));
}

TEST_F(ProjectTest, TheLogOfAnotherSchemaIsRefused) {
  Location location = Write("[schema.items]\nprice = \"number\"\n");
  location.directory = (folder_.path() / "p").string();
  const auto project = Project::Load(location);
  ASSERT_TRUE(project);
  const auto staged = project->logs().Begin();
  ASSERT_TRUE(staged);
  const std::vector<schema::RawEvent> events = {{.user = "u", .item = "i", .time_ms = 1}};
  ASSERT_TRUE(log::WriteEventLog(*staged, events, {}, {}));
  ASSERT_TRUE(project->logs().SetCurrent(*project->logs().Publish(*staged)));
  const auto log = project->OpenLog();
  ASSERT_FALSE(log);
  EXPECT_EQ(log.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(
      log.error().message,
      testing::AllOf(testing::HasSubstr("`schema.items.price = \"number\"`, the log does not"),
                     testing::HasSubstr("run `upnext import` again")));
  location = Write("");
  location.directory = (folder_.path() / "p").string();
  EXPECT_TRUE(Project::Load(location)->OpenLog());
}

TEST_F(ProjectTest, OneWriterAtATime) {
  Location location = Write("");
  location.directory = (folder_.path() / "p").string();
  const auto project = Project::Load(location);
  ASSERT_TRUE(project);
  const auto first = project->Lock();
  ASSERT_TRUE(first);
  const auto second = project->Lock();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAborted);
}

// A version with a manifest, if a log is given that it was trained on, and nothing else.
void PublishFolder(base::VersionedRoot root, const std::string& log_version) {
  const auto staged = root.Begin();
  ASSERT_TRUE(staged) << staged.error().message;
  if (!log_version.empty()) {
    bundle::Manifest manifest;
    manifest.log_version = log_version;
    ASSERT_TRUE(bundle::WriteManifest(*staged, manifest));
  }
  ASSERT_TRUE(root.Publish(*staged));
}

// Three bundles and their logs stay, and what is current.
TEST_F(ProjectTest, PruneKeepsWhatIsCurrentAndTheNewestBundlesWithTheirLogs) {
  Location location = Write("");
  location.directory = (folder_.path() / "p").string();
  const auto project = Project::Load(location);
  ASSERT_TRUE(project);
  for (int i = 1; i <= 6; ++i) PublishFolder(project->logs(), "");
  for (const char* log : {"v000001", "v000002", "v000003", "v000003", "v000004"}) {
    PublishFolder(project->bundles(), log);
  }
  ASSERT_TRUE(project->logs().SetCurrent("v000006"));
  ASSERT_TRUE(project->bundles().SetCurrent("v000001"));
  const Status pruned = project->Prune();
  ASSERT_TRUE(pruned) << pruned.error().message;
  EXPECT_THAT(*project->bundles().Versions(),
              testing::ElementsAre("v000001", "v000003", "v000004", "v000005"));
  EXPECT_THAT(*project->logs().Versions(),
              testing::ElementsAre("v000001", "v000003", "v000004", "v000006"));
}

// After a roll back one can roll back further.
TEST_F(ProjectTest, PruneKeepsTheTwoBundlesBeforeTheCurrentOne) {
  Location location = Write("");
  location.directory = (folder_.path() / "p").string();
  const auto project = Project::Load(location);
  ASSERT_TRUE(project);
  PublishFolder(project->logs(), "");
  for (int i = 1; i <= 8; ++i) PublishFolder(project->bundles(), "v000001");
  ASSERT_TRUE(project->bundles().SetCurrent("v000004"));
  ASSERT_TRUE(project->Prune());
  EXPECT_THAT(
      *project->bundles().Versions(),
      testing::ElementsAre("v000002", "v000003", "v000004", "v000006", "v000007", "v000008"));
}

TEST_F(ProjectTest, WhatIsServedIsNamedAlsoWhenALogIsNewer) {
  Location location = Write("");
  location.directory = (folder_.path() / "p").string();
  const auto project = Project::Load(location);
  ASSERT_TRUE(project);
  const auto served = [&] {
    const auto versions = project->Served();
    EXPECT_TRUE(versions) << versions.error().message;
    return *versions;
  };
  EXPECT_EQ(served().bundle, "");
  EXPECT_EQ(served().Note(), "");
  const auto publish_log = [&](const std::string& item) {
    const auto staged = project->logs().Begin();
    const std::vector<schema::RawEvent> events = {{.user = "u", .item = item, .time_ms = 1}};
    ASSERT_TRUE(log::WriteEventLog(*staged, events, {}, {}));
    ASSERT_TRUE(project->logs().SetCurrent(*project->logs().Publish(*staged)));
  };
  publish_log("i");
  EXPECT_EQ(served().newest_log, "v000001");
  PublishFolder(project->bundles(), "v000001");
  ASSERT_TRUE(project->bundles().SetCurrent("v000001"));
  EXPECT_EQ(served().bundle, "v000001");
  EXPECT_EQ(served().log, "v000001");
  EXPECT_EQ(served().Note(), "");
  publish_log("j");
  EXPECT_EQ(served().log, "v000001");
  EXPECT_THAT(served().Note(), testing::HasSubstr("served with log v000001: in log v000002"));
}

TEST_F(ProjectTest, OneProcessAtATimeHasTheStoreOpen) {
  Location location = Write("");
  location.directory = (folder_.path() / "p").string();
  const auto project = Project::Load(location);
  ASSERT_TRUE(project);
  ASSERT_TRUE(base::MakeDirectories(project->directory()));
  const auto first = project->OpenStore();
  ASSERT_TRUE(first) << first.error().message;
  const auto second = project->OpenStore();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAborted);
}

}  // namespace
}  // namespace upnext::project
