#include "interchange/example_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <tuple>
#include <vector>

#include "base/thread_pool.h"
#include "examples/candidate_stream.h"
#include "examples/ranking_stream.h"
#include "examples/test_world.h"

namespace upnext::interchange {
namespace {

using examples::SplitPart;

ExampleRows RowsOf(const examples::World& world, const features::FeatureStatistics& tables,
                   const ExampleOptions& options) {
  const RowMaker maker(world.source, tables, options);
  ExampleRows rows;
  for (uint32_t user = 0; user < world.log.users(); ++user) maker.AppendUser(user, &rows);
  return rows;
}

TEST(ExampleRows, OfTheRankerAreThoseOfItsTrainingToTheByte) {
  const examples::World world(examples::RandomWorld(5));
  const features::FeatureStatistics tables = world.Learn();
  base::ThreadPool pool(2);
  for (const SplitPart part : {SplitPart::kTrain, SplitPart::kValidation, SplitPart::kTest}) {
    examples::RankingStream stream(world.source, tables, {.part = part, .shuffle = false}, pool);
    examples::RankingBatch all;
    stream.StartEpoch(0);
    ASSERT_TRUE(stream.Next(1 << 20, &all));
    const ExampleRows rows = RowsOf(world, tables, {.parts = {part}});
    ASSERT_EQ(rows.size(), all.size());
    EXPECT_EQ(features::Digest(rows.queries), features::Digest(all.queries));
    EXPECT_EQ(features::Digest(rows.impressions), features::Digest(all.impressions));
    EXPECT_EQ(rows.query_of, all.query_of);
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(rows.origins[i].user, all.user[i]);
      EXPECT_EQ(rows.origins[i].request, all.request[i]);
      EXPECT_EQ(rows.origins[i].position, all.position[i]);
      EXPECT_EQ(rows.origins[i].part, part);
      EXPECT_EQ(rows.labels[i].happened, all.labels[i].happened);
      EXPECT_EQ(rows.labels[i].watch_s, all.labels[i].watch_s);
    }
  }
}

using Row = std::tuple<uint64_t, uint32_t, uint32_t>;  // digest, label, bits of the weight

Row RowOf(const features::FeatureBlock& block, size_t row, uint32_t label, float weight) {
  features::FeatureBlock one;
  one.AppendRow(block, row);
  return {features::Digest(one), label, std::bit_cast<uint32_t>(weight)};
}

TEST(ExampleRows, OfTheCandidateModelAreThoseOfItsTrainingToTheByte) {
  const examples::World world(examples::RandomWorld(7));
  const features::FeatureStatistics tables = world.Learn();
  const features::Vocabulary& items = tables.vocabulary(features::kItemVocabulary);
  base::ThreadPool pool(2);
  for (const SplitPart part : {SplitPart::kTrain, SplitPart::kTest}) {
    examples::CandidateStream stream(
        world.source, tables, {.max_per_user = 1'000'000, .part = part, .min_history = 2}, pool);
    features::CandidateBatch all;
    stream.StartEpoch(0);
    ASSERT_TRUE(stream.Next(1 << 20, &all));
    const ExampleRows rows =
        RowsOf(world, tables, {.stage = Stage::kRetrieval, .parts = {part}, .min_history = 2});
    ASSERT_EQ(rows.size(), all.size());
    std::vector<Row> ours, theirs;
    for (size_t i = 0; i < rows.size(); ++i) {
      const ExampleRows::Origin& origin = rows.origins[i];
      ours.push_back(RowOf(rows.queries, i, items.Row(origin.item), origin.weight));
      theirs.push_back(RowOf(all.features, i, all.label[i], all.weight[i]));
    }
    std::ranges::sort(ours);
    std::ranges::sort(theirs);
    EXPECT_EQ(ours, theirs);
  }
}

}  // namespace
}  // namespace upnext::interchange
