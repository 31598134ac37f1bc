#include "simulator/world_options.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.h"

namespace upnext::simulator {
namespace {

TEST(WorldOptions, DefaultsAreValidAndNeedNoTable) {
  const auto config = base::Config::Parse("", "empty.toml");
  ASSERT_TRUE(config) << config.error().message;
  const WorldOptions options = WorldOptions::FromConfig(config->root());
  EXPECT_TRUE(config->Check());
  EXPECT_TRUE(options.Validate());
  EXPECT_EQ(options.users, 2000u);
}

// A key that no code reads fails Check(), and a value that is not the default differs.
TEST(WorldOptions, EveryKeyOfTheDocumentedFileIsReadAndIsTheDefault) {
  const auto path = std::filesystem::path(UPNEXT_CONFIGS) / "world.toml";
  const auto config = base::Config::Load(path);
  ASSERT_TRUE(config) << config.error().message;
  const WorldOptions read = WorldOptions::FromConfig(config->root());
  const auto checked = config->Check();
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(read, WorldOptions{});
}

TEST(WorldOptions, AMisspeltKeyNamesTheRightOne) {
  const auto config = base::Config::Parse("[catalogue]\nzipf_exponet = 1\n", "world.toml");
  ASSERT_TRUE(config) << config.error().message;
  WorldOptions::FromConfig(config->root());
  const auto checked = config->Check();
  ASSERT_FALSE(checked);
  EXPECT_NE(checked.error().message.find("zipf_exponent"), std::string::npos)
      << checked.error().message;
}

TEST(WorldOptions, RefusesWhatCannotBeAWorld) {
  WorldOptions options;
  options.items = 5;
  const Status status = options.Validate();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
  EXPECT_NE(status.error().message.find("items"), std::string::npos);
  options.items = 500;
  options.catalogue.burst_days = 0.01;
  EXPECT_FALSE(options.Validate());
  options.catalogue.burst = 0;
  EXPECT_TRUE(options.Validate());
  options.policy.popular = 0;
  EXPECT_FALSE(options.Validate());
}

}  // namespace
}  // namespace upnext::simulator
