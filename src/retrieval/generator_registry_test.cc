#include "retrieval/generator_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::retrieval {
namespace {

using testing::HasSubstr;

std::string MistakeIn(std::string_view toml) {
  const auto config = base::Config::Parse(toml, "upnext.toml");
  EXPECT_TRUE(config);
  LearnersFromConfig(config->Table("generators"));
  BudgetsFromConfig(config->Table("generators"));
  const Status status = config->Check();
  return status ? "" : status.error().message;
}

TEST(GeneratorRegistry, EveryGeneratorHasATableWithItsBudget) {
  const auto config = base::Config::Parse(
      "[generators.topic]\ncandidates = 50\n[generators.popular]\n"
      "candidates = 0\n[generators.candidate-model]\ncandidates = 300\n",
      "upnext.toml");
  const GeneratorBudgets budgets = BudgetsFromConfig(config->Table("generators"));
  EXPECT_TRUE(config->Check());
  EXPECT_THAT(budgets,
              testing::ElementsAre(testing::Pair("popular", 0u), testing::Pair("topic", 50u)));
  EXPECT_THAT(BudgetsFromConfig({}), testing::IsEmpty());
  EXPECT_EQ(BudgetOf("topic", budgets), 50u);
  EXPECT_EQ(BudgetOf("candidate-model", budgets), 300u);  // not among them: that of the registry
  EXPECT_EQ(BudgetOf("none", budgets), 0u);
}

TEST(GeneratorRegistry, AWrongNameNamesTheNearestRightOne) {
  EXPECT_THAT(MistakeIn("[generators.topics]\ncandidates = 50"),
              testing::AllOf(HasSubstr("generators.topics"), HasSubstr("did you mean 'topic'?")));
  EXPECT_THAT(MistakeIn("[generators.co_watch]\ncandidates = 50"),
              HasSubstr("did you mean 'co-watch'?"));
  EXPECT_THAT(MistakeIn("[generators.topic]\nhalflife_days = 2"),
              HasSubstr("did you mean 'half_life_days'?"));
  EXPECT_THAT(MistakeIn("[generators.popular]\ncandidates = -1"),
              HasSubstr("generators.popular.candidates"));
  EXPECT_EQ(MistakeIn("[generators.topic]\ncandidates = 50\nhalf_life_days = 2"), "");
}

TEST(GeneratorRegistry, LearnersAreThoseThatHaveAPart) {
  std::vector<std::string_view> names, expected;
  for (const ConfiguredLearner& one : LearnersFromConfig({})) names.push_back(one.name);
  for (const GeneratorEntry& entry : BuiltInGenerators()) {
    EXPECT_EQ(entry.learner != nullptr, entry.version > 0) << entry.name;
    if (entry.learner != nullptr) expected.push_back(entry.name);
  }
  EXPECT_EQ(names, expected);
  EXPECT_THAT(names, testing::Contains("topic"));
}

}  // namespace
}  // namespace upnext::retrieval
