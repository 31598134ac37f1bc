#include "evaluation/score_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"
#include "evaluation/test_pages.h"
#include "examples/replay.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

using ranking::Objective;
using schema::EventType;
using testing::HasSubstr;

// Pages of eight. Half of the impressions are likely to be dismissed, which the dismiss head knows
// and the watch head does not: those are watched for a fifth of what it expects.
struct DismissedSite {
  explicit DismissedSite(uint32_t users) {
    base::Rng rng(5);
    for (uint32_t user = 0; user < users; ++user) {
      for (uint64_t page = 1; page <= 5; ++page) {
        for (int i = 0; i < 8; ++i) {
          const auto expected = static_cast<float>(10 + 90 * rng.Uniform());
          const float dismissal = rng.Uniform() < 0.5 ? 0.4f : 0.02f;
          HandMadeRow row{.watch_s = expected * (dismissal > 0.1f ? 0.2f : 1.0f),
                          .events = {},
                          .predictions = {expected, dismissal}};
          if (rng.Uniform() < static_cast<double>(dismissal)) {
            row.events.push_back(EventType::kDismiss);
          }
          pages.Add(user, page, row);
        }
      }
    }
  }
  std::vector<Objective> objectives = {WatchedSeconds(), Happening("dismiss", EventType::kDismiss)};
  HandMade pages;
};

// The click head knows what is watched longer; the same impressions are liked less.
struct ClickbaitSite {
  ClickbaitSite() {
    objectives[1].position_bias = true;
    base::Rng rng(6);
    for (uint32_t user = 0; user < 200; ++user) {
      for (uint64_t page = 1; page <= 5; ++page) {
        for (int i = 0; i < 8; ++i) {
          const auto expected = static_cast<float>(10 + 90 * rng.Uniform());
          const float click = rng.Uniform() < 0.5 ? 0.6f : 0.1f, like = 0.6f - 0.8f * click;
          HandMadeRow row{.watch_s = expected * (1 + 3 * click),
                          .events = {EventType::kClick},
                          .predictions = {expected, click, like}};
          if (rng.Uniform() < static_cast<double>(like)) row.events.push_back(EventType::kLike);
          pages.Add(user, page, row);
        }
      }
    }
  }
  std::vector<Objective> objectives = {WatchedSeconds(), Happening("click", EventType::kClick),
                                       Happening("like", EventType::kLike)};
  HandMade pages;
};

template <typename Site>
Result<ScoreSearchResult> Search(const Site& site, const ScoreSearchOptions& options = {},
                                 int threads = 2) {
  const PageValues values(site.objectives, UnwantedOf(site.objectives, schema::Schema()),
                          site.pages.impressions, {});
  base::ThreadPool pool(threads);
  return SearchScore(values, site.objectives, options, pool, base::NoProgress());
}

TEST(ScoreSearch, ADismissalThatCostsWatchTimeGetsItsNegativeExponent) {
  const auto found = Search(DismissedSite(200));
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_TRUE(found->changed);
  EXPECT_EQ(ScoreText(found->objectives, found->present.exponents), "watch:1");
  // A fifth for twenty times the dismissals: 20 ^ -.537 = 1 / 5.
  EXPECT_NEAR(found->chosen.exponents[1] / found->chosen.exponents[0],
              -std::log(5.0) / std::log(20.0), 0.05);
  EXPECT_GT(found->chosen.values[0], found->present.values[0] + 0.1);  // engagement
  EXPECT_NEAR(found->chosen.values[0], 1, 0.01);
  EXPECT_GT(found->chosen.differences[1].low, 0);  // satisfaction
}

TEST(ScoreSearch, EngagementIsNotBoughtWithSatisfactionUnlessTheTargetSaysSo) {
  const ClickbaitSite site;
  const auto kept = Search(site), engagement = Search(site, {.target = "engagement:1"});
  ASSERT_TRUE(kept && engagement);
  EXPECT_GE(kept->chosen.differences[1].high, 0);
  ASSERT_TRUE(engagement->changed);
  EXPECT_GT(engagement->chosen.exponents[1], 0);
  EXPECT_LT(engagement->chosen.differences[1].high, 0);
  EXPECT_GT(engagement->chosen.values[0], kept->chosen.values[0] + 0.05);
}

// The like head knows what is watched longer as well as the click head does.
TEST(ScoreSearch, WhatUsersWantGetsNoNegativeExponent) {
  const auto found = Search(ClickbaitSite(), {.target = "watch:1", .varied = {1, 0, 1}});
  ASSERT_TRUE(found);
  for (const ScoreLine& line : found->front) EXPECT_GE(line.exponents[2], 0);
  EXPECT_FALSE(found->changed);
  ClickbaitSite negative;
  negative.objectives[2].score_weight = -0.1f;
  const auto more = Search(negative, {.target = "watch:1", .varied = {1, 0, 1}});
  ASSERT_TRUE(more && more->changed);
  EXPECT_LT(more->chosen.exponents[2] / more->chosen.exponents[0], -0.1f);
}

TEST(ScoreSearch, ATargetOfAnObjectiveIsFollowed) {
  const auto found = Search(ClickbaitSite(), {.target = "like:1"});
  ASSERT_TRUE(found);
  EXPECT_GT(found->chosen.exponents[2], 0);
  EXPECT_GT(found->chosen.values[1], found->present.values[1] + 0.05);
  const auto mixed = Search(ClickbaitSite(), {.target = "watch:1,like:1"});
  ASSERT_TRUE(mixed);
  EXPECT_LT(mixed->chosen.values[1], found->chosen.values[1]);
  EXPECT_GT(mixed->chosen.values[0], found->chosen.values[0]);
}

TEST(ScoreSearch, NoLineOfTheFrontIsBetterThanAnotherOnBothAxes) {
  const auto found = Search(ClickbaitSite());
  ASSERT_TRUE(found);
  ASSERT_GT(found->front.size(), 2u);
  EXPECT_LE(found->front.size(), 12u);
  for (size_t i = 1; i < found->front.size(); ++i) {
    EXPECT_LT(found->front[i].values[0], found->front[i - 1].values[0]);
    EXPECT_GT(found->front[i].values[1], found->front[i - 1].values[1]);
  }
  const ScoreLine &most = found->front.front(), &least = found->front.back();
  for (const auto& [satisfaction, engagement] : found->tried) {
    EXPECT_LE(engagement, most.values[0] + 1e-12);
    EXPECT_LE(satisfaction, least.values[1] + 1e-12);
  }
  EXPECT_EQ(found->tried.size(), found->lines);
}

TEST(ScoreSearch, TheSameSeedFindsTheSameLinesOnAnyNumberOfThreads) {
  const DismissedSite site(60);
  const auto one = Search(site, {.seed = 3}, 1), three = Search(site, {.seed = 3}, 3);
  ASSERT_TRUE(one && three);
  EXPECT_EQ(one->tried, three->tried);
  EXPECT_EQ(one->chosen.exponents, three->chosen.exponents);
  EXPECT_EQ(one->chosen.values, three->chosen.values);
  const auto other = Search(site, {.seed = 4});
  ASSERT_TRUE(other);
  EXPECT_NE(one->tried, other->tried);
}

TEST(ScoreSearch, FewUsersChangeNothing) {
  const auto found = Search(DismissedSite(29));
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->changed);
  EXPECT_EQ(found->chosen.exponents, found->present.exponents);
  EXPECT_TRUE(std::isnan(found->chosen.differences[0].low));
  EXPECT_TRUE(Search(DismissedSite(30))->changed);
}

TEST(ScoreSearch, TriesNoMoreLinesThanItMay) {
  const auto found = Search(DismissedSite(40), {.max_lines = 50});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->lines, 50u);
}

TEST(ScoreSearch, ExponentsThatMayNotChangeStay) {
  const auto found = Search(ClickbaitSite(), {.target = "watch:1", .varied = {1, 0, 1}});
  ASSERT_TRUE(found);
  for (const ScoreLine& line : found->front) EXPECT_EQ(line.exponents[1], 0.0f);
}

TEST(ScoreSearch, RefusesTargetsWithTheNamesThatThereAre) {
  const DismissedSite site(30);
  for (const char* target : {"like:1", "watch", "watch:0", "watch:-1", "watch:1,,"}) {
    const auto found = Search(site, {.target = target});
    ASSERT_FALSE(found) << target;
    EXPECT_EQ(found.error().code, Code::kInvalidArgument);
    EXPECT_THAT(found.error().message, HasSubstr("watch, dismiss, engagement, satisfaction"));
    EXPECT_THAT(found.error().message, HasSubstr(std::string("'") + target + "'"));
  }
}

TEST(ScoreSearch, RefusesPagesOnWhichNoOrderIsBetter) {
  DismissedSite site(30);
  for (examples::Labels& labels : site.pages.impressions.labels) labels = {};
  const auto found = Search(site);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kFailedPrecondition);
}

TEST(ScoreTarget, EngagementIsWhatTheScoreHasOfIt) {
  std::vector<Objective> objectives = ClickbaitSite().objectives;
  EXPECT_EQ(AxesOf(objectives), (std::vector{Axis::kEngagement, Axis::kNone, Axis::kSatisfaction}));
  objectives[0].score_weight = 0;  // neither
  objectives[2].score_weight = 1;
  EXPECT_EQ(AxesOf(objectives),
            (std::vector{Axis::kEngagement, Axis::kEngagement, Axis::kSatisfaction}));
}

}  // namespace
}  // namespace upnext::evaluation
