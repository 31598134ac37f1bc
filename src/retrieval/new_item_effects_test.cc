// What content is for, on a log where it decides: users keep to a topic, and the last watch of each,
// which is held out, is of an item that no other event has.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/rng.h"
#include "base/test_folder.h"
#include "examples/test_world.h"
#include "features/feature_statistics.h"
#include "retrieval/item_content.h"
#include "retrieval/test_judge.h"

namespace upnext::retrieval {
namespace {

constexpr uint32_t kTastesOfWorld = 6, kOldOfTopic = 20, kNewOfTopic = 5, kUsersOfWorld = 240,
                   kWatchesOfUser = 16;

examples::WorldOptions LogWithNewItems(bool last_is_new) {
  base::Rng rng(51);
  examples::WorldOptions options;
  for (uint32_t topic = 0; topic < kTastesOfWorld; ++topic) {
    for (uint32_t i = 0; i < kOldOfTopic + kNewOfTopic; ++i) {
      options.items.push_back(
          examples::Item(fmt::format("t{}-{}{}", topic, i < kOldOfTopic ? "old" : "new", i), 60,
                         fmt::format("c{}-{}", topic, i % 3),
                         {fmt::format("topic{}", topic), fmt::format("any{}", i % 4)}));
      options.items.back().title = fmt::format("Part {} of word{}", i, topic);
    }
  }
  for (uint32_t u = 0; u < kUsersOfWorld; ++u) {
    const uint32_t topic = u % kTastesOfWorld;
    for (uint32_t e = 0; e < kWatchesOfUser; ++e) {
      const bool fresh = last_is_new && e + 1 == kWatchesOfUser;
      const std::string item =
          fresh ? fmt::format("t{}-new{}", topic, kOldOfTopic + rng.Below(kNewOfTopic))
                : fmt::format("t{}-old{}", topic, rng.Below(kOldOfTopic));
      options.events.push_back(
          examples::Watch(fmt::format("u{}", u), item, e * examples::kHour + u * 1000, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  return options;
}

// Share of cases whose held-out item, the only target, is among the `n` best.
double RecallAt(const Judged& judged, size_t n) {
  double found = 0;
  for (const double precision : judged.precision) {
    found += precision >= 1.0 / static_cast<double>(n) ? 1 : 0;
  }
  return found / static_cast<double>(judged.precision.size());
}

// A topic has 25 items, a sixth of all: that is what chance finds among the 25 best. Popularity finds
// none, as the new items have no event.
TEST(NewItems, CG24_CG27_AreFoundByTheirContent) {
  const examples::World world(LogWithNewItems(/*last_is_new=*/true));
  for (const char* encoder : {"bag", "attention"}) {
    for (const uint32_t negatives : {0u, 64u}) {
      SCOPED_TRACE(fmt::format("{} {}", encoder, negatives));
      const Judged content = TrainAndJudge(world, {.tie_items = true,
                                                   .encoder = encoder,
                                                   .items = ItemEncoder::kContent,
                                                   .negatives = negatives});
      EXPECT_GT(RecallAt(content, kOldOfTopic + kNewOfTopic), 0.8);
    }
  }
  EXPECT_EQ(RecallAt(TrainAndJudge(world, {}), world.log.items()), 0);
}

TEST(NewItems, CG24_IdDropoutLetsThemCompeteWithItemsThatTrainingHasSeen) {
  const examples::World world(LogWithNewItems(/*last_is_new=*/true));
  const Judged with = TrainAndJudge(world, {.items = ItemEncoder::kContent, .id_dropout = 0.5f});
  const Difference gain =
      Compare(with, TrainAndJudge(world, {.items = ItemEncoder::kContent, .id_dropout = 0}));
  EXPECT_GT(gain.mean, 3 * gain.error) << with.map();
}

TEST(NewItems, AfterTrainingEveryVectorHasItsOwnRow) {
  const examples::World world(LogWithNewItems(/*last_is_new=*/false));
  const features::FeatureStatistics tables = world.Learn(SpecOf({.items = ItemEncoder::kContent}));
  CandidateTrainOptions options;
  options.stop_after = 1;
  options.id_dropout = 0.5f;
  base::ThreadPool pool(2);
  const auto trained = TrainCandidateModel(
      world.source, tables,
      {.items = ItemEncoder::kContent, .dim = 8, .embedding_dim = 8, .recent_windows = {}}, options,
      pool, base::NoProgress());
  ASSERT_TRUE(trained) << trained.error().message;
  CandidateModel& model = *trained->model;
  const auto bytes = [&] {
    std::vector<float> all;
    for (uint32_t row = 0; row < model.item_vectors().rows(); ++row) {
      const std::span<const float> vector = model.item_vectors().Row(row);
      all.insert(all.end(), vector.begin(), vector.end());
    }
    return all;
  };
  const std::vector<float> found = bytes();
  model.EncodeItems(ContentOfItems(tables, world.catalogue), nullptr);
  EXPECT_EQ(found, bytes());
}

// Everything that a training of several models with averages makes of content: vectors of all items are
// those of the averaged weights, new ones have as many numbers, and a file and a training that continues
// without news give them back.
TEST(NewItems, EnsemblesOfAveragedModelsHaveVectorsOfContent) {
  const examples::World world(LogWithNewItems(/*last_is_new=*/true));
  const features::FeatureStatistics tables = world.Learn(SpecOf({.items = ItemEncoder::kContent}));
  CandidateModelOptions options;
  options.items = ItemEncoder::kContent;
  options.dim = options.embedding_dim = 8;
  options.ensemble = 2;
  CandidateTrainOptions train;
  train.stop_after = 2;
  train.average_decay = 0.9;
  train.keep_state = true;
  base::ThreadPool pool(2);
  auto trained =
      TrainCandidateModel(world.source, tables, options, train, pool, base::NoProgress());
  ASSERT_TRUE(trained) << trained.error().message;
  CandidateModel& model = *trained->model;
  const NewItems fresh = NewItemsOf(tables, world.catalogue);
  ASSERT_EQ(fresh.ids.size(), size_t{kTastesOfWorld} * kNewOfTopic);
  const auto fresh_vectors = [&](const CandidateModel& of) {
    std::vector<float> vectors(2 * of.dim());
    of.EncodeNewItems(fresh.content, std::vector<uint32_t>{0, 7}, vectors.data());
    return vectors;
  };
  const std::vector<float> joined = fresh_vectors(model);
  for (uint32_t m = 0; m < 2; ++m) {
    CandidateModel& member = model.members()[m];
    const std::vector<float> own = fresh_vectors(member);
    for (size_t d = 0; d < 8; ++d) EXPECT_EQ(joined[16 + 8 * m + d], own[8 + d]);
    const std::vector<float> before(member.item_vectors().Row(3).begin(),
                                    member.item_vectors().Row(3).end());
    member.EncodeItems(ContentOfItems(tables, world.catalogue), nullptr);
    EXPECT_THAT(member.item_vectors().Row(3), testing::ElementsAreArray(before));
    EXPECT_THAT(model.item_vectors().Row(3).subspan(8 * m, 8), testing::ElementsAreArray(before));
  }
  const base::TestFolder folder;
  ASSERT_TRUE(model.Save(folder / "model", 1));
  const auto loaded = CandidateModel::Load(folder / "model", 1);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(fresh_vectors(*loaded), joined);
  const auto continued =
      TrainCandidateModel(world.source, tables, options, train, pool, base::NoProgress(),
                          {&model, &*trained->state, INT64_MAX - 1});
  ASSERT_TRUE(continued) << continued.error().message;
  EXPECT_EQ(fresh_vectors(*continued->model), joined);
  EXPECT_THAT(continued->model->item_vectors().Row(3),
              testing::ElementsAreArray(model.item_vectors().Row(3)));
}

TEST(NewItems, CG27_ContentLosesNothingOnItemsThatTrainingHasSeen) {
  const examples::World world(LogWithNewItems(/*last_is_new=*/false));
  const Judged content = TrainAndJudge(world, {.items = ItemEncoder::kContent});
  const Difference gain = Compare(content, TrainAndJudge(world, {}));
  EXPECT_GT(gain.mean, -3 * gain.error) << content.map();
}

}  // namespace
}  // namespace upnext::retrieval
