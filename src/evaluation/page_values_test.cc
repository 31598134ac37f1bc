#include "evaluation/page_values.h"

#include <gtest/gtest.h>

#include <cmath>

#include "evaluation/test_pages.h"

namespace upnext::evaluation {
namespace {

using ranking::Objective;
using schema::EventType;

constexpr double kSecond = 0.6309297535714575, kThird = 0.5;  // 1 / log2(3), 1 / log2(4)

std::vector<Objective> WatchAndDismiss() {
  return {WatchedSeconds(), Happening("dismiss", EventType::kDismiss)};
}

PageValues ValuesOf(const std::vector<Objective>& objectives, const HandMade& pages,
                    const ImpressionTruth& truth = {}) {
  return PageValues(objectives, UnwantedOf(objectives, schema::Schema()), pages.impressions, truth);
}

// 30, 0 and 10 seconds, predicted to be 1, 2 and 3; the second one is dismissed.
HandMade OnePage() {
  HandMade pages;
  pages.Add(0, 1, {.watch_s = 30, .events = {EventType::kClick}, .predictions = {1, 0.1f}});
  pages.Add(0, 1, {.events = {EventType::kDismiss}, .predictions = {2, 0.4f}});
  pages.Add(0, 1, {.watch_s = 10, .events = {EventType::kClick}, .predictions = {3, 0.2f}});
  return pages;
}

TEST(PageValues, AreTheDiscountedShareOfTheWayFromTheWorstOrderToTheBest) {
  const PageValues values = ValuesOf(WatchAndDismiss(), OnePage());
  const double worst = 10 * kSecond + 30 * kThird, best = 30 + 10 * kSecond;
  const double ordered = 10 + 30 * kThird;  // by prediction: the last, the dismissed, the first
  EXPECT_NEAR(values.Of({{1, 0}})[0], (ordered - worst) / (best - worst), 1e-12);
  EXPECT_NEAR(values.Of({{1, 0}})[1], (1 - kSecond) / (1 - kThird), 1e-12);
  EXPECT_EQ(values.pages(), 1u);
  EXPECT_EQ(values.users(), 1u);
}

TEST(PageValues, ANegativeExponentPutsWhatIsNotWantedLast) {
  const PageValues values = ValuesOf(WatchAndDismiss(), OnePage());
  EXPECT_NEAR(values.Of({{0, -1}})[1], 1, 1e-12);
  EXPECT_NEAR(values.Of({{0, -1}})[0], 1, 1e-12);  // .1, .2, .4: 30, 10, 0 seconds
  EXPECT_NEAR(values.Of({{0, 1}})[1], 0, 1e-12);
}

TEST(PageValues, EqualScoresShareTheirPlaces) {
  HandMade pages = OnePage();
  pages.impressions.predictions = {5, 0.1f, 5, 0.1f, 5, 0.1f};
  const PageValues values = ValuesOf(WatchAndDismiss(), pages);
  const double mean = (1 + kSecond + kThird) / 3;
  const double worst = 10 * kSecond + 30 * kThird, best = 30 + 10 * kSecond;
  EXPECT_NEAR(values.Of({{1, 0}})[0], (40 * mean - worst) / (best - worst), 1e-12);
}

TEST(PageValues, WhatIsNotObservedCountsAsTheMean) {
  const std::vector<Objective> objectives = {{.name = "rating",
                                              .label = Objective::Label::kRating,
                                              .loss = Objective::Loss::kSquared,
                                              .score_weight = 1}};
  HandMade pages;  // ratings 1 and 4, and one that counts as 2.5
  for (const float rating : {1.0f, schema::kAbsent, 4.0f}) {
    pages.Add(0, 1, {.rating = rating, .predictions = {2}});
  }
  pages.impressions.predictions = {1, 3, 2};
  const double best = 3 + 1.5 * kSecond, worst = 1.5 * kSecond + 3 * kThird;
  EXPECT_NEAR(ValuesOf(objectives, pages).Of({{1}})[0],
              (1.5 + 3 * kSecond - worst) / (best - worst), 1e-12);
}

TEST(PageValues, PagesWithEqualLabelsDoNotCount) {
  HandMade pages = OnePage();
  const double alone = ValuesOf(WatchAndDismiss(), pages).Of({{1, 0}})[0];
  for (int i = 0; i < 3; ++i) pages.Add(1, 2, {.watch_s = 20, .predictions = {1, 0.1f}});
  EXPECT_NEAR(ValuesOf(WatchAndDismiss(), pages).Of({{1, 0}})[0], alone, 1e-12);
  const std::vector<Objective> saves = {WatchedSeconds(), Happening("save", EventType::kSave)};
  EXPECT_TRUE(ValuesOf(saves, pages).columns()[0].measured);
  EXPECT_FALSE(ValuesOf(saves, pages).columns()[1].measured);
}

TEST(PageValues, OfUsersAddUpToThoseOfAll) {
  HandMade pages = OnePage();
  for (const float watch_s : {5.0f, 0.0f, 50.0f, 1.0f}) {
    pages.Add(1, 2, {.watch_s = watch_s, .predictions = {60 - watch_s, 0.1f}});
  }
  const PageValues values = ValuesOf(WatchAndDismiss(), pages);
  const std::vector<double> by_user = values.ByUser({{1, -0.5f}});
  const std::vector<double> all = values.Of({{1, -0.5f}});
  const size_t columns = values.columns().size();
  ASSERT_EQ(by_user.size(), 2 * columns);
  for (size_t k = 0; k < 2; ++k) {
    const double denominator = values.denominators()[k] + values.denominators()[columns + k];
    EXPECT_NEAR((by_user[k] + by_user[columns + k]) / denominator, all[k], 1e-12);
  }
}

TEST(PageValues, HaveTheWeightedLossOfTheSameOrder) {
  const PageValues values = ValuesOf(WatchAndDismiss(), OnePage());
  const size_t loss = values.columns().size() - 1;
  // The first one's 30 seconds are below the one that was not clicked, the last one's 10 above.
  EXPECT_NEAR(values.ByUser({{1, 0}})[loss] / values.denominators()[loss], 30.0 / 40, 1e-12);
}

TEST(PageValues, TrueValueIsWhatThePageIsWorthInThisOrderOnItsDevice) {
  ImpressionTruth truth;
  truth.gains = {{{0.5, 0.25, 0.125}, {50, 10, 5}, {0.4, 0.2, 0.1}}};
  truth.device = {1, 1, 1};
  truth.examination = {{1, 1, 1}, {0.9, 0.5, 0.1}};
  const PageValues values = ValuesOf(WatchAndDismiss(), OnePage(), truth);
  ASSERT_EQ(values.columns().size(), 6u);
  EXPECT_EQ(values.columns()[3].name, kTrueWatchSeconds);
  const std::vector<double> reversed = values.Of({{1, 0}});  // the last row first
  EXPECT_NEAR(reversed[2], 0.9 * 0.125 + 0.5 * 0.25 + 0.1 * 0.5, 1e-12);
  EXPECT_NEAR(reversed[3], 0.9 * 5 + 0.5 * 10 + 0.1 * 50, 1e-12);
  EXPECT_NEAR(reversed[4], 0.9 * 0.1 + 0.5 * 0.2 + 0.1 * 0.4, 1e-12);
}

TEST(PageValues, UnwantedAreNegativeEventsAndTheLabelOfThatName) {
  const std::vector<Objective> objectives = {WatchedSeconds(),
                                             Happening("like", EventType::kLike),
                                             Happening("dislike", EventType::kDislike),
                                             Happening("skip", EventType::kSkip),
                                             {.name = "bad", .label = Objective::Label::kUnwanted}};
  EXPECT_EQ(UnwantedOf(objectives, schema::Schema()), (std::vector<uint8_t>{0, 0, 1, 1, 1}));
}

}  // namespace
}  // namespace upnext::evaluation
