// Sampled softmax of a training batch, compared with the plain reference.
#include <benchmark/benchmark.h>

#include <numeric>
#include <vector>

#include "base/rng.h"
#include "kernels/softmax.h"

namespace upnext::kernels {
namespace {

struct Batch {
  Batch(size_t rows, size_t negatives)
      : targets(rows),
        ids(negatives),
        corrections(negatives, -0.5f),
        logits(rows * (negatives + 1)) {
    std::iota(targets.begin(), targets.end(), 1u);
    std::iota(ids.begin(), ids.end(), 500u);
    base::Rng rng(1);
    for (float& value : logits) value = static_cast<float>(rng.Normal());
  }
  SampledSoftmaxArgs args() const {
    return {.batch = targets.size(),
            .negatives = ids.size(),
            .target_ids = targets,
            .negative_ids = ids,
            .negative_corrections = corrections};
  }
  std::vector<uint32_t> targets, ids;
  std::vector<float> corrections, logits;
};

void SampledSoftmaxReference(benchmark::State& state) {
  Batch batch(64, static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(reference::SampledSoftmax(batch.args(), batch.logits.data()));
  }
  state.SetItemsProcessed(state.iterations() * 64 * state.range(0));
}

void SampledSoftmaxKernel(benchmark::State& state) {
  Batch batch(1024, static_cast<size_t>(state.range(0)));
  base::ThreadPool pool(static_cast<int>(state.range(1)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(SampledSoftmax(batch.args(), batch.logits.data(), &pool));
  }
  state.SetItemsProcessed(state.iterations() * 1024 * state.range(0));
}

BENCHMARK(SampledSoftmaxReference)->Arg(1000)->Arg(5000)->Unit(benchmark::kMillisecond);
BENCHMARK(SampledSoftmaxKernel)
    ->ArgsProduct({{1000, 5000}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace upnext::kernels
