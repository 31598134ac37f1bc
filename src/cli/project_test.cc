#include "cli/project.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/test_folder.h"

namespace upnext::cli {
namespace {

class ProjectTest : public testing::Test {
 protected:
  ProjectTest() { unsetenv("UPNEXT_DATA"); }
  ProjectFlags Write(std::string_view toml) {
    EXPECT_TRUE(base::WriteFileAtomic(folder_.path() / "shop.toml", toml));
    ProjectFlags flags;
    flags.config = (folder_.path() / "shop.toml").string();
    return flags;
  }
  base::TestFolder folder_;
};

TEST_F(ProjectTest, FoldersComeFromFlagsThenEnvironmentThenFile) {
  ProjectFlags flags = Write("[project]\ndata = \"here\"\ndirectory = \"made\"\n");
  auto project = Project::Load(flags);
  ASSERT_TRUE(project) << project.error().message;
  EXPECT_EQ(project->data, folder_.path() / "here");
  EXPECT_EQ(project->directory, folder_.path() / "made");
  setenv("UPNEXT_DATA", "/from/environment", 1);
  project = Project::Load(flags);
  unsetenv("UPNEXT_DATA");
  EXPECT_EQ(project->data, "/from/environment");
  flags.data = "/from/flag";
  flags.directory = "/elsewhere";
  project = Project::Load(flags);
  EXPECT_EQ(project->data, "/from/flag");
  EXPECT_EQ(project->directory, "/elsewhere");
  EXPECT_EQ(Project::Load(Write(""))->directory, folder_.path() / ".upnext/shop");
}

TEST_F(ProjectTest, AMistakeAnywhereIsToldWithLineAndNearestName) {
  const auto project = Project::Load(Write("[retrieval]\ndim = 32\n\n[rankign]\nwidths = [8]\n"));
  ASSERT_FALSE(project);
  EXPECT_THAT(project.error().message, testing::HasSubstr("shop.toml:4"));
  EXPECT_THAT(project.error().message, testing::HasSubstr("ranking"));
}

TEST_F(ProjectTest, WithoutLogOrBundleTheNextStepIsNamed) {
  ProjectFlags flags = Write("");
  flags.directory = (folder_.path() / "p").string();
  const auto project = Project::Load(flags);
  ASSERT_TRUE(project);
  const auto log = project->OpenLog();
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().message, testing::HasSubstr("upnext import"));
  const auto opened = OpenBundle(*project, LogChoice::kNewest);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, testing::HasSubstr("upnext train"));
}

TEST_F(ProjectTest, OneWriterAtATime) {
  ProjectFlags flags = Write("");
  flags.directory = (folder_.path() / "p").string();
  const auto project = Project::Load(flags);
  ASSERT_TRUE(project);
  const auto first = project->Lock();
  ASSERT_TRUE(first);
  const auto second = project->Lock();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kAborted);
}

TEST(ReadyProjects, EveryOneIsFreeOfMistakes) {
  for (const char* name : {"demo", "kuairand", "ml-1m", "beauty"}) {
    ProjectFlags flags;
    flags.config = (std::filesystem::path(UPNEXT_CONFIGS) / name).string() + ".toml";
    const auto project = Project::Load(flags);
    EXPECT_TRUE(project) << project.error().message;
  }
}

}  // namespace
}  // namespace upnext::cli
