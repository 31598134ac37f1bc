// Attention inside the whole ranker and its training.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/thread_pool.h"
#include "examples/ranking_stream.h"
#include "nn/parameter.h"
#include "ranking/test_batches.h"
#include "schema/event.h"

namespace upnext::ranking {
namespace {

TEST(AttentionTraining, GradientsOfAttentionAreThoseOfTheWholeRankersLoss) {
  CheckDenseGradients(
      {.architecture = {.widths = {8}}, .attention = kAttention, .init_scale = 0.5f}, "attention.");
}

// What dropout leaves of the input is the same in both passes, so the gradient stays that of the
// loss: a candidate whose embedding is dropped attends as one out of vocabulary.
TEST(AttentionTraining, DroppedFieldsAreDroppedForAttentionToo) {
  RankerTrainOptions options = kExact;
  options.field_dropout = 0.95f;
  options.table_learning_rate = 0.1f;
  options.learning_rate = 0;
  Ranker ranker =
      MakeRanker({.architecture = {.widths = {8}}, .attention = {.features = {"watched_items"}}},
                 {EventObjective("click", schema::EventType::kClick)});
  for (nn::Parameter& parameter : ranker.Parameters()) {
    if (parameter.name.starts_with("attention.")) std::ranges::fill(parameter.value, 0.5f);
  }
  base::ThreadPool pool(1);
  RankerTrainer trainer(&ranker, options, pool);
  examples::RankingBatch batch;
  AppendRow(SmallShape().query, {{"watched_items", {5}}}, &batch.queries);
  for (uint32_t item = 1; item < 4; ++item) {
    AppendImpression({{"item", {item}}}, Clicked(3), &batch);
  }
  const std::span<float> table = ParameterNamed(ranker, "embedding.ranked_item").value;
  const std::vector<float> before(table.begin(), table.end());
  const size_t dim = before.size() / 12;
  Backward(trainer, ranker, batch);
  trainer.Apply();
  const auto moved = [&](size_t row) {
    return !std::equal(before.begin() + static_cast<ptrdiff_t>(row * dim),
                       before.begin() + static_cast<ptrdiff_t>((row + 1) * dim),
                       table.begin() + static_cast<ptrdiff_t>(row * dim));
  };
  EXPECT_TRUE(moved(5)) << "attention reads the history itself";
  EXPECT_LT(moved(1) + moved(2) + moved(3), 3) << "no candidate was dropped";
}

}  // namespace
}  // namespace upnext::ranking
