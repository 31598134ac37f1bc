#include "simulator/world.h"

#include <gtest/gtest.h>

#include <cmath>

#include "simulator/draws.h"
#include "simulator/test_world.h"

namespace upnext::simulator {
namespace {

WorldOptions SmallWorld() {
  WorldOptions options;
  options.users = 300;
  options.items = 600;
  options.days = 10;
  return options;
}

Context At(const World& world, int day) {
  return {.time_ms = world.options().start_ms() + int64_t{day} * 86'400'000};
}

TEST(World, RefusesImpossibleOptions) {
  WorldOptions options = SmallWorld();
  options.days = 0;
  const Result<World> world = World::Create(options);
  ASSERT_FALSE(world);
  EXPECT_EQ(world.error().code, Code::kInvalidArgument);
}

// The learned bias logits of Zhao et al. 2019, figure 7, interpreted as odds relative to position
// 1.
TEST(World, DesktopExaminationFollowsThePublishedBiasCurve) {
  const World world = MakeWorld(SmallWorld());
  const double logits[] = {-1.02, -1.26, -1.49, -1.70, -1.81, -1.89, -1.92, -1.94, -1.99};
  for (uint32_t p = 1; p <= 9; ++p) {
    EXPECT_NEAR(world.ExaminationProbability(p, Device::kDesktop),
                std::exp(logits[p - 1] - logits[0]), 0.03)
        << "position " << p;
  }
}

TEST(World, ExaminationFallsWithPositionAndDiffersByDevice) {
  const World world = MakeWorld(SmallWorld());
  for (size_t d = 0; d < kDevices; ++d) {
    const auto device = static_cast<Device>(d);
    EXPECT_DOUBLE_EQ(world.ExaminationProbability(1, device), 1.0);
    for (uint32_t p = 2; p <= 20; ++p) {
      EXPECT_LT(world.ExaminationProbability(p, device),
                world.ExaminationProbability(p - 1, device));
      EXPECT_GT(world.ExaminationProbability(p, device), 0);
    }
  }
  EXPECT_GT(world.ExaminationProbability(5, Device::kTv),
            2 * world.ExaminationProbability(5, Device::kPhone));
}

TEST(World, UsersAreFunctionsOfTheSeedWithTwoToFiveDriftingInterests) {
  const World world = MakeWorld(SmallWorld());
  double drifted = 0;
  for (uint32_t id = 0; id < 300; ++id) {
    const User user = world.user(id), again = world.user(id);
    EXPECT_EQ(user.topic, again.topic);
    EXPECT_EQ(user.style, again.style);
    ASSERT_GE(user.interests, 2);
    ASSERT_LE(user.interests, 5);
    double before = 0;
    for (uint32_t t = 0; t < 24; ++t) before += user.Interest(t, world.options().start_ms());
    EXPECT_NEAR(before, 1, 1e-9);
    drifted += std::abs(
        user.Interest(user.topic[0], world.options().start_ms()) -
        user.Interest(user.topic[0], world.options().start_ms() + 30 * int64_t{86'400'000}));
    EXPECT_GE(user.gender, 0);
    EXPECT_LE(user.gender, 1);
  }
  EXPECT_GT(drifted / 300, 0.05);
  EXPECT_LT(drifted / 300, 0.4);
}

// Activity x of the upper half follows P(X > x) ~ x^-(exponent - 1), checked by Hill's estimator of
// the exponent.
TEST(World, ActivityFollowsThePlantedPowerLaw) {
  WorldOptions options = SmallWorld();
  const TopicTastes tastes = TopicTastes::Of(options);
  std::vector<double> activity;
  double total = 0;
  for (uint32_t id = 0; id < 20'000; ++id) {
    activity.push_back(MakeUser(options, tastes, id).sessions_per_day);
    total += activity.back();
  }
  EXPECT_NEAR(total / 20'000, options.audience.sessions_per_day, 0.06);
  std::sort(activity.rbegin(), activity.rend());
  // Between the 1 % and 50 % quantiles, where the cut has no effect.
  const double slope = std::log(0.5 / 0.01) / std::log(activity[200] / activity[10'000]);
  EXPECT_NEAR(slope, options.audience.activity_exponent - 1, 0.1);
}

TEST(World, ClicksFollowInterestLanguageSeriesAndWhatWasWatched) {
  const World world = MakeWorld(SmallWorld());
  const Context context = At(world, 5);
  double matching = 0, other = 0, foreign = 0;
  int n_matching = 0, n_other = 0, n_foreign = 0;
  for (uint32_t u = 0; u < 100; ++u) {
    const User user = world.user(u);
    for (uint32_t i = 0; i < world.catalogue().size(); i += 3) {
      const Item& item = world.catalogue().item(i);
      const double p = world.ClickProbability(user, i, context);
      ASSERT_GT(p, 0);
      ASSERT_LT(p, 1);
      if (!user.Speaks(item.language)) {
        foreign += p, ++n_foreign;
      } else if (user.Interest(item.topic, context.time_ms) > 0.3) {
        matching += p, ++n_matching;
      } else {
        other += p, ++n_other;
      }
      Context next = context, seen = context;
      next.next_episode = true;
      seen.watched_before = true;
      EXPECT_GT(world.ClickProbability(user, i, next), p);
      EXPECT_LT(world.ClickProbability(user, i, seen), p);
    }
  }
  EXPECT_GT(matching / n_matching, 3 * other / n_other);
  EXPECT_GT(other / n_other, 2 * foreign / n_foreign);
}

TEST(World, TrustAddsToTheClickLogitByPositionAndIsZeroByDefault) {
  WorldOptions options = SmallWorld();
  const World plain = MakeWorld(options);
  options.examination.trust = 1.2;
  options.examination.trust_scale = 2;
  const World trusting = MakeWorld(options);
  const auto logit = [](double p) { return std::log(p / (1 - p)); };
  const User user = plain.user(3);
  Context context = At(plain, 5);
  const double bare = plain.ClickProbability(user, 11, context);
  EXPECT_EQ(trusting.ClickProbability(user, 11, context), bare);
  for (const uint32_t position : {1u, 2u, 7u}) {
    context.position = position;
    EXPECT_EQ(plain.ClickProbability(user, 11, context), bare);
    EXPECT_NEAR(logit(trusting.ClickProbability(user, 11, context)) - logit(bare),
                1.2 * std::exp(-(position - 1.0) / 2), 1e-9);
  }
}

TEST(World, DrawnWatchesHaveTheExpectedMeanAndNeverExceedTheDuration) {
  const World world = MakeWorld(SmallWorld());
  base::Rng rng(11);
  for (uint32_t u = 0; u < 12; ++u) {
    const User user = world.user(u);
    const uint32_t id = u * 41;
    Context context = At(world, 3);
    context.device = static_cast<Device>(u % kDevices);
    const double expected = world.ExpectedWatchSeconds(user, id, context);
    double sum = 0, squares = 0;
    constexpr int kDraws = 20'000;
    for (int n = 0; n < kDraws; ++n) {
      const double seconds = world.WatchSeconds(user, id, context, rng.Uniform(), rng.Uniform());
      ASSERT_GE(seconds, 0);
      ASSERT_LE(seconds, static_cast<double>(world.catalogue().item(id).duration_s));
      sum += seconds, squares += seconds * seconds;
    }
    const double mean = sum / kDraws, deviation = std::sqrt(squares / kDraws - mean * mean);
    EXPECT_NEAR(mean, expected, 4.5 * deviation / std::sqrt(kDraws) + 1e-3);
  }
}

// Pearson's correlation over (user, item) pairs of two functions of the truth.
template <typename X, typename Y>
double Correlation(const World& world, X x_of, Y y_of) {
  double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
  for (uint32_t u = 0; u < 60; ++u) {
    const User user = world.user(u);
    for (uint32_t i = 0; i < world.catalogue().size(); i += 7) {
      const double a = x_of(user, i), b = y_of(user, i);
      n += 1, x += a, y += b, xx += a * a, yy += b * b, xy += a * b;
    }
  }
  return (n * xy - x * y) / std::sqrt((n * xx - x * x) * (n * yy - y * y));
}

TEST(World, ClickbaitDrawsClicksAndLosesWatchTime) {
  const World world = MakeWorld(SmallWorld());
  const Context context = At(world, 3);
  const auto clickbait = [&](const User&, uint32_t i) {
    return static_cast<double>(world.catalogue().item(i).clickbait);
  };
  const auto click = [&](const User& user, uint32_t i) {
    return std::log(world.ClickProbability(user, i, context));
  };
  const auto fraction = [&](const User& user, uint32_t i) {
    return world.ExpectedWatchSeconds(user, i, context) /
           static_cast<double>(world.catalogue().item(i).duration_s);
  };
  EXPECT_GT(Correlation(world, clickbait, click), 0.15);
  EXPECT_LT(Correlation(world, clickbait, fraction), -0.15);
}

TEST(World, EngagementAndSatisfactionCorrelateAsPlanted) {
  double last = 2;
  for (const double planted : {1.0, 0.5, 0.0, -0.5}) {
    WorldOptions options = SmallWorld();
    options.response.satisfaction_correlation = planted;
    const World world = MakeWorld(options);
    const Context context = At(world, 3);
    // On the logit scale, where the terms are added.
    const auto satisfaction = [&](const User& user, uint32_t i) {
      const double s = world.Satisfaction(user, i, context);
      return std::log(s / (1 - s));
    };
    const auto engagement = [&](const User& user, uint32_t i) {
      const Item& item = world.catalogue().item(i);
      const ResponseOptions& r = options.response;
      return r.watch_topic * world.TopicMatch(user, item, context.time_ms) +
             r.watch_style * world.StyleMatch(user, item) +
             r.watch_quality * static_cast<double>(item.quality) +
             r.watch_clickbait * static_cast<double>(item.clickbait) +
             (user.Speaks(item.language) ? 0 : r.watch_language);
    };
    const double found = Correlation(world, engagement, satisfaction);
    EXPECT_NEAR(found, planted, 0.15);
    EXPECT_LT(found, last);
    last = found;
  }
}

}  // namespace
}  // namespace upnext::simulator
