// Scoring a request's candidates on one thread (SV-07): in one batch, next to its matrix products
// alone, and one by one.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>

#include "examples/ranking_stream.h"
#include "kernels/gemm.h"
#include "ranking/test_batches.h"

namespace upnext::ranking {
namespace {

constexpr uint32_t kRows = 100'000;  // rows of every vocabulary

Ranker BenchRanker(const char* architecture) {
  RankerOptions options;
  options.architecture.name = architecture;
  options.architecture.task_widths = {32};
  return MakeRanker(options, AllObjectives(), SmallShape(kRows));
}

// Runs and times `work` in every iteration; reports the median and the 99th percentile.
template <typename Work>
void TimeEach(benchmark::State& state, Work work) {
  std::vector<double> ms;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::milli> elapsed =
        std::chrono::steady_clock::now() - start;
    ms.push_back(elapsed.count());
  }
  std::ranges::sort(ms);
  state.counters["min_ms"] = ms.front();
  state.counters["p50_ms"] = ms[ms.size() / 2];
  state.counters["p99_ms"] = ms[ms.size() * 99 / 100];
}

void BM_Score(benchmark::State& state, const char* architecture) {
  const auto candidates = static_cast<size_t>(state.range(0));
  const auto at_once = static_cast<size_t>(state.range(1));
  const Ranker ranker = BenchRanker(architecture);
  std::vector<examples::RankingBatch> batches;
  for (size_t begin = 0; begin < candidates; begin += at_once) {
    batches.push_back(RandomBatch(1, std::min(at_once, candidates - begin), begin + 1, kRows));
  }
  std::vector<float> predictions(at_once * ranker.objectives().size());
  Ranker::Scratch scratch;
  TimeEach(state, [&] {
    for (const examples::RankingBatch& batch : batches) {
      ranker.Score(batch.queries, batch.impressions, batch.query_of, predictions.data(), scratch,
                   {});
      benchmark::DoNotOptimize(predictions.data());
    }
  });
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(BM_Score, tower, "tower")
    ->ArgNames({"candidates", "at_once"})
    ->Args({300, 300})
    ->Args({500, 500})
    ->Args({300, 1});
BENCHMARK_CAPTURE(BM_Score, mmoe, "mmoe")->ArgNames({"candidates", "at_once"})->Args({500, 500});

// The products of one such batch: of the query's half of the first layer for one row, of all other
// layers for the candidates.
void BM_Products(benchmark::State& state, const char* architecture) {
  const auto candidates = static_cast<size_t>(state.range(0));
  Ranker ranker = BenchRanker(architecture);
  std::vector<nn::Parameter> weights = ranker.Parameters();
  std::erase_if(weights, [](const nn::Parameter& p) {
    return !p.name.starts_with("net.") || p.shape.size() != 2;
  });
  std::vector<float> x, y;
  for (const nn::Parameter& w : weights) {
    x.resize(std::max<size_t>(x.size(), candidates * w.shape[1]), 0.5f);
    y.resize(std::max<size_t>(y.size(), candidates * w.shape[0]));
  }
  TimeEach(state, [&] {
    for (const nn::Parameter& w : weights) {
      const size_t rows = w.name.contains(".query.") ? 1 : candidates;
      kernels::Gemm({.m = rows, .n = w.shape[0], .k = w.shape[1], .transpose_b = true}, x.data(),
                    w.value.data(), y.data(), kernels::Precision::kFp32);
      benchmark::DoNotOptimize(y.data());
    }
  });
}
BENCHMARK_CAPTURE(BM_Products, tower, "tower")->ArgName("candidates")->Arg(500);
BENCHMARK_CAPTURE(BM_Products, mmoe, "mmoe")->ArgName("candidates")->Arg(500);

}  // namespace
}  // namespace upnext::ranking
