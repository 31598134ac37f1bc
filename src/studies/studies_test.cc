// Runs every study at a tiny scale to keep them working. Their results are measured at full scale.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/test_folder.h"
#include "studies/study.h"

namespace upnext::studies {
namespace {

StudyReport RunTiny(const char* name) {
  const base::TestFolder folder;
  const Study* study = FindStudy(name);
  EXPECT_NE(study, nullptr) << name;
  base::ThreadPool pool(2);
  const auto report =
      RunStudy(*study, {.seeds = 1, .scale = Scale::kTiny, .scratch = folder.path()}, pool,
               base::NoProgress());
  if (report) return *report;
  ADD_FAILURE() << report.error().message;
  return Summarise(*study, {}, {});
}

double Value(const StudyReport& report, const std::string& arm, const std::string& metric) {
  for (const ArmReport& a : report.arms) {
    if (a.name == arm) return a.metrics.at(metric).mean;
  }
  ADD_FAILURE() << "no arm " << arm;
  return std::nan("");
}

// Every metric of every claim was measured, and every plot has a line.
void ExpectComplete(const StudyReport& report) {
  for (const ClaimReport& claim : report.claims) {
    EXPECT_TRUE(std::isfinite(claim.found.mean)) << claim.claim.text;
  }
  std::set<std::string> plots;
  for (const CurveReport& curve : report.curves) {
    EXPECT_FALSE(curve.points.empty()) << curve.plot << ": " << curve.line;
    plots.insert(curve.plot);
  }
  for (const PlotInfo& plot : report.study->plots) EXPECT_TRUE(plots.contains(plot.name));
}

TEST(TinyStudies, CalibrationComparesTheLogWithTheTruth) {
  const StudyReport report = RunTiny("calibration");
  ExpectComplete(report);
  for (const char* arm : {"random traffic", "policy traffic"}) {
    // A few thousand impressions with some hundred clicks: standard error about 0.02.
    EXPECT_NEAR(Value(report, arm, "auc_error"), 0, 0.08) << arm;
    EXPECT_GT(Value(report, arm, "auc_true"), 0.5) << arm;
  }
  EXPECT_NEAR(Value(report, "policy traffic", "favour_corrected"), 1, 0.15);
}

TEST(TinyStudies, CG09_ExampleAgeMovesTheCurve) {
  const StudyReport report = RunTiny("example-age");
  ExpectComplete(report);
  EXPECT_GT(Value(report, "with example age", "slope"), Value(report, "without", "slope"));
}

TEST(TinyStudies, CG19_NextWatchEvaluatesBothKindsOfLabels) {
  const StudyReport report = RunTiny("next-watch");
  ExpectComplete(report);
  EXPECT_GT(Value(report, "next watch", "recall"), 0);
  EXPECT_GT(Value(report, "held out", "recall"), 0);
}

TEST(TinyStudies, EV02_CandidateAblationHasAnArmForEachSetOfFeaturesAndDepth) {
  const StudyReport report = RunTiny("candidate-ablation");
  ExpectComplete(report);
  EXPECT_EQ(report.arms.size(), 20u);
  EXPECT_EQ(report.curves.size(), 4u);
  std::set<double> values;
  for (const ArmReport& arm : report.arms) values.insert(arm.metrics.at("map").mean);
  EXPECT_GT(values.size(), 15u) << "features and depth change the model";
}

TEST(TinyStudies, ClickbaitRanksTwoWays) {
  const StudyReport report = RunTiny("clickbait");
  ExpectComplete(report);
  EXPECT_NE(Value(report, "watch time", "clickbait"), Value(report, "clicks", "clickbait"));
}

TEST(TinyStudies, FeedbackLoopRunsItsRounds) {
  const StudyReport report = RunTiny("feedback-loop");
  ExpectComplete(report);
  for (const CurveReport& curve : report.curves) EXPECT_EQ(curve.points.size(), 2u);
  for (const char* arm : {"no exploration", "10 % exploration"}) {
    EXPECT_GT(Value(report, arm, "ndcg"), 0);
    EXPECT_LT(Value(report, arm, "ndcg"), 1);
  }
}

TEST(TinyStudies, MT11_PositionBiasSeesWhichLogCanBeSeparated) {
  const StudyReport report = RunTiny("position-bias");
  ExpectComplete(report);
  for (const char* bias : {"weak", "usual", "strong"}) {
    const std::string fixed = fmt::format("{} bias, fixed log: tower", bias);
    EXPECT_EQ(Value(report, fixed, "separable"), 0) << bias;
  }
  EXPECT_GT(Value(report, "strong bias, swapping log: tower", "correlation"), 0.8);
  const auto live = [&](const char* arm, const char* method) {
    return Value(report, fmt::format("{}: {}", arm, method), "live_watch_s");
  };
  std::set<double> values;
  double usual = 0, strong = 0;
  for (const char* method : {"none", "input", "adversarial", "tower"}) {
    values.insert(live("strong bias, live", method));
    usual += live("usual bias, live", method);
    strong += live("strong bias, live", method);
    EXPECT_NE(live("strong bias, live", method),
              live("strong bias, live with 10 % random", method));
  }
  EXPECT_LT(strong, usual) << "fewer items are looked at where examination falls faster";
  EXPECT_EQ(values.size(), 4u) << "every treatment has slates of its own";
}

TEST(TinyStudies, RK13_WatchTimeIsTheTruthInTheExactFormAndTheOddsInThePaperForm) {
  const StudyReport report = RunTiny("watch-time");
  ExpectComplete(report);
  for (const char* rate : {"10", "30"}) {
    const auto arm = [&](const char* name) { return fmt::format("{} % clicks: {}", rate, name); };
    EXPECT_NEAR(Value(report, arm("exact"), "slope"), 1, 0.1);
    EXPECT_NEAR(Value(report, arm("ordinal"), "slope"), 1, 0.1);
    EXPECT_NEAR(Value(report, arm("paper"), "slope_odds"), 1, 0.1);
    EXPECT_NEAR(Value(report, arm("paper"), "ratio"), Value(report, arm("paper"), "ratio_odds"),
                0.15);
  }
  EXPECT_GT(Value(report, "30 % clicks: paper", "slope"), 1.5);
  EXPECT_NEAR(Value(report, "2 % clicks: paper", "clicks"), 0.02, 0.005);
}

TEST(TinyStudies, MT06_MultitaskFindsExpertsOfItsGroupsOfTasks) {
  const StudyReport report = RunTiny("multitask");
  ExpectComplete(report);
  for (const char* correlation : {"1", "0.5", "0", "-0.5"}) {
    const auto arm = [&](const char* name) {
      return fmt::format("correlation {}: {}", correlation, name);
    };
    EXPECT_LT(Value(report, arm("mmoe"), "error"), 0.2);
    for (const char* other : {"shared-bottom", "mmoe, norm-silu experts", "ple"}) {
      EXPECT_NEAR(Value(report, arm(other), "multiplications") /
                      Value(report, arm("mmoe"), "multiplications"),
                  1, 0.02);
    }
  }
  double between = 0;  // .27 if the gates do not learn
  for (const char* correlation : {"0.5", "0", "-0.5"}) {
    between += Value(report, fmt::format("correlation {}: mmoe", correlation), "between") / 3;
  }
  EXPECT_GT(between, 0.4);
  for (const CurveReport& curve : report.curves) {
    if (curve.plot != "expert use of mmoe, correlation 0") continue;
    double row = 0;
    for (const auto& [expert, weight] : curve.points) row += weight;
    EXPECT_NEAR(row, 1, 1e-4) << curve.line;
  }
  // A rate at which gates collapse shows it.
  EXPECT_GT(Value(report, "correlation 0, high rate: mmoe, no gate dropout", "most"),
            Value(report, "correlation 0: mmoe, no gate dropout", "most"));
}

TEST(TinyStudies, RK11_RankingDepthComparesTheShapesOfTableOne) {
  const StudyReport report = RunTiny("ranking-depth");
  ExpectComplete(report);
  // Costs of the first layer are of the input's width; every row of the table has its own.
  const double first = Value(report, "256", "multiplications") / 256;
  EXPECT_NEAR(Value(report, "1024-512-256", "multiplications"),
              first * 1024 + 1024 * 512 + 512 * 256, 1024);
  EXPECT_LT(Value(report, "none", "multiplications"), 2 * first);
  for (const char* arm : {"none", "256", "1024-512-256"}) {
    EXPECT_LT(Value(report, arm, "user_loss"), 50) << arm << ": 50 % is a random order";
  }
  EXPECT_NE(Value(report, "1024-512-256", "user_loss"),
            Value(report, "1024-512-256, no powers", "user_loss"));
  // RK-14: clicks alone do not say which of the clicked ones is watched for long.
  EXPECT_GT(Value(report, "1024-512-256, equal weights", "user_loss"),
            Value(report, "1024-512-256", "user_loss"));
}

TEST(TinyStudies, RK09_ChurnTakesItemsThatWereShownAndNotWatchedOffTheNextPage) {
  const StudyReport report = RunTiny("churn");
  ExpectComplete(report);
  EXPECT_LT(Value(report, "with impressions", "overlap"),
            Value(report, "with impressions", "overlap_idle") - 0.05);
  EXPECT_LT(Value(report, "with impressions", "overlap"),
            Value(report, "without", "overlap") - 0.05);
  EXPECT_LT(Value(report, "with impressions", "score"), Value(report, "without", "score"));
  EXPECT_LT(Value(report, "with impressions", "score"),
            Value(report, "with impressions", "score_idle"));
  EXPECT_GT(Value(report, "with impressions", "slates"), 1);
}

TEST(TinyStudies, OracleShareMeasuresEachPartAgainstTheOracle) {
  const StudyReport report = RunTiny("oracle-share");
  ExpectComplete(report);
  EXPECT_EQ(Value(report, "oracle", "share"), 1);
  for (const ArmReport& arm : report.arms) {
    if (arm.name == "oracle") continue;
    EXPECT_GT(Value(report, arm.name, "share"), 0) << arm.name;
    EXPECT_LT(Value(report, arm.name, "share"), 1) << arm.name;
  }
  EXPECT_GT(Value(report, "tower", "share"), Value(report, "popularity", "share"));
}

TEST(TinyStudies, TR01_DriftRewardsARankerThatContinues) {
  const StudyReport report = RunTiny("drift");
  ExpectComplete(report);
  for (const CurveReport& curve : report.curves) EXPECT_EQ(curve.points.size(), 3u);
  EXPECT_GT(Value(report, "continued every day", "auc_last"),
            Value(report, "trained once", "auc_last"));
}

}  // namespace
}  // namespace upnext::studies
