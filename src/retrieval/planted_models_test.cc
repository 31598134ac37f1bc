// What the shape of the model and its examples are for, on logs constructed to show it: compared by
// average precision on each user's last watch.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "examples/test_world.h"
#include "retrieval/test_judge.h"
#include "retrieval/training_watches.h"
#include "schema/raw_event.h"

namespace upnext::retrieval {
namespace {

using examples::kDay;
using examples::kHour;

// Users watch items of the topic of their request. `topic(region, device)` with each of the two 0 or 1;
// all of a user's requests are from one region, and half of them from each device.
template <typename Topic>
examples::WorldOptions RequestsLog(const Topic& topic) {
  base::Rng rng(51);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 300; ++u) {
    for (int e = 0; e < 10; ++e) {
      const uint64_t region = u % 2, device = rng.Below(2);
      schema::RawEvent watch = examples::Watch(
          fmt::format("u{:03}", u), fmt::format("t{}-{}", topic(region, device), rng.Below(10)),
          e * kDay + u * 1000, 60);
      watch.region = region == 0 ? "north" : "south";
      watch.device = device == 0 ? "phone" : "tv";
      options.events.push_back(watch);
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  return options;
}

// The users of the last day have no history.
TEST(PlantedModels, CG07_RegionsAndDevicesTellTheTasteOfUsersWithoutHistory) {
  examples::WorldOptions options =
      RequestsLog([](uint64_t region, uint64_t device) { return 2 * region + device; });
  std::erase_if(options.events, [](const schema::RawEvent& event) {
    const bool is_new = event.user >= "u200", late = event.time_ms >= examples::kStart + 8 * kDay;
    return is_new != late && event.user != "u000";
  });
  options.split = {.kind = examples::SplitOptions::Kind::kTime};
  const examples::World world(options);
  const Judged with = TrainAndJudge(world, {});
  EXPECT_GE(with.precision.size(), 100u);
  for (const char* feature : {"region", "device"}) {
    const Difference gain = Compare(with, TrainAndJudge(world, {.drop = {feature}}));
    fmt::print("MAP {:.3f}, without {} {:+.3f} +- {:.3f}\n", with.map(), feature, -gain.mean,
               gain.error);
    EXPECT_GT(gain.mean, 3 * gain.error) << feature;
  }
}

// The predecessor of the paper's model: a vector for each user and each item, by the softmax over all
// items, plain descent.
Judged MatrixFactorisation(const examples::World& world, size_t dim, int epochs) {
  base::Rng rng(52);
  const size_t users = world.log.users(), items = world.log.items();
  const auto fresh = [&](size_t rows) {
    std::vector<double> vectors(rows * dim);
    for (double& x : vectors) x = 0.2 * (rng.Uniform() - 0.5);
    return vectors;
  };
  std::vector<double> p = fresh(users), q = fresh(items), scores(items), d_user(dim);
  const auto score = [&](size_t user) {
    for (size_t i = 0; i < items; ++i) {
      scores[i] = 0;
      for (size_t d = 0; d < dim; ++d) scores[i] += p[user * dim + d] * q[i * dim + d];
    }
  };
  constexpr double kRate = 0.3;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    ForTrainingWatches(world.source, [&](uint32_t user, const examples::WatchExample& watch) {
      score(user);
      const double top = *std::ranges::max_element(scores);
      double sum = 0;
      for (double& x : scores) sum += x = std::exp(x - top);
      std::ranges::fill(d_user, 0);
      for (size_t i = 0; i < items; ++i) {
        const double d_score = scores[i] / sum - (i == watch.item ? 1 : 0);
        for (size_t d = 0; d < dim; ++d) {
          d_user[d] += d_score * q[i * dim + d];
          q[i * dim + d] -= kRate * d_score * p[user * dim + d];
        }
      }
      for (size_t d = 0; d < dim; ++d) p[user * dim + d] -= kRate * d_user[d];
    });
  }
  return Judge(world, [&](const examples::HoldoutCase& held_out) {
    score(held_out.user);
    std::vector<uint32_t> list(items);
    for (uint32_t i = 0; i < items; ++i) list[i] = i;
    std::ranges::sort(list, [&](uint32_t a, uint32_t b) { return scores[a] > scores[b]; });
    return list;
  });
}

// 400 users, each with one of six tastes, of which a quarter of the watches is not.
examples::WorldOptions TastesLog() {
  base::Rng rng(53);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 400; ++u) {
    for (int e = 0; e < 16; ++e) {
      const uint64_t topic = rng.Below(4) == 0 ? rng.Below(6) : u % 6;
      options.events.push_back(examples::Watch(fmt::format("u{:03}", u),
                                               fmt::format("t{}-{}", topic, rng.Below(10)),
                                               e * kDay + u * 1000, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  return options;
}

TEST(PlantedModels, CG11_DepthZeroEqualsMatrixFactorisationWithinNoise) {
  const examples::World world(TastesLog());
  const Judged linear = TrainAndJudge(world, {.depth = 0}),
               factors = MatrixFactorisation(world, 16, 8);
  const Difference difference = Compare(linear, factors);
  fmt::print(
      "MAP of depth 0 {:.3f}, of matrix factorisation {:.3f}, difference {:+.4f} +- {:.4f}\n",
      linear.map(), factors.map(), difference.mean, difference.error);
  EXPECT_GT(factors.map(), 0.15) << "at random .08";
  EXPECT_LT(std::abs(difference.mean), 3 * difference.error);
}

// The baseline learns from the same draws, and is not better than the softmax that they approximate.
TEST(PlantedModels, CG15_NegativeSamplingIsABaselineOfTheSampledSoftmax) {
  const examples::World world(TastesLog());
  constexpr uint32_t kNegatives = 16;
  const Judged softmax = TrainAndJudge(world, {.depth = 0, .negatives = kNegatives});
  const Judged sampling = TrainAndJudge(
      world, {.depth = 0, .negatives = kNegatives, .loss = CandidateTrainOptions::Loss::kGbce});
  const Difference gain = Compare(softmax, sampling);
  fmt::print(
      "MAP of the sampled softmax {:.3f}, of negative sampling {:.3f}, difference {:+.4f} +- {:.4f}\n",
      softmax.map(), sampling.map(), gain.mean, gain.error);
  EXPECT_GT(sampling.map(), 0.11) << "at random .08";
  EXPECT_GT(gain.mean, -3 * gain.error);
}

// The topic is that of neither region nor device, but of whether they agree: no sum of two vectors
// says it.
TEST(PlantedModels, CG11_ADeepTowerFindsWhatALinearOneCannot) {
  const examples::World world(
      RequestsLog([](uint64_t region, uint64_t device) { return region ^ device; }));
  const Judged linear = TrainAndJudge(world, {.depth = 0}), deep = TrainAndJudge(world, {});
  const Judged factors = MatrixFactorisation(world, 16, 8);
  fmt::print("MAP {:.3f} deep, {:.3f} linear, {:.3f} factors\n", deep.map(), linear.map(),
             factors.map());
  for (const Judged* other : {&linear, &factors}) {
    const Difference gain = Compare(deep, *other);
    EXPECT_GT(gain.mean, 5 * gain.error);
  }
}

// Ten items of each topic are embedded on other sites before the site recommends them: all of their
// watches are off-site.
TEST(PlantedModels, CG17_ItemsThatAreWatchedOffSiteAloneAreProposed) {
  const auto log = [](bool all_watches) {
    base::Rng rng(54);
    examples::WorldOptions options;
    for (uint32_t u = 0; u < 300; ++u) {
      for (int e = 0; e < 12; ++e) {
        const bool off_site = rng.Below(2) == 0;
        schema::RawEvent watch = examples::Watch(
            fmt::format("u{:03}", u),
            fmt::format("t{}-{}{}", u % 4, off_site ? "embedded" : "", rng.Below(10)),
            e * kDay + u * 1000, 60);
        watch.off_site = off_site;
        if (all_watches || !off_site) options.events.push_back(watch);
      }
    }
    options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
    return options;
  };
  const auto embedded = [](uint32_t user) { return fmt::format("t{}-embedded", user % 4); };
  const examples::World all(log(true)), recommended(log(false));
  const Judged with = TrainAndJudge(all, {}), without = TrainAndJudge(recommended, {});
  EXPECT_GT(with.TopTenShare(embedded), 0.25) << "at random an eighth";
  EXPECT_EQ(without.TopTenShare(embedded), 0);
}

TEST(PlantedModels, CG20_SeveralPrefixesOfAUserTeachMoreThanOne) {
  base::Rng rng(55);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 200; ++u) {
    const uint64_t first = rng.Below(40);
    for (uint64_t e = 0; e < 12; ++e) {
      options.events.push_back(examples::Watch(fmt::format("u{:03}", u),
                                               fmt::format("i{}", (first + e) % 40),
                                               static_cast<int64_t>(e) * kDay + u * 1000, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  const examples::World world(options);
  const Judged several = TrainAndJudge(world, {.max_per_user = 10, .recent_windows = {1}}),
               one = TrainAndJudge(world, {.max_per_user = 1, .recent_windows = {1}});
  const Difference gain = Compare(several, one);
  fmt::print("MAP {:.3f}, with one example a user and epoch {:.3f}\n", several.map(), one.map());
  EXPECT_GT(gain.mean, 5 * gain.error);
}

}  // namespace
}  // namespace upnext::retrieval
