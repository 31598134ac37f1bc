#include "retrieval/item2vec.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/rng.h"
#include "examples/test_world.h"
#include "kernels/vector_ops.h"
#include "retrieval/score_items.h"
#include "retrieval/test_judge.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

// Users keep to one of twenty groups of five items.
examples::WorldOptions GroupedLog() {
  base::Rng rng(61);
  examples::WorldOptions options;
  for (uint32_t u = 0; u < 400; ++u) {
    for (uint32_t e = 0; e < 8; ++e) {
      options.events.push_back(examples::Watch(fmt::format("u{}", u),
                                               fmt::format("g{:02}-{}", u % 20, rng.Below(5)),
                                               e * examples::kHour + u * 1000, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  return options;
}

std::string GroupOf(const examples::World& world, const features::Vocabulary& items, uint32_t row) {
  return std::string(world.catalogue.Name(schema::IdSpace::kItem, items.Id(row))).substr(0, 3);
}

TEST(Item2vec, ItemsOfTheSameHistoriesAreNear) {
  const examples::World world(GroupedLog());
  const features::Vocabulary items = world.Learn().vocabulary(features::kItemVocabulary);
  const nn::EmbeddingTable vectors = TrainItem2vec(world.source, items, {.dim = 16});
  EXPECT_TRUE(std::ranges::all_of(vectors.Row(0), [](float x) { return x == 0; }));
  int same = 0, all = 0;
  for (uint32_t row = 1; row < items.rows(); ++row) {
    for (const kernels::Scored& near : NearestByCosine(vectors, row, 4)) {
      same += GroupOf(world, items, row) == GroupOf(world, items, near.index) ? 1 : 0;
      ++all;
    }
  }
  EXPECT_GT(same, 0.95 * all);
}

TEST(Item2vec, TheSameSeedGivesTheSameBytes) {
  const examples::World world(GroupedLog());
  const features::Vocabulary items = world.Learn().vocabulary(features::kItemVocabulary);
  const auto third = [&](uint64_t seed) {
    const nn::EmbeddingTable vectors =
        TrainItem2vec(world.source, items, {.dim = 8, .epochs = 1, .seed = seed});
    const std::span<const float> row = vectors.Row(3);
    return std::vector<float>(row.begin(), row.end());
  };
  EXPECT_EQ(third(1), third(1));
  EXPECT_NE(third(1), third(2));
}

TEST(Item2vec, CG23_AStartNeedsFewerEpochsThanRandomRows) {
  const examples::World world(GroupedLog());
  const Judged started = TrainAndJudge(
      world, {.depth = 0, .tie_items = true, .epochs = 1, .pretrained = std::string(kItem2vec)});
  const Difference gain =
      Compare(started, TrainAndJudge(world, {.depth = 0, .tie_items = true, .epochs = 1}));
  EXPECT_GT(gain.mean, 3 * gain.error) << started.map();
}

}  // namespace
}  // namespace upnext::retrieval
