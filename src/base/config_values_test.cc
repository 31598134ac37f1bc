#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "base/config.h"
#include "base/toml_text.h"

namespace upnext::base {
namespace {

using testing::ElementsAre;

std::vector<std::string> LinesOf(const Config& config) {
  std::vector<std::string> lines;
  for (const ConfigValue& one : config.Values()) {
    lines.push_back(fmt::format("{} = {}  # {}", one.key, one.value, one.origin));
  }
  return lines;
}

TEST(ConfigValues, SayWhereEachValueThatWasReadComesFrom) {
  const Config config =
      Config::Parse("[retrieval]\ndim = 32\n\n[[feature]]\nname = \"a\"\n", "shop.toml").value();
  const ConfigTable retrieval = config.Table("retrieval");
  EXPECT_EQ(retrieval.Int("dim", 64), 32);
  EXPECT_EQ(retrieval.Choice("sampler", {"uniform", "power"}, 1), 1u);
  EXPECT_EQ(retrieval.Real("rate", 1), 1);
  EXPECT_EQ(retrieval.Ints("windows", {1, 5}).size(), 2u);
  EXPECT_EQ(config.root().Tables("feature").front().Text("name", ""), "a");
  EXPECT_FALSE(config.Table("server").Bool("keys", false));  // the file has no such table
  EXPECT_THAT(
      LinesOf(config),
      ElementsAre("feature[0].name = \"a\"  # shop.toml:5", "retrieval.dim = 32  # shop.toml:2",
                  "retrieval.rate = 1.0  # default", "retrieval.sampler = \"power\"  # default",
                  "retrieval.windows = [1, 5]  # default", "server.keys = false  # default"));
}

TEST(ConfigValues, WhatAFlagSetsStaysAlsoWhenTheFileIsReadAgain) {
  const Config config = Config::Parse("[server]\nport = 80\n", "shop.toml").value();
  EXPECT_EQ(config.Table("server").Int("port", 8080), 80);
  config.Use("server.port", "81", "--port");
  EXPECT_EQ(config.Table("server").Int("port", 8080), 80);
  EXPECT_THAT(LinesOf(config), ElementsAre("server.port = 81  # --port"));
}

// A value that is refused is a mistake and not in use.
TEST(ConfigValues, LeaveOutWhatIsRefused) {
  const Config config = Config::Parse("[server]\nport = \"x\"\n", "shop.toml").value();
  EXPECT_EQ(config.Table("server").Int("port", 8080), 8080);
  EXPECT_TRUE(config.Values().empty());
  EXPECT_FALSE(config.Check());
}

TEST(TomlText, IsReadBackAsTheSameValue) {
  const std::string text = "a \"b\"\\\n\tc\x01 \xc3\xa4";
  const double real = 0.1 + 0.2;
  const Config config =
      Config::Parse(fmt::format("a = {}\nb = {}\nc = {}\nd = {}\n", TomlText(text), TomlText(real),
                                TomlText(std::vector<std::string>{text, "x"}), TomlText(true)),
                    "p.toml")
          .value();
  EXPECT_EQ(config.root().Text("a", ""), text);
  EXPECT_EQ(config.root().Real("b", 0), real);
  EXPECT_THAT(config.root().Texts("c", {}), ElementsAre(text, "x"));
  EXPECT_TRUE(config.root().Bool("d", false));
  EXPECT_EQ(TomlText(2.0), "2.0");
  EXPECT_EQ(TomlText(1e300), "1e+300");
  EXPECT_EQ(TomlText(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(TomlText(std::vector<std::string>{}), "[]");
}

}  // namespace
}  // namespace upnext::base
