#include "training/prediction_means.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace upnext::training {
namespace {

TEST(PredictionMeans, AreWeightedByTheExamplesOfTheBins) {
  evaluation::Report report;
  EXPECT_TRUE(PredictionMeans(report).empty());
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  report.ranking.emplace();
  report.ranking->calibration = {{.objective = "click", .bins = {{0.1, 0.2, 30}, {0.5, 0.4, 10}}},
                                 {.objective = "never", .bins = {}},
                                 {.objective = "broken", .bins = {{kNaN, 0.1, 5}}}};
  EXPECT_THAT(PredictionMeans(report),
              testing::ElementsAre(testing::Pair("click", testing::DoubleEq(0.2))));
}

}  // namespace
}  // namespace upnext::training
