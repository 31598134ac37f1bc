#include "api/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/test_folder.h"

namespace upnext::api {
namespace {

TEST(Settings, AMistakeAnywhereIsReportedWithLineAndNearestName) {
  const base::TestFolder folder;
  const std::filesystem::path file = folder.path() / "shop.toml";
  ASSERT_TRUE(base::WriteFileAtomic(file, "[retrieval]\ndim = 32\n\n[rankign]\nwidths = [8]\n"));
  const auto settings = Settings::Load({.config = file.string()});
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().message, testing::HasSubstr("shop.toml:4"));
  EXPECT_THAT(settings.error().message, testing::HasSubstr("ranking"));
}

TEST(RunOptions, AWrongScheduleIsAMistakeOfTheProjectFile) {
  const base::TestFolder folder;
  const std::filesystem::path file = folder.path() / "site.toml";
  ASSERT_TRUE(base::WriteFileAtomic(file, "[run]\ntrain = 'at noon'\n"));
  const auto settings = Settings::Load({.config = file.string()});
  ASSERT_FALSE(settings);
  EXPECT_THAT(settings.error().message, testing::HasSubstr("site.toml:2"));
  EXPECT_THAT(settings.error().message, testing::HasSubstr("\"at 03:00\" (UTC) or \"never\""));
}

TEST(ReadyProjects, EveryOneIsFreeOfMistakes) {
  for (const char* name : {"demo", "kuairand", "ml-1m", "beauty"}) {
    const std::string file = (std::filesystem::path(UPNEXT_CONFIGS) / name).string() + ".toml";
    const auto settings = Settings::Load({.config = file});
    EXPECT_TRUE(settings) << settings.error().message;
  }
}

}  // namespace
}  // namespace upnext::api
