#include "ranking/ranker.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "examples/ranking_stream.h"
#include "ranking/test_batches.h"

namespace upnext::ranking {
namespace {

using Table = features::ModelShape::Table;
using ::testing::HasSubstr;

constexpr char kShared[] = "ranked_item";

size_t FeaturesThatRead(std::string_view vocabulary) {
  const features::ModelShape shape = SmallShape();
  size_t count = 0;
  for (const auto* side : {&shape.query, &shape.impression}) {
    for (const auto& slot : side->slots) count += shape.tables[slot.table].name == vocabulary;
  }
  return count;
}

features::ModelShape ShapeWith(std::string_view vocabulary, uint32_t rows) {
  features::ModelShape shape = SmallShape();
  shape.tables[shape.Find(vocabulary)].rows = rows;
  return shape;
}

TEST(Ranker, RK01_QueryIsEmbeddedOncePerRequestHoweverManyCandidates) {
  const Ranker ranker = MakeRanker({.architecture = {.widths = {8}}}, AllObjectives());
  const examples::RankingBatch one = RandomBatch(1, 1, 3), hundred = RandomBatch(1, 100, 3);
  Ranker::Scratch scratch;
  std::vector<float> predictions(hundred.size() * ranker.objectives().size());
  ranker.Score(one.queries, one.impressions, one.query_of, predictions.data(), scratch, {});
  const size_t embedded = scratch.queries.size();
  EXPECT_GT(embedded, 0u);
  ranker.Score(hundred.queries, hundred.impressions, hundred.query_of, predictions.data(), scratch,
               {});
  EXPECT_EQ(scratch.queries.size(), embedded);
}

TEST(Ranker, RK01_OneQueryForAllScoresAsItsCopyForEach) {
  const Ranker ranker = MakeRanker({.architecture = {.widths = {8}}}, AllObjectives());
  const examples::RankingBatch shared = RandomBatch(1, 20, 3);
  examples::RankingBatch copied = RandomBatch(1, 20, 3);
  for (uint32_t i = 1; i < 20; ++i) {
    features::FeatureBlock& queries = copied.queries;
    for (features::Bags& bags : queries.categorical) {
      const std::vector<uint32_t> first(bags[0].begin(), bags[0].end());
      bags.ids.insert(bags.ids.end(), first.begin(), first.end());
      bags.Close();
    }
    const auto width = static_cast<ptrdiff_t>(shared.queries.dense.size());
    queries.dense.insert(queries.dense.end(), shared.queries.dense.begin(),
                         shared.queries.dense.begin() + width);
    ++queries.rows;
    copied.query_of[i] = i;
  }
  EXPECT_THAT(ScoreAll(ranker, shared),
              testing::Pointwise(testing::FloatNear(1e-5f), ScoreAll(ranker, copied)));
}

TEST(Ranker, RK02_FeaturesOfOneIdSpaceShareOneTable) {
  ASSERT_GE(FeaturesThatRead(kShared), 3u);
  const RankerOptions options{.architecture = {.widths = {8}},
                              .max_dim = 4};  // every table at its largest
  const size_t small =
      MakeRanker(options, {WatchObjective()}, ShapeWith(kShared, 1'000)).parameters();
  const size_t large =
      MakeRanker(options, {WatchObjective()}, ShapeWith(kShared, 11'000)).parameters();
  const size_t shared = large - small;
  EXPECT_EQ(shared, 10'000u * 4u);
  fmt::print("{} features, {} numbers in one table; {} with a table each\n",
             FeaturesThatRead(kShared), shared, shared * FeaturesThatRead(kShared));
}

TEST(Ranker, RK03_EmbeddingDimGrowsWithTheLogarithmOfTheVocabulary) {
  const RankerOptions options{.dim_scale = 6, .max_dim = 32};
  const std::vector<std::pair<uint32_t, uint32_t>> expected = {
      {1, 2}, {10, 6}, {100, 12}, {1'000, 18}, {10'000, 24}, {100'000, 30}, {1'000'000, 32}};
  for (const auto& [rows, dim] : expected)
    EXPECT_EQ(EmbeddingDim(options, Table{"topic", rows}), dim) << rows;
  uint32_t last = 0;
  for (uint32_t rows = 1; rows < 2'000'000; rows += rows / 7 + 1) {
    const uint32_t dim = EmbeddingDim(options, Table{"topic", rows});
    EXPECT_GE(dim, last);
    last = dim;
  }
  EXPECT_LT(EmbeddingDim({.dim_scale = 2}, Table{"topic", 1'000}),
            EmbeddingDim({.dim_scale = 4}, Table{"topic", 1'000}));
}

// The first mistake of a project file with this [ranking].
std::string WhyUnread(const std::string& toml) {
  const auto config = base::Config::Parse(toml, "test");
  EXPECT_TRUE(config);
  RankerOptions::FromConfig(config->Table("ranking"));
  const Status checked = config->Check();
  return checked ? "" : checked.error().message;
}

TEST(Ranker, RK03_AVocabularyCanHaveADimOfItsOwn) {
  const auto config = base::Config::Parse("[ranking.dims]\ntopic = 3\n", "test");
  ASSERT_TRUE(config);
  const RankerOptions options = RankerOptions::FromConfig(config->Table("ranking"));
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_EQ(EmbeddingDim(options, Table{"topic", 1'000}), 3u);
  EXPECT_EQ(EmbeddingDim(options, Table{"channel", 1'000}), 18u);
  EXPECT_THAT(WhyUnread("[ranking.dims]\ntopics = 3\n"), HasSubstr("did you mean 'topic'"));
  EXPECT_THAT(WhyUnread("[ranking.dims]\nfolder = 3\n"), HasSubstr("known are channel, "));
}

TEST(Ranker, WhatCannotBeIsRefusedAtItsLineOfTheProjectFile) {
  EXPECT_THAT(
      WhyUnread("[ranking.bias]\nmethod = \"tower\"\nfeatures = [\"position x devise\"]\n"),
      testing::AllOf(HasSubstr("test:3:1: ranking.bias.features: expected"), HasSubstr("device")));
  EXPECT_THAT(WhyUnread("[ranking]\narchitecture = \"linear\"\n"
                        "[ranking.bias]\nmethod = \"adversarial\"\n"),
              HasSubstr("test:4:1: ranking.bias.method: \"adversarial\" needs hidden layers"));
  EXPECT_THAT(WhyUnread("[ranking]\narchitecture = \"ple\"\nwidths = []\n"),
              HasSubstr("test:3:1: ranking.widths: expected the widths of 1 to 64 layers, e.g. "
                        "[256, 128], found 0"));
  EXPECT_THAT(WhyUnread("[ranking.match]\narchitecture = \"mmoe\"\nexpert_widths = []\n"),
              HasSubstr("test:3:1: ranking.match.expert_widths: "));
  EXPECT_THAT(WhyUnread("[ranking.attention]\nfeatures = [\"last_watched\"]\n"),
              testing::AllOf(HasSubstr("test:2:1: ranking.attention.features: expected lists"),
                             HasSubstr("found \"last_watched\"; known: watched_items")));
  EXPECT_THAT(WhyUnread("[ranking.attention]\nfeatures = [\"watched_items\"]\nwidths = []\n"),
              HasSubstr("test:3:1: ranking.attention.widths: expected the widths of 1 to 64"));
}

TEST(Ranker, CheckRefusesAttentionThatMakeWouldRefuse) {
  const auto check = [](const AttentionOptions& attention) {
    return Ranker::Check({.architecture = {.widths = {8}}, .attention = attention}, AllObjectives(),
                         SmallShape());
  };
  EXPECT_TRUE(check(kAttention));
  for (const AttentionOptions& wrong :
       {AttentionOptions{.features = {"last_watched"}},
        AttentionOptions{.features = {"watched_items"}, .widths = {}}}) {
    const Status refused = check(wrong);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  }
}

TEST(Ranker, RK04_OutOfVocabularyReadsAsZero) {
  const Ranker ranker =
      MakeRanker({.architecture = {.widths = {8}}, .init_scale = 1.0f}, AllObjectives());
  const auto scores_with = [&](std::vector<uint32_t> item) {
    examples::RankingBatch batch;
    AppendRow(SmallShape().query, {{"watched_items", item}}, &batch.queries);
    AppendImpression({{"item", item}}, {}, &batch);
    return ScoreAll(ranker, batch);
  };
  const std::vector<float> absent = scores_with({}), unknown = scores_with({0});
  EXPECT_EQ(unknown, absent);
  EXPECT_NE(scores_with({3}), absent);
  EXPECT_EQ(scores_with({1'000'000}), absent) << "rows beyond the table read as row 0";
}

TEST(Ranker, SV07_BatchScoresEqualOneByOneScores) {
  const Ranker ranker = MakeRanker({.architecture = {.widths = {32, 16}},
                                    .attention = {.features = {"watched_items"}},
                                    .init_scale = 0.5f},
                                   AllObjectives());
  const examples::RankingBatch all = RandomBatch(1, 300, 9);
  const std::vector<float> together = ScoreAll(ranker, all);
  const size_t tasks = ranker.objectives().size();
  const auto& side = ranker.shape().impression;
  const size_t numbers = side.dense;
  for (size_t i = 0; i < all.size(); ++i) {
    examples::RankingBatch one;
    one.queries = all.queries;
    FeatureIds ids;
    for (size_t slot = 0; slot < all.impressions.categorical.size(); ++slot) {
      const std::span<const uint32_t> bag = all.impressions.categorical[slot][i];
      ids[side.slots[slot].feature].assign(bag.begin(), bag.end());
    }
    AppendImpression(ids, {}, &one, nullptr, all.impressions.duration_s[i]);
    std::copy_n(all.impressions.dense.begin() + static_cast<ptrdiff_t>(i * numbers), numbers,
                one.impressions.dense.begin());
    const std::vector<float> alone = ScoreAll(ranker, one);
    for (size_t k = 0; k < tasks; ++k) {
      EXPECT_NEAR(alone[k], together[i * tasks + k], 1e-5f * std::max(1.0f, alone[k]));
    }
  }
}

TEST(Ranker, ThreadsDoNotChangeScores) {
  const Ranker ranker = MakeRanker({.architecture = {.widths = {32, 16}}}, AllObjectives());
  const examples::RankingBatch batch = RandomBatch(30, 20, 9);
  std::vector<float> predictions(batch.size() * ranker.objectives().size());
  base::ThreadPool pool(3);
  Ranker::Scratch scratch;
  ranker.Score(batch.queries, batch.impressions, batch.query_of, predictions.data(), scratch,
               {.pool = &pool});
  const std::vector<float> alone = ScoreAll(ranker, batch);
  for (size_t i = 0; i < alone.size(); ++i) {
    EXPECT_NEAR(predictions[i], alone[i], 1e-5f * std::max(1.0f, alone[i]));
  }
}

TEST(Ranker, NoImpressionsGiveNoScores) {
  const Ranker ranker = MakeRanker({.architecture = {.widths = {8}}}, AllObjectives());
  EXPECT_TRUE(ScoreAll(ranker, {}).empty());
}

TEST(Ranker, UnknownArchitectureNamesTheKnownOnes) {
  base::Rng rng(1);
  const Result<Ranker> ranker = Ranker::Make({.architecture = {.name = "tower-of-babel"}},
                                             AllObjectives(), SmallShape(), rng);
  ASSERT_FALSE(ranker);
  EXPECT_EQ(ranker.error().code, Code::kInvalidArgument);
  EXPECT_THAT(ranker.error().message, HasSubstr("shared-bottom"));
}

}  // namespace
}  // namespace upnext::ranking
