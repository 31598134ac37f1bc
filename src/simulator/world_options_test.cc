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

// A key that is not read fails Check(), and a value other than the default differs.
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

TEST(WorldOptions, RefusesOptionsThatNoWorldCanHave) {
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

// Every rule about several values, in a file and in code.
TEST(WorldOptions, RefusesWeightsAndSharesThatNothingCanBeDrawnFrom) {
  for (const char* refused : {
           "[catalogue.languages]\nen = 0\nde = 0\nes = 0\nfr = 0\npt = 0\n",
           "[audience.devices]\nphone = -1\n",
           "[audience.regions]\nUS = -0.1\n",
           "[sessions]\nhours = [1, 2, 3]\n",
           "[sessions]\nhours = [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]\n",
           "[policy]\nown_language = 1\n",
           "[policy]\nrelated_next = 0.8\n",
           "[audience]\nactivity_cut = 0.5\n",
       }) {
    const auto config = base::Config::Parse(refused, "world.toml");
    ASSERT_TRUE(config) << config.error().message;
    WorldOptions::FromConfig(config->root());
    EXPECT_FALSE(config->Check()) << refused;
  }
  WorldOptions options;
  options.policy.related_channel = 0.7;
  EXPECT_TRUE(options.Validate());
  options.policy.related_channel = 0.8;
  EXPECT_FALSE(options.Validate());
  options = {};
  options.policy.own_language = 1;
  EXPECT_FALSE(options.Validate());
  options = {};
  options.catalogue.languages.fill(0);
  EXPECT_FALSE(options.Validate());
  options = {};
  options.audience.regions[2] = -1;
  EXPECT_FALSE(options.Validate());
  options = {};
  options.sessions.hours.fill(0);
  EXPECT_FALSE(options.Validate());
}

TEST(WorldOptions, ReadsHoursRegionsAndDevicesByName) {
  const auto config = base::Config::Parse(
      "[audience.regions]\nBR = 0.5\n[response.tv]\nstay = 2\n[sessions]\n"
      "hours = [0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0]\n",
      "world.toml");
  ASSERT_TRUE(config) << config.error().message;
  const WorldOptions options = WorldOptions::FromConfig(config->root());
  EXPECT_TRUE(config->Check());
  EXPECT_EQ(options.audience.regions[7], 0.5);
  EXPECT_EQ(options.audience.regions[0], WorldOptions{}.audience.regions[0]);
  EXPECT_EQ(options.response.stay[3], 2);
  EXPECT_EQ(options.sessions.hours[9], 1);
  EXPECT_EQ(options.sessions.hours[8], 0);
}

}  // namespace
}  // namespace upnext::simulator
