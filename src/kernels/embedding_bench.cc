// Look-up and update of a million-row table: bytes of rows per second against the plain reference.
#include <benchmark/benchmark.h>

#include <vector>

#include "base/rng.h"
#include "kernels/aligned_buffer.h"
#include "kernels/embedding.h"
#include "kernels/row_gradients.h"

namespace upnext::kernels {
namespace {

constexpr size_t kRows = 1'000'000, kBags = 1024, kBagSize = 50;

struct Bags {
  explicit Bags(uint64_t seed) {
    base::Rng rng(seed);
    for (size_t bag = 0; bag < kBags; ++bag) {
      for (size_t i = 0; i < kBagSize; ++i) {
        ids.push_back(static_cast<uint32_t>(1 + rng.Below(kRows - 1)));
      }
      offsets.push_back(static_cast<uint32_t>(ids.size()));
    }
  }
  BagsView view() const { return {ids, offsets}; }
  std::vector<uint32_t> ids, offsets = {0};
};

// Enough different batches that none is still in the cache when it comes again.
std::vector<Bags> Batches() {
  std::vector<Bags> batches;
  for (uint64_t seed = 0; seed < 16; ++seed) batches.emplace_back(seed);
  return batches;
}

void Report(benchmark::State& state, size_t dim, size_t row_passes) {
  const auto rows = static_cast<int64_t>(kBags * kBagSize) * state.iterations();
  state.SetBytesProcessed(rows * static_cast<int64_t>(dim * sizeof(float) * row_passes));
  state.counters["examples/s"] =
      benchmark::Counter(static_cast<double>(kBags) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

void GatherMeanReference(benchmark::State& state) {
  const auto dim = static_cast<size_t>(state.range(0));
  AlignedBuffer<float> table(kRows * dim);
  const auto batches = Batches();
  std::vector<float> out(kBags * dim);
  size_t i = 0;
  for (auto _ : state) {
    reference::Gather(Pooling::kMean, {table.data(), kRows, dim},
                      batches[i++ % batches.size()].view(), out.data(), dim);
  }
  Report(state, dim, 1);
}

void GatherMeanKernel(benchmark::State& state) {
  const auto dim = static_cast<size_t>(state.range(0));
  base::ThreadPool pool(static_cast<int>(state.range(1)));
  AlignedBuffer<float> table(kRows * dim);
  const auto batches = Batches();
  std::vector<float> out(kBags * dim);
  size_t i = 0;
  for (auto _ : state) {
    GatherMean({table.data(), kRows, dim}, batches[i++ % batches.size()].view(), out.data(), dim,
               &pool);
  }
  Report(state, dim, 1);
}

void AdagradKernel(benchmark::State& state) {
  const auto dim = static_cast<size_t>(state.range(0));
  base::ThreadPool pool(static_cast<int>(state.range(1)));
  AlignedBuffer<float> table(kRows * dim), accumulators(kRows);
  const auto batches = Batches();
  const std::vector<float> d_out(kBags * dim, 0.01f);
  RowGradients gradients;
  size_t i = 0;
  for (auto _ : state) {
    gradients.AddBags(batches[i++ % batches.size()].view(), d_out.data(), dim, Pooling::kMean);
    gradients.ApplyAdagrad({table.data(), kRows, dim}, accumulators.span(), {}, &pool);
  }
  Report(state, dim, 2);
}

BENCHMARK(GatherMeanReference)->Arg(64)->Arg(256)->Unit(benchmark::kMillisecond);
BENCHMARK(GatherMeanKernel)
    ->ArgsProduct({{64, 256}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();
BENCHMARK(AdagradKernel)
    ->ArgsProduct({{64, 256}, {1, 2}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

}  // namespace
}  // namespace upnext::kernels
