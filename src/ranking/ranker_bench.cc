// Scoring a request's candidates in one batch, and one by one: candidates per second (SV-07).
#include <benchmark/benchmark.h>

#include "examples/ranking_stream.h"
#include "ranking/test_batches.h"

namespace upnext::ranking {
namespace {

constexpr uint32_t kRows = 100'000;  // rows of every vocabulary

void BM_Score(benchmark::State& state) {
  const auto candidates = static_cast<size_t>(state.range(0));
  const auto at_once = static_cast<size_t>(state.range(1));
  const Ranker ranker = MakeRanker({}, AllObjectives(), SmallShape(kRows));
  std::vector<examples::RankingBatch> batches;
  for (size_t begin = 0; begin < candidates; begin += at_once) {
    batches.push_back(RandomBatch(1, std::min(at_once, candidates - begin), begin + 1, kRows));
  }
  std::vector<float> predictions(at_once * ranker.objectives().size());
  Ranker::Scratch scratch;
  for (auto _ : state) {
    for (const examples::RankingBatch& batch : batches) {
      ranker.Score(batch.queries, batch.impressions, batch.query_of, predictions.data(), scratch,
                   {});
      benchmark::DoNotOptimize(predictions.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Score)
    ->ArgNames({"candidates", "at_once"})
    ->Args({300, 300})
    ->Args({500, 500})
    ->Args({300, 1});

}  // namespace
}  // namespace upnext::ranking
