#include "cli/variables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace upnext::cli {
namespace {

// A program of two verbs, of which one has an option and a flag with variables.
struct TwoVerbs {
  CLI::App app{"two verbs", "two"};
  CLI::App* serve = app.add_subcommand("serve", "");
  CLI::App* train = app.add_subcommand("train", "");
  int port = 8080;
  bool keys = true;

  TwoVerbs() {
    serve->add_option("--port", port, "Port")->envname("TWO_VERBS_PORT");
    serve->add_flag("!--no-keys", keys, "No keys")->envname("TWO_VERBS_NO_KEYS");
  }
  Status Parse(std::vector<std::string> words) {
    Variables variables(app);
    std::ranges::reverse(words);
    app.parse(words);
    return variables.Apply();
  }
};

class VariablesOfTheEnvironment : public testing::Test {
 protected:
  void TearDown() override {
    unsetenv("TWO_VERBS_PORT");
    unsetenv("TWO_VERBS_NO_KEYS");
  }
  static void Set(const char* name, const char* value) { setenv(name, value, 1); }
};

TEST_F(VariablesOfTheEnvironment, StandForFlagsThatAreNotGiven) {
  Set("TWO_VERBS_PORT", "9000");
  Set("TWO_VERBS_NO_KEYS", "1");
  TwoVerbs program;
  ASSERT_TRUE(program.Parse({"serve"}));
  EXPECT_EQ(program.port, 9000);
  EXPECT_FALSE(program.keys);
  EXPECT_EQ(OriginOf(*program.serve, "--port"), "TWO_VERBS_PORT");
  EXPECT_EQ(OriginOf(*program.serve, "--no-keys"), "TWO_VERBS_NO_KEYS");
}

TEST_F(VariablesOfTheEnvironment, ComeAfterFlags) {
  Set("TWO_VERBS_PORT", "wrong");
  TwoVerbs program;
  ASSERT_TRUE(program.Parse({"serve", "--port", "7"}));
  EXPECT_EQ(program.port, 7);
  EXPECT_EQ(OriginOf(*program.serve, "--port"), "--port");
  EXPECT_EQ(OriginOf(*program.serve, "--no-keys"), "default");
}

TEST_F(VariablesOfTheEnvironment, AnEmptyOneIsNone) {
  Set("TWO_VERBS_PORT", "");
  TwoVerbs program;
  ASSERT_TRUE(program.Parse({"serve"}));
  EXPECT_EQ(program.port, 8080);
}

TEST_F(VariablesOfTheEnvironment, AWrongValueNamesTheVariable) {
  Set("TWO_VERBS_PORT", "many");
  TwoVerbs program;
  const Status status = program.Parse({"serve"});
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, testing::HasSubstr("TWO_VERBS_PORT=many"));
}

TEST_F(VariablesOfTheEnvironment, AWrongValueDoesNotStopAVerbWithoutTheOption) {
  Set("TWO_VERBS_PORT", "many");
  TwoVerbs program;
  EXPECT_TRUE(program.Parse({"train"}));
}

}  // namespace
}  // namespace upnext::cli
