#include "report/score_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/svg.h"

namespace upnext::report {
namespace {

using evaluation::Interval;
using evaluation::ScoreLine;
using ::testing::HasSubstr;
using ::testing::Not;

ScoreReport TunedExample() {
  const ScoreLine present{
      .exponents = {1, 0}, .values = {0.6, 0.5, 0.6}, .differences = {{0, 0}, {0, 0}, {0, 0}}};
  const ScoreLine chosen{.exponents = {1, -0.1f},
                         .values = {0.65, 0.55, 0.65},
                         .differences = {{0.04, 0.06}, {0.01, 0.09}, {0.04, 0.06}}};
  return {.search = {.objectives = {"watch", "dis<like"},
                     .figures = {{"engagement"}, {"satisfaction"}, {"watch"}},
                     .target = "engagement",
                     .present = present,
                     .chosen = chosen,
                     .changed = true,
                     .front = {chosen},
                     .truth = {},
                     .tried = {{0.5, 0.6}, {0.55, 0.65}, {0.52, 0.61}},
                     .lines = 3,
                     .pages = 1200,
                     .users = 100,
                     .impressions = 9600,
                     .seed = 7,
                     .by_request = true},
          .part = "validation",
          .predict_seconds = 1.25,
          .search_seconds = 2.5,
          .version = "v000003",
          .notes = {"a note"}};
}

TEST(ScoreReport, TableHasBothLinesTheDifferencesAndTheTime) {
  const std::string table = RenderScoreTable(TunedExample());
  EXPECT_THAT(table, HasSubstr("3 lines of exponents on 1,200 pages of 100 users of the validation "
                               "part, in 2.5 s after 1.2 s of predictions; seed 7"));
  EXPECT_THAT(table, HasSubstr("chosen: watch:1,dis<like:-0.1 in place of watch:1\n"));
  EXPECT_THAT(table, HasSubstr("+0.0500 (+0.0400 to +0.0600)"));
  EXPECT_THAT(table, HasSubstr("a note"));
  EXPECT_THAT(table, Not(HasSubstr("nan")));
}

TEST(ScoreReport, SaysWhyThePresentLineStays) {
  ScoreReport report = TunedExample();
  report.search.changed = false;
  report.search.chosen = report.search.present;
  EXPECT_THAT(RenderScoreTable(report),
              HasSubstr("watch:1 stays: the target is not higher for certain"));
  report.search.users = 12;
  EXPECT_THAT(RenderScoreTable(report),
              HasSubstr("too few users for intervals, 12 of at least 30"));
  EXPECT_THAT(RenderScoreTable(report), Not(HasSubstr("  chosen ")));
}

TEST(ScoreReport, JsonHasLinesWithExponentsAsTheyAreWritten) {
  ScoreReport report = TunedExample();
  report.search.front[0].differences[0] = evaluation::kNoInterval;
  const nlohmann::json json = nlohmann::json::parse(RenderScoreJson(report));
  EXPECT_EQ(json["chosen"]["exponents"]["dis<like"], -0.1);
  EXPECT_EQ(json["chosen"]["score"], "watch:1,dis<like:-0.1");
  EXPECT_EQ(json["chosen"]["figures"]["engagement"]["value"], 0.65);
  EXPECT_EQ(json["chosen"]["figures"]["engagement"]["low"], 0.04);
  EXPECT_TRUE(json["front"][0]["figures"]["engagement"]["low"].is_null());
  EXPECT_EQ(json["changed"], true);
  EXPECT_EQ(json["lines"], 3);
}

TEST(ScoreReport, PageHasTheTradeOffAndEscapesNames) {
  const std::string page = RenderScoreHtml(TunedExample());
  EXPECT_THAT(page, HasSubstr("<svg"));
  EXPECT_THAT(page, HasSubstr("dis&lt;like:-0.1"));
  EXPECT_THAT(page, Not(HasSubstr("dis<like")));
  ScoreReport one_axis = TunedExample();
  one_axis.search.tried.clear();
  EXPECT_THAT(RenderScoreHtml(one_axis), Not(HasSubstr("<svg")));
}

// Where a plot with two points draws them: y from above.
std::pair<double, double> HeightsOf(bool from_zero) {
  LinePlotOptions plot{
      .title = "t", .x_label = "x", .y_label = "y", .lines = {}, .from_zero = from_zero};
  plot.lines.push_back({.label = "a", .points = {{10, 100}, {11, 101}}, .connected = false});
  const std::string svg = LinePlot(plot);
  EXPECT_THAT(svg, Not(HasSubstr("polyline")));
  const size_t first = svg.find("cy=\""), second = svg.find("cy=\"", first + 1);
  return {std::stod(svg.substr(first + 4)), std::stod(svg.substr(second + 4))};
}

TEST(LinePlotTest, AxesCoverThePointsAloneUnlessTheyBeginAtZero) {
  const auto [low, high] = HeightsOf(false);
  EXPECT_GT(low - high, 200);
  const auto [from_zero_low, from_zero_high] = HeightsOf(true);
  EXPECT_LT(from_zero_low - from_zero_high, 5);
}

}  // namespace
}  // namespace upnext::report
