// Products of the shapes that occur in training and serving, in both precisions; "flops" is 2 m n k
// per second.
#include <benchmark/benchmark.h>

#include <vector>

#include "hwy/highway.h"
#include "kernels/gemm.h"

namespace upnext::kernels {
namespace {

// m, n, k, transpose a, transpose b, precision, threads.
void Product(benchmark::State& state) {
  const GemmShape shape{.m = static_cast<size_t>(state.range(0)),
                        .n = static_cast<size_t>(state.range(1)),
                        .k = static_cast<size_t>(state.range(2)),
                        .transpose_a = state.range(3) != 0,
                        .transpose_b = state.range(4) != 0};
  const auto precision = static_cast<Precision>(state.range(5));
  base::ThreadPool pool(static_cast<int>(state.range(6)));
  const std::vector<float> a(shape.m * shape.k, 0.5f), b(shape.n * shape.k, 0.25f);
  std::vector<float> c(shape.m * shape.n);
  for (auto _ : state) Gemm(shape, a.data(), b.data(), c.data(), precision, &pool);
  state.SetLabel(std::string(PrecisionName(precision)));
  state.counters["flops"] =
      benchmark::Counter(2.0 * static_cast<double>(shape.m * shape.n * shape.k) *
                             static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

void TrainingShapes(benchmark::internal::Benchmark* bench) {
  for (int64_t precision : {0, 1}) {
    for (int64_t threads : {1, 2}) {
      bench->Args({1024, 5000, 256, 0, 1, precision, threads});  // logits
      bench->Args({1024, 256, 5000, 0, 0, precision, threads});  // their gradient to the users
      bench->Args({5000, 256, 1024, 1, 0, precision, threads});  // and to the items
      bench->Args({1024, 1024, 600, 0, 1, precision, threads});  // first layer
      bench->Args({1024, 600, 1024, 1, 0, precision, threads});  // its weights' gradient
    }
  }
}
BENCHMARK(Product)->Apply(TrainingShapes)->Unit(benchmark::kMicrosecond)->UseRealTime();

void TinyShapes(benchmark::internal::Benchmark* bench) {
  for (int64_t precision : {0, 1}) {
    for (int64_t size : {4, 8, 12, 16, 20, 24, 32, 48})
      bench->Args({size, size, size, 0, 1, precision, 1});
    bench->Args({1, 256, 512, 0, 1, precision, 1});  // one user at serving
    bench->Args({1, 64, 64, 0, 1, precision, 1});
    bench->Args({1, 128, 256, 0, 1, precision, 1});
  }
}
BENCHMARK(Product)->Name("TinyProduct")->Apply(TinyShapes)->UseRealTime();

// The highest rate at which one core multiplies and adds fp32 with AVX2, for which this file is
// compiled: an upper bound for all products.
void RegistersAlone(benchmark::State& state) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::FixedTag<float, 8> d;
  constexpr size_t kSums = 12, kRounds = 1000;
  const auto factor = hn::Set(d, 0.999f), term = hn::Set(d, 0.001f);
  hn::Vec<decltype(d)> sums[kSums];
  // Different values, since the compiler might merge equal sums.
  for (size_t i = 0; i < kSums; ++i) sums[i] = hn::Set(d, static_cast<float>(i));
  for (auto _ : state) {
    for (size_t round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
      for (size_t i = 0; i < kSums; ++i) sums[i] = hn::MulAdd(sums[i], factor, term);
    }
  }
  float total = 0.0f;
  for (const auto& sum : sums) total += hn::GetLane(sum);
  benchmark::DoNotOptimize(total);
  state.counters["flops"] = benchmark::Counter(
      2.0 * static_cast<double>(hn::Lanes(d) * kSums * kRounds * state.iterations()),
      benchmark::Counter::kIsRate);
}
BENCHMARK(RegistersAlone)->Threads(1)->Threads(2)->UseRealTime();

}  // namespace
}  // namespace upnext::kernels
