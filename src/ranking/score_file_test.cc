#include "ranking/score_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace upnext::ranking {
namespace {

constexpr char kFileWithObjectives[] = R"toml(# é: a site
[import]
events = '''
[[ranking.objective]]
score_weight = 7
'''
[[ranking.objective]]   # by seconds
label = "watch_seconds"
  score_weight   =   1.0# as ever
name = "watch"

[[ranking.objective]]
label = "dismiss"
# nothing yet
[serving]
filter_seen = true
)toml";

Result<std::string> Written(std::string_view file, const ScoreWeights& weights) {
  return WithScoreWeights(base::Config::Parse(file, "site.toml").value(), weights);
}

TEST(ScoreFile, ChangesTheExponentsAndKeepsEveryOtherByte) {
  std::string expected = kFileWithObjectives;
  expected.replace(expected.find("1.0#"), 3, "0.75");
  const std::string label = "label = \"dismiss\"";
  expected.insert(expected.find(label), "score_weight = -0.25\n");
  const Result<std::string> text =
      Written(kFileWithObjectives, {{"watch", 0.75f}, {"dismiss", -0.25f}});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text, expected);
}

TEST(ScoreFile, EqualExponentsAndThoseOfOtherObjectivesChangeNothing) {
  for (const ScoreWeights& weights :
       {ScoreWeights{{"watch", 1}, {"dismiss", 0}}, ScoreWeights{}, ScoreWeights{{"like", 0}}}) {
    EXPECT_EQ(Written(kFileWithObjectives, weights).value(), kFileWithObjectives);
  }
}

TEST(ScoreFile, ChangesTablesWithinALineToo) {
  const Result<std::string> text =
      Written("ranking.objective = [{label = \"click\", score_weight = 1}, {label = \"save\"}]",
              {{"click", 0}, {"save", 2}});
  ASSERT_TRUE(text) << text.error().message;
  EXPECT_EQ(*text,
            "ranking.objective = [{label = \"click\", score_weight = 0}, {score_weight = 2, label "
            "= \"save\"}]");
}

TEST(ScoreFile, TheLastLineNeedsNoEnd) {
  EXPECT_EQ(Written("[[ranking.objective]]", {{"watch_seconds", 2}}).value(),
            "[[ranking.objective]]\nscore_weight = 2\n");
  EXPECT_EQ(Written("[[ranking.objective]]\nscore_weight = 1", {{"watch_seconds", 2}}).value(),
            "[[ranking.objective]]\nscore_weight = 2");
}

TEST(ScoreFile, RefusesAnExponentWithoutAnObjectiveInTheFile) {
  const Result<std::string> text = Written("[ranking]\nwidths = [8]\n", {{"watch", 1}});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(text.error().message, testing::HasSubstr("name = \"watch\""));
}

TEST(ScoreFile, LinesOfObjectivesGiveAFileTheSameOnesWithTheExponents) {
  const schema::Schema schema = {};
  const std::vector<Objective> defaults =
      ObjectivesFromConfig(base::Config::Parse("", "none").value().root(), schema);
  const std::string lines = ObjectiveLines(defaults, {{"watch", 0.5f}, {"click", -1}}, schema);
  const base::Config config = base::Config::Parse(lines, "site.toml").value();
  const std::vector<Objective> read = ObjectivesFromConfig(config.Table("ranking"), schema);
  ASSERT_TRUE(config.Check()) << lines;
  ASSERT_EQ(read.size(), defaults.size());
  EXPECT_EQ(read[0].score_weight, 0.5f);
  EXPECT_EQ(read[1].score_weight, -1.0f);
  for (size_t k = 0; k < read.size(); ++k) {
    EXPECT_EQ(read[k].name, defaults[k].name);
    EXPECT_EQ(read[k].label, defaults[k].label);
    EXPECT_EQ(read[k].event, defaults[k].event);
    EXPECT_EQ(read[k].loss, defaults[k].loss);
    EXPECT_EQ(read[k].cap, defaults[k].cap);
    EXPECT_EQ(read[k].position_bias, defaults[k].position_bias);
  }
}

}  // namespace
}  // namespace upnext::ranking
