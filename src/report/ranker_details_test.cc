#include "report/ranker_details.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "report/render.h"

namespace upnext::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const double kUnknown = std::nan("");

evaluation::Report Detailed() {
  evaluation::Report report;
  evaluation::RankingReport& ranking = report.ranking.emplace();
  ranking.model = {"ranker", {{"auc.click", {0.77, {0.75, 0.79}}}}};
  ranking.calibration = {
      {.objective = "watch", .bins = {{5, 6, 100}, {20, 18, 90}}, .slope = 0.8, .error = 1.5},
      {.objective = "<click>", .bins = {{0.25, 0.5, 10}}, .slope = kUnknown, .error = 0.25}};
  ranking.contributions = {{.objective = "watch",
                            .exponent = 1,
                            .variance_share = 0.75,
                            .correlation = 0.5,
                            .value = 0.8,
                            .value_without = 0.6},
                           {.objective = "click",
                            .exponent = -0.5,
                            .variance_share = kUnknown,
                            .correlation = kUnknown,
                            .value = kUnknown,
                            .value_without = kUnknown}};
  ranking.experts = {.experts = {"shared 0", "task 1, 0"},
                     .tasks = {{"watch", {1, kUnknown}}, {"click", {0.25, 0.75}}},
                     .impressions = 20480};
  ranking.bias = {.positions = {1, 4},
                  .rates = {{"phone", {100, 50}, {0.25, 0.125}}, {"tv", {0, 7}, {kUnknown, 0.5}}},
                  .learned = {{"click", "phone", {0, -1.25}}}};
  ranking.importance = {.objectives = {"watch", "click"},
                        .impressions = 20011,
                        .requests = 4002,
                        .loss = 1.5,
                        .features = {{.feature = "item",
                                      .of_request = false,
                                      .loss_rise = 0.125,
                                      .error = 0.0625,
                                      .pairs_fall = {0.03, kUnknown}},
                                     {.feature = "device",
                                      .of_request = true,
                                      .loss_rise = -0.001,
                                      .error = 0.002,
                                      .pairs_fall = {0, 0.001}}}};
  return report;
}

TEST(RankerDetails, ComeBackFromJson) {
  const std::string json = RenderJson(Detailed());
  EXPECT_EQ(RenderJson(ParseJson(json).value()), json);
  const evaluation::RankingReport ranking = *ParseJson(json)->ranking;
  EXPECT_EQ(ranking.calibration[0].bins, Detailed().ranking->calibration[0].bins);
  EXPECT_EQ(ranking.contributions[1].exponent, -0.5);
  EXPECT_EQ(ranking.experts.tasks[1].weights[1], 0.75);
  EXPECT_TRUE(std::isnan(ranking.experts.tasks[0].weights[1]));
  EXPECT_EQ(ranking.bias.learned[0].logit[1], -1.25);
  EXPECT_EQ(ranking.importance->features[1].feature, "device");
}

TEST(RankerDetails, AreTablesForATerminal) {
  const std::string table = RenderTable(Detailed());
  EXPECT_THAT(
      table,
      HasSubstr("           slope  error  lowest tenth  observed  highest tenth  observed\n"
                "  watch    0.800    1.5             5         6             20        18\n"
                "  <click>      -   0.25          0.25       0.5           0.25       0.5\n"));
  EXPECT_THAT(
      table,
      HasSubstr("         exponent  share of variance  tau without   value  value without\n"
                "  watch         1              0.750        0.500  0.8000         0.6000\n"
                "  click      -0.5                  -            -       -              -\n"));
  EXPECT_THAT(table, HasSubstr("means over 20,480 impressions\n"
                               "         shared 0  task 1, 0\n"
                               "  watch     1.000          -\n"
                               "  click     0.250      0.750\n"));
  EXPECT_THAT(table, HasSubstr("less that of position 1\n"
                               "  position                  1      4\n"
                               "  click rate, phone     0.250  0.125\n"
                               "  click rate, tv            -  0.500\n"
                               "  bias of click, phone   0.00  -1.25\n"));
  EXPECT_THAT(table, HasSubstr("20,011 impressions of 4,002 requests\n"
                               "             of each  loss rise    error    watch    click\n"
                               "  item    impression   +0.12500  0.06250  +0.0300        -\n"
                               "  device     request   -0.00100  0.00200  +0.0000  +0.0010\n"));
}

TEST(RankerDetails, AreSectionsOfThePageWithoutRawText) {
  const std::string html = RenderHtml(Detailed());
  EXPECT_THAT(html, HasSubstr("watch: error 1.5, slope 0.800"));
  EXPECT_THAT(html, HasSubstr("&lt;click&gt;: error 0.25<"));
  EXPECT_THAT(html, Not(HasSubstr("<click>")));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
  // The heat of a cell grows with its value.
  EXPECT_THAT(html, HasSubstr("var(--c0) 15%, transparent)\">0.25<"));
  EXPECT_THAT(html, HasSubstr("var(--c0) 45%, transparent)\">0.75<"));
  EXPECT_THAT(html, HasSubstr("learned bias of click, in the logit, less that of position 1"));
  EXPECT_THAT(html, HasSubstr("+0.12500 &plusmn;0.06250"));
}

TEST(RankerDetails, WhatWasNotMeasuredHasNoSection) {
  evaluation::Report report;
  report.ranking.emplace().model = {"ranker", {}};
  const std::string html = RenderHtml(report);
  EXPECT_THAT(html, Not(HasSubstr("<h3>")));
  EXPECT_EQ(RankerDetailsTable(*report.ranking), "");
  EXPECT_EQ(RenderJson(ParseJson(RenderJson(report)).value()), RenderJson(report));
}

}  // namespace
}  // namespace upnext::report
