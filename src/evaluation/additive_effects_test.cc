#include "evaluation/additive_effects.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace upnext::evaluation {
namespace {

// User 0 meets the better half of the items, so that the means of users are not their effects.
GroupedRows PlantedRatings(size_t ratings, double noise, uint64_t seed) {
  base::Rng rng(seed);
  GroupedRows rows{.keys = GroupKeys(2), .values = {}};
  for (size_t i = 0; i < ratings; ++i) {
    const auto user = static_cast<uint32_t>(rng.Below(4));
    const auto item = static_cast<uint32_t>(rng.Below(6) / (user == 0 ? 2 : 1));
    rows.keys[0].push_back(user);
    rows.keys[1].push_back(item);
    rows.values.push_back(3 + 0.25 * user - 0.5 * item + noise * rng.Normal());
  }
  return rows;
}

// Each round leaves a share of the error, the squared canonical correlation of user and item: .2 here.
// Means of users are wrong by up to .6, which one round makes .1 and five rounds less than .001.
TEST(AdditiveEffects, UsersAndItemsAreFittedTogether) {
  const GroupedRows rows = PlantedRatings(400, 0, 1);
  const AdditiveEffects effects({4, 6}, rows, 0);
  double squares = 0, all = 0;
  for (size_t i = 0; i < rows.values.size(); ++i) {
    const double error = effects.Predict(rows.keys, i) - rows.values[i];
    squares += error * error;
    all += 1;
  }
  EXPECT_LT(std::sqrt(squares / all), 0.01);
}

TEST(AdditiveEffects, AnEffectIsTheSumOverTheCountAndTheShrinkage) {
  // Mean 2; group 0 has 1 and 2, group 1 has 3; group 2 has none.
  const GroupedRows rows{.keys = {{0, 0, 1}}, .values = {1, 2, 3}};
  const AdditiveEffects effects({3}, rows, 4);
  const GroupKeys groups = {{0, 1, 2}};
  EXPECT_DOUBLE_EQ(effects.Predict(groups, 0), 2 - 1.0 / (2 + 4));
  EXPECT_DOUBLE_EQ(effects.Predict(groups, 1), 2 + 1.0 / (1 + 4));
  EXPECT_DOUBLE_EQ(effects.Predict(groups, 2), 2);
}

// The best shrinkage is the variance of the noise over that of the effects.
TEST(AdditiveEffects, TheValidationRowsChooseTheShrinkage) {
  const auto chosen = [](double noise) {
    return AdditiveEffects::Choose({4, 6}, PlantedRatings(60, noise, 2),
                                   PlantedRatings(4000, noise, 3))
        .shrinkage();
  };
  EXPECT_EQ(chosen(0), AdditiveEffects::kShrinkages[0]);
  EXPECT_GT(chosen(4), 10);
  EXPECT_EQ(AdditiveEffects::Choose({4, 6}, PlantedRatings(60, 0, 2), {}).shrinkage(),
            AdditiveEffects::kUsualShrinkage);
}

}  // namespace
}  // namespace upnext::evaluation
