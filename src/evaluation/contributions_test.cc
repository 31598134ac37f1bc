#include "evaluation/contributions.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "evaluation/page_values.h"
#include "evaluation/test_pages.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using ranking::Objective;
using schema::EventType;

std::vector<Contribution> Of(const std::vector<float>& exponents, const HandMade& pages) {
  const std::vector<Objective> objectives = {WatchedSeconds(),
                                             Happening("dismiss", EventType::kDismiss),
                                             Happening("click", EventType::kClick)};
  return ContributionsOf(objectives, UnwantedOf(objectives, schema::Schema()), exponents,
                         pages.impressions);
}

// Log predictions of watch are 2, 3, 4, those of dismiss 0, 3, 0, those of click do not matter.
HandMade ThreeItems() {
  const float e = std::exp(1.0f);
  HandMade pages;
  pages.Add(0, 1, {.watch_s = 10, .predictions = {e * e, 1, 0.5f}});
  pages.Add(0, 1, {.events = {EventType::kDismiss}, .predictions = {e * e * e, e * e * e, 0.5f}});
  pages.Add(
      0, 1,
      {.watch_s = 30, .events = {EventType::kClick}, .predictions = {e * e * e * e, 1, 0.5f}});
  return pages;
}

TEST(Contributions, AreSharesOfTheVarianceAndWhatTheOrderLosesWithoutAFactor) {
  const auto all = Of({1, -1, 0}, ThreeItems());
  ASSERT_EQ(all.size(), 2u);  // an objective without an exponent contributes nothing
  EXPECT_EQ(all[0].objective, "watch");
  EXPECT_EQ(all[1].objective, "dismiss");
  EXPECT_EQ(all[1].exponent, -1);
  // Centred terms: watch -1, 0, 1; dismiss 1, -2, 1; their sum 0, -2, 2.
  EXPECT_NEAR(all[0].variance_share, 2.0 / 8, 1e-6);
  EXPECT_NEAR(all[1].variance_share, 6.0 / 8, 1e-6);
  // The order 3, 1, 2 against: without watch 1 = 3, 2 (a tie and two in order); without dismiss 3, 2,
  // 1 (two in order, one not).
  EXPECT_NEAR(all[0].correlation, 2 * 2.5 / 3 - 1, 1e-6);
  EXPECT_NEAR(all[1].correlation, 2 * 2.0 / 3 - 1, 1e-6);
  EXPECT_NEAR(all[0].value, 1, 1e-6);  // 30, 10, 0 seconds: the best order
  EXPECT_LT(all[0].value_without, 1);
  EXPECT_NEAR(all[1].value, 1, 1e-6);  // what is dismissed is last
  EXPECT_LT(all[1].value_without, 1);
}

TEST(Contributions, WithoutTheOnlyFactorNothingIsOrdered) {
  const auto all = Of({2, 0, 0}, ThreeItems());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_NEAR(all[0].variance_share, 1, 1e-12);
  EXPECT_NEAR(all[0].correlation, 0, 1e-12);
}

TEST(Contributions, PagesOfOneImpressionTellNothing) {
  HandMade pages;
  pages.Add(0, 1, {.watch_s = 10, .predictions = {1, 1, 0.5f}});
  const auto all = Of({1, 1, 0}, pages);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_TRUE(std::isnan(all[0].variance_share));
  EXPECT_TRUE(std::isnan(all[0].correlation));
  EXPECT_TRUE(std::isnan(all[0].value));
}

}  // namespace
}  // namespace upnext::evaluation
