#include "cli/config_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/test_folder.h"

namespace upnext::cli {
namespace {

using testing::HasSubstr;

constexpr std::string_view kGoodSelect =
    "[import]\nevents = \"SELECT 'u' AS user, 'i' AS item, 0 AS time, 'watch' AS type\"\n";

class ConfigCheck : public testing::Test {
 protected:
  // What is found in a project file, each as "error WHAT FOUND".
  std::vector<std::string> Check(std::string_view toml) {
    const std::string file = (folder_.path() / "shop.toml").string();
    EXPECT_TRUE(base::WriteFileAtomic(file, toml));
    std::vector<std::string> lines;
    for (const Finding& one : CheckConfig({.config = file}, known_)) {
      lines.push_back(std::string(HealthWord(one.health)) + " " + one.what + " " + one.found);
    }
    return lines;
  }
  // Those of whoever runs the test are known.
  void SetUp() override {
    for (char** one = environ; *one != nullptr; ++one) {
      const std::string_view text = *one;
      known_.emplace(text.substr(0, text.find('=')));
    }
  }
  base::TestFolder folder_;
  std::set<std::string> known_ = {"UPNEXT_PORT"};
};

TEST_F(ConfigCheck, AGoodFileHasNothingButOk) {
  for (const std::string& line : Check(kGoodSelect)) EXPECT_TRUE(line.starts_with("ok ")) << line;
}

TEST_F(ConfigCheck, SaysAllMistakesWithTheirLines) {
  const auto lines = Check("[retrieval]\ndmi = 3\n[ranking]\nwidths = \"wide\"\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr("shop.toml:2:1"));
  EXPECT_THAT(lines[1], HasSubstr("shop.toml:4:"));
}

TEST_F(ConfigCheck, SaysWhatASelectLacksWithItsLine) {
  const auto lines =
      Check("[import]\nevents = \"SELECT 'u' AS user, 0 AS tme, 'watch' AS type\"\n");
  EXPECT_THAT(lines,
              testing::Contains(testing::AllOf(testing::StartsWith("error events"),
                                               HasSubstr("shop.toml:2:"), HasSubstr("tme"))));
}

TEST_F(ConfigCheck, ASelectThatIsNoSqlIsAnErrorWithoutItsFilesToo) {
  EXPECT_THAT(Check("[import]\nevents = \"SELEC * FROM 'nowhere.csv'\"\n"),
              testing::Contains(testing::StartsWith("error events")));
  EXPECT_THAT(Check("[import]\nevents = \"SELECT * FROM 'nowhere.csv'\"\n"),
              testing::Contains(testing::StartsWith("warning events the files are not there")));
}

TEST_F(ConfigCheck, SaysThatTheFilesOfANetworkAreNotThere) {
  unsetenv("UPNEXT_ONNXRUNTIME");
  const auto lines =
      Check(std::string(kGoodSelect) +
            "[ranking]\nonnx = \"net.onnx\"\n[onnxruntime]\nlibrary = \"none.so\"\n");
  EXPECT_THAT(lines, testing::Contains(HasSubstr("net.onnx: no such file")));
  EXPECT_THAT(lines, testing::Contains(HasSubstr("net.json")));
  EXPECT_THAT(lines, testing::Contains(HasSubstr("none.so: no such file")));
}

TEST_F(ConfigCheck, LooksForTheOnnxRuntimeThatTheEnvironmentGivesInPlaceOfTheFile) {
  const std::string toml = std::string(kGoodSelect) +
                           "[ranking]\nonnx = \"net.onnx\"\n[onnxruntime]\nlibrary = \"none.so\"\n";
  const auto with = [&](const std::string& variable) {
    setenv("UPNEXT_ONNXRUNTIME", variable.c_str(), 1);
    return Check(toml);
  };
  const std::string there = (folder_.path() / "there.so").string();
  ASSERT_TRUE(base::WriteFileAtomic(there, ""));
  const auto missing = testing::Contains(testing::StartsWith("error onnxruntime"));
  EXPECT_THAT(with(there), testing::Not(missing));
  EXPECT_THAT(with("libonnxruntime.so"), testing::Not(missing)) << "the loader looks for it";
  EXPECT_THAT(with(there + ".1"),
              testing::Contains("error onnxruntime " + there + ".1: no such file"));
  EXPECT_THAT(with(""), testing::Contains(HasSubstr("none.so: no such file")));
  unsetenv("UPNEXT_ONNXRUNTIME");
}

TEST_F(ConfigCheck, WarnsOfWhatHasNoEffect) {
  const auto lines =
      Check(std::string(kGoodSelect) +
            "items = \"SELECT 'i' AS item\"\n[schema.items]\nprice = \"number\"\n"
            "[[serving.pin]]\nitem = \"i\"\nposition = 1\nuntil = \"2020-01-01T00:00:00Z\"\n");
  EXPECT_THAT(lines, testing::Contains(HasSubstr("warning items [schema] declares price")));
  EXPECT_THAT(lines, testing::Contains(HasSubstr("the pin of i is over since 2020-01-01")));
}

TEST_F(ConfigCheck, WarnsOfAVariableThatNothingReads) {
  setenv("UPNEXT_PROT", "80", 1);
  const auto lines = Check(kGoodSelect);
  unsetenv("UPNEXT_PROT");
  EXPECT_THAT(lines, testing::Contains(HasSubstr("did you mean 'UPNEXT_PORT'")));
}

}  // namespace
}  // namespace upnext::cli
