// What a pooling is for, on logs constructed to show it: the same model with another pooling,
// compared by average precision on each user's last watch.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "base/rng.h"
#include "examples/test_world.h"
#include "retrieval/test_judge.h"

namespace upnext::retrieval {
namespace {

using examples::kDay;
using examples::kHour;

// Users watch items of one topic, six a day; with `drift`, of another topic every two days. The last
// watch is of the topic that the user has just taken up.
examples::WorldOptions TasteLog(bool drift) {
  constexpr uint32_t kTastes = 6, kOfTaste = 10, kWatches = 41;
  base::Rng rng(31);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 300; ++u) {
    uint64_t topic = rng.Below(kTastes);
    for (uint32_t e = 0; e < kWatches; ++e) {
      if (drift && e % 12 == 0) topic = (topic + 1 + rng.Below(kTastes - 1)) % kTastes;
      const int64_t at = e / 6 * kDay + e % 6 * kHour + u * 1000;
      options.events.push_back(examples::Watch(
          fmt::format("u{}", u), fmt::format("t{}-{}", topic, rng.Below(kOfTaste)), at, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  return options;
}

constexpr const char* kByAge = "history(interest, item, 50, 1)";

TEST(Pooling, CG05_WeightsByAgeFollowUsersWhoseTasteDrifts) {
  const examples::World world(TasteLog(/*drift=*/true));
  const Judged by_age = TrainAndJudge(world, {.depth = 0, .watches = kByAge});
  const Difference gain = Compare(by_age, TrainAndJudge(world, {.depth = 0}));
  EXPECT_GT(gain.mean, 3 * gain.error) << by_age.map();
}

TEST(Pooling, CG05_WeightsByAgeLoseNothingWhereTasteStays) {
  const examples::World world(TasteLog(/*drift=*/false));
  const Judged by_age = TrainAndJudge(world, {.depth = 0, .watches = kByAge});
  const Difference gain = Compare(by_age, TrainAndJudge(world, {.depth = 0}));
  EXPECT_GT(gain.mean, -3 * gain.error) << by_age.map();
}

// Every user has two interests: a series, for most users one of twelve watches, and news, which
// are watched at random. The last watch is of the series. In a mean it is the weaker, the more news
// there are.
TEST(Pooling, CG06_AttentionFindsTheInterestThatCountsAmongOthers) {
  constexpr uint32_t kSeries = 16, kEpisodes = 6, kNews = 40, kWatches = 40;
  base::Rng rng(41);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 800; ++u) {
    const uint64_t one_in = u % 4 == 0 ? 2 : 12;
    for (uint32_t e = 0; e < kWatches; ++e) {
      const bool series = e + 1 == kWatches || rng.Below(one_in) == 0;
      const std::string item = series ? fmt::format("s{}-{}", u / 4 % kSeries, rng.Below(kEpisodes))
                                      : fmt::format("news{}", rng.Below(kNews));
      options.events.push_back(
          examples::Watch(fmt::format("u{}", u), item, e * kHour + u * 1000, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  const examples::World world(options);
  const Judged attention =
      TrainAndJudge(world, {.depth = 0, .pooling = Pooling::kAttention, .tie_items = true});
  const Difference gain = Compare(attention, TrainAndJudge(world, {.depth = 0, .tie_items = true}));
  EXPECT_GT(gain.mean, 3 * gain.error) << attention.map();
}

}  // namespace
}  // namespace upnext::retrieval
