// A tiny run of every study, so that none can rot; what they find is measured at full size.
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
  EXPECT_TRUE(report) << report.error().message;
  return *report;
}

double Value(const StudyReport& report, const std::string& arm, const std::string& figure) {
  for (const ArmReport& a : report.arms) {
    if (a.name == arm) return a.figures.at(figure).mean;
  }
  ADD_FAILURE() << "no arm " << arm;
  return std::nan("");
}

// Every figure of every claim was measured, and every plot has a line.
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

TEST(TinyStudies, ExampleAgeMovesTheCurve) {
  const StudyReport report = RunTiny("example-age");
  ExpectComplete(report);
  EXPECT_GT(Value(report, "with example age", "slope"), Value(report, "without", "slope"));
}

TEST(TinyStudies, NextWatchJudgesBothKindsOfLabels) {
  const StudyReport report = RunTiny("next-watch");
  ExpectComplete(report);
  EXPECT_GT(Value(report, "next watch", "recall"), 0);
  EXPECT_GT(Value(report, "held out", "recall"), 0);
}

}  // namespace
}  // namespace upnext::studies
