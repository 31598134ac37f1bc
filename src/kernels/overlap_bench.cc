// Measures whether one thread can fetch rows while it multiplies tiles. A training step does both;
// with overlap it would take the longer of the two times instead of their sum. The products are
// those of the sampled softmax (panels of the left side in the second-level cache, of the right
// side in the first); the rows are bf16 of dim 256 from a table of one gigabyte.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "kernels/aligned_buffer.h"
#include "kernels/amx_tiles.h"
#include "kernels/embedding.h"

namespace upnext::kernels {
namespace {

constexpr size_t kDim = 256, kTable = 2'000'000, kFetched = 25'000, kSquares = 4'000;
constexpr size_t kLefts = 8, kRights = 16;  // panels

class Step {
 public:
  Step()
      : table_(kTable * kDim),
        left_(kLefts * amx::PackedSize(amx::kLanes, kDim)),
        right_(kRights * amx::PackedSize(amx::kLanes, kDim)),
        square_(amx::kLanes * amx::kLanes),
        sum_(kDim) {
    base::Rng rng(1);
    ids_.resize(16 * kFetched);  // none is still in a cache when it is used again
    for (uint32_t& id : ids_) id = static_cast<uint32_t>(1 + rng.Below(kTable - 1));
  }
  void Begin() { from_ = (from_ + kFetched) % ids_.size(); }
  void Multiply(size_t i) {
    const size_t panel = amx::PackedSize(amx::kLanes, kDim);
    amx::MultiplyPanels(left_.data() + i % kLefts * panel,
                        right_.data() + i / kLefts % kRights * panel, amx::Steps(kDim),
                        square_.data(), amx::kLanes, /*add=*/false);
  }
  void Prefetch(size_t begin, size_t end) const {
    constexpr size_t kLine = 64 / sizeof(Bf16);
    for (size_t i = from_ + begin; i < from_ + end; ++i) {
      const Bf16* const row = table_.data() + ids_[i] * kDim;
      for (size_t at = 0; at < kDim; at += kLine) __builtin_prefetch(row + at);
    }
  }
  void Fetch(size_t begin, size_t end) {
    const uint32_t offsets[] = {static_cast<uint32_t>(from_ + begin),
                                static_cast<uint32_t>(from_ + end)};
    GatherSum({nullptr, kTable, kDim, table_.data()}, {ids_, offsets}, sum_.data(), kDim);
  }

 private:
  AlignedBuffer<Bf16> table_, left_, right_;
  AlignedBuffer<float> square_, sum_;
  std::vector<uint32_t> ids_;
  size_t from_ = 0;
};

void Products(benchmark::State& state) {
  if (!amx::Available()) return state.SkipWithError("this processor has no matrix unit");
  Step step;
  const amx::TileScope tiles;
  for (auto _ : state) {
    for (size_t i = 0; i < kSquares; ++i) step.Multiply(i);
  }
}

void Rows(benchmark::State& state) {
  Step step;
  for (auto _ : state) {
    step.Begin();
    step.Fetch(0, kFetched);
  }
}

void OneAfterTheOther(benchmark::State& state) {
  if (!amx::Available()) return state.SkipWithError("this processor has no matrix unit");
  Step step;
  const amx::TileScope tiles;
  for (auto _ : state) {
    step.Begin();
    for (size_t i = 0; i < kSquares; ++i) step.Multiply(i);
    step.Fetch(0, kFetched);
  }
}

// Prefetches rows, multiplies a square while they arrive, and sums them.
void Interleaved(benchmark::State& state) {
  if (!amx::Available()) return state.SkipWithError("this processor has no matrix unit");
  Step step;
  const amx::TileScope tiles;
  for (auto _ : state) {
    step.Begin();
    for (size_t i = 0; i < kSquares; ++i) {
      const size_t begin = i * kFetched / kSquares, end = (i + 1) * kFetched / kSquares;
      step.Prefetch(begin, end);
      step.Multiply(i);
      step.Fetch(begin, end);
    }
  }
}

BENCHMARK(Products)->Unit(benchmark::kMillisecond);
BENCHMARK(Rows)->Unit(benchmark::kMillisecond);
BENCHMARK(OneAfterTheOther)->Unit(benchmark::kMillisecond);
BENCHMARK(Interleaved)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace upnext::kernels
