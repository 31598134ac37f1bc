#include "evaluation/off_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"

namespace upnext::evaluation {
namespace {

const PolicyEstimate& Named(const OffPolicyReport& report, std::string_view name) {
  return *std::ranges::find(report.estimates, name, &PolicyEstimate::name);
}

// Pages of three places over six items, epsilon-greedy by the item's number, and users of different clicking. The click
// on an item depends on place, item, and whether the item above has the number before.
constexpr size_t kItems = 6, kPlaces = 3;
double ClickProbability(size_t place, size_t item, size_t above, double user) {
  return user * (0.9 - 0.1 * static_cast<double>(item)) / static_cast<double>(place + 1) *
         (place > 0 && above + 1 == item ? 0.5 : 1);
}

struct EpsilonLog {
  std::vector<LoggedPage> pages;
  double truth = 0;  // of the order 1, 0, 2
};
constexpr std::array<size_t, kPlaces> kTarget = {1, 0, 2};

EpsilonLog MakeLog(uint64_t seed, uint32_t users, double epsilon) {
  EpsilonLog log;
  base::Rng rng(seed);
  for (uint32_t u = 0; u < users; ++u) {
    const double user = 0.2 + 0.6 * rng.Uniform();
    for (int page = 0; page < 4; ++page) {
      LoggedPage& to = log.pages.emplace_back(LoggedPage{.user = u, .places = {}});
      std::vector<size_t> left = {0, 1, 2, 3, 4, 5};
      size_t above = kItems, target_above = kItems;
      for (size_t k = 0; k < kPlaces; ++k) {
        const double each = epsilon / static_cast<double>(left.size());
        const size_t which = rng.Uniform() < epsilon ? rng.Below(left.size()) : 0;
        const size_t item = left[which];
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(which));
        const double p = ClickProbability(k, item, above, user);
        to.places.push_back({.propensity = each + (which == 0 ? 1 - epsilon : 0),
                             .target = item == kTarget[k] ? 1.0 : 0.0,
                             .reward = rng.Uniform() < p ? 1.0 : 0.0,
                             .expected = 1.0 - 0.1 * static_cast<double>(item),
                             .expected_target = 1.0 - 0.1 * static_cast<double>(kTarget[k])});
        log.truth += ClickProbability(k, kTarget[k], target_above, user);
        above = item, target_above = kTarget[k];
      }
    }
  }
  log.truth /= static_cast<double>(log.pages.size());
  return log;
}

TEST(OffPolicy, TheSumsAreThoseOfTheirDefinitions) {
  const std::vector<LoggedPage> pages = {
      {.user = 1,
       .places = {{.propensity = 0.5, .target = 1, .reward = 2},
                  {.propensity = 0.25, .target = 1, .reward = 1}}},
      {.user = 2,
       .places = {{.propensity = 0.5, .target = 0, .reward = 4},
                  {.propensity = 0.5, .target = 1, .reward = 8}}}};
  const OffPolicyReport report = EstimateOffPolicy(pages);
  EXPECT_EQ(report.pages, 2u);
  EXPECT_EQ(report.users, 2u);
  EXPECT_DOUBLE_EQ(Named(report, "logged").mean, 7.5);
  EXPECT_DOUBLE_EQ(Named(report, "ips").mean, (2 * 2 + 8 * 1) / 2.0);
  EXPECT_DOUBLE_EQ(Named(report, "clipped").mean, std::sqrt(2.0) * (2 + 1) / 2.0);
  EXPECT_DOUBLE_EQ(Named(report, "snips").mean, 2 + 1) << "one page alone has weights";
  EXPECT_DOUBLE_EQ(Named(report, "dr").mean, Named(report, "ips").mean) << "without a model";
  EXPECT_TRUE(std::isnan(Named(report, "ips").low)) << "two users";
  ASSERT_EQ(report.places.size(), 2u);
  EXPECT_DOUBLE_EQ(report.places[0].mean, 1);
  EXPECT_DOUBLE_EQ(report.places[1].mean, 4);
  EXPECT_DOUBLE_EQ(report.places[1].effective, 1);
  EXPECT_TRUE(EstimateOffPolicy({}).estimates.empty());
}

// 200 logs: the number of intervals with the truth is binomial, 190 expected; fewer than 178 in one of 20,000 runs of the test.
TEST(OffPolicy, IntervalsCoverTheTruthAsOftenAsTheySay) {
  std::array<int, 3> covered{};
  const std::array<std::string_view, 3> names = {"ips", "snips", "dr"};
  double ips_error = 0, dr_error = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    const EpsilonLog log = MakeLog(seed, /*users=*/500, /*epsilon=*/0.6);
    const OffPolicyReport report = EstimateOffPolicy(log.pages);
    for (size_t i = 0; i < names.size(); ++i) {
      const PolicyEstimate& one = Named(report, names[i]);
      covered[i] += one.low <= log.truth && log.truth <= one.high;
    }
    ips_error += Named(report, "ips").error, dr_error += Named(report, "dr").error;
  }
  for (size_t i = 0; i < names.size(); ++i) EXPECT_GE(covered[i], 178) << names[i];
  EXPECT_LT(dr_error, 0.9 * ips_error) << "the model takes variance away";
}

TEST(OffPolicy, WeightsHaveTheMeanOneAndNotWithWrongPropensities) {
  EpsilonLog log = MakeLog(5, 2'000, 0.6);
  for (const PlaceWeights& place : EstimateOffPolicy(log.pages).places) {
    EXPECT_NEAR(place.mean, 1, 4.5 * place.error);
    EXPECT_LT(place.effective, 8'000);
  }
  for (LoggedPage& page : log.pages) {
    for (LoggedPlace& place : page.places) place.propensity = 1;
  }
  for (const PlaceWeights& place : EstimateOffPolicy(log.pages).places) {
    EXPECT_GT(std::abs(place.mean - 1), 10 * place.error);
  }
}

// Pages of a user say the same thing again.
TEST(OffPolicy, TheErrorIsOverUsers) {
  const EpsilonLog log = MakeLog(9, 400, 0.6);
  std::vector<LoggedPage> twice = log.pages;
  twice.insert(twice.end(), log.pages.begin(), log.pages.end());
  const OffPolicyReport once = EstimateOffPolicy(log.pages), doubled = EstimateOffPolicy(twice);
  for (size_t i = 0; i < once.estimates.size(); ++i) {
    if (once.estimates[i].name == "clipped") continue;  // at another weight
    EXPECT_NEAR(once.estimates[i].error, doubled.estimates[i].error, 1e-9)
        << once.estimates[i].name;
    EXPECT_NEAR(once.estimates[i].high, once.estimates[i].mean + 1.96 * once.estimates[i].error,
                1e-4);
    EXPECT_NEAR(once.estimates[i].low, once.estimates[i].mean - 1.96 * once.estimates[i].error,
                1e-4);
  }
}

}  // namespace
}  // namespace upnext::evaluation
