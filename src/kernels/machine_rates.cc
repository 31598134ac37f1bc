#include "kernels/machine_rates.h"

#include <chrono>
#include <vector>

#include "base/rng.h"
#include "kernels/aligned_buffer.h"
#include "kernels/embedding.h"
#include "kernels/operand.h"
#include "kernels/vector_ops.h"

namespace upnext::kernels {
namespace {

// The shortest time of `rounds` runs, in seconds, after one that warms up.
template <typename Work>
double BestSeconds(int rounds, Work work) {
  double best = 0;
  for (int round = -1; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (round == 0 || (round > 0 && seconds.count() < best)) best = seconds.count();
  }
  return std::max(best, 1e-9);
}

constexpr size_t kChunk = 1 << 16;  // floats

double ReadInOrder(const AlignedBuffer<float>& memory, int rounds, base::ThreadPool& pool) {
  const size_t half = memory.size() / 2;
  std::vector<float> sums(half / kChunk + 1);
  const double seconds = BestSeconds(rounds, [&] {
    pool.ParallelFor(half, kChunk, [&](size_t begin, size_t end) {
      sums[begin / kChunk] = Dot(memory.data() + begin, memory.data() + half + begin, end - begin);
    });
  });
  return static_cast<double>(2 * half * sizeof(float)) / seconds * 1e-9;
}

double UpdateInOrder(AlignedBuffer<float>& memory, int rounds, base::ThreadPool& pool) {
  const double seconds = BestSeconds(rounds, [&] {
    pool.ParallelFor(memory.size(), kChunk, [&](size_t begin, size_t end) {
      Scale(1.0f, memory.data() + begin, end - begin);
    });
  });
  return static_cast<double>(2 * memory.size() * sizeof(float)) / seconds * 1e-9;
}

double ReadRows(const AlignedBuffer<float>& memory, size_t dim, int rounds,
                base::ThreadPool& pool) {
  constexpr size_t kBags = 1024, kBagSize = 50;
  const size_t rows = memory.size() / dim;
  base::Rng rng(1);
  std::vector<uint32_t> ids, offsets = {0};
  std::vector<float> out(kBags * dim);
  const double seconds = BestSeconds(rounds, [&] {
    // Other rows each time: the same ones might still be in a cache.
    ids.clear();
    offsets.assign(1, 0);
    for (size_t bag = 0; bag < kBags; ++bag) {
      for (size_t i = 0; i < kBagSize; ++i) {
        ids.push_back(static_cast<uint32_t>(1 + rng.Below(rows - 1)));
      }
      offsets.push_back(static_cast<uint32_t>(ids.size()));
    }
    GatherSum({memory.data(), rows, dim}, {ids, offsets}, out.data(), dim, &pool);
  });
  return static_cast<double>(ids.size() * dim * sizeof(float)) / seconds * 1e-9;
}

double MultiplyMatrices(const MachineRatesOptions& options, base::ThreadPool& pool) {
  constexpr size_t kRepeats = 8;
  const size_t threads = static_cast<size_t>(pool.threads());
  double best = 0;
  for (const size_t size : {size_t{256}, size_t{512}, size_t{1024}}) {
    if (best > 0 && 3 * size * size * sizeof(float) > options.bytes) break;
    std::vector<Operand> a(threads), b(threads);
    std::vector<AlignedBuffer<float>> c(threads);
    const std::vector<float> values(size * size, 0.5f);
    for (size_t t = 0; t < threads; ++t) {
      a[t].Reserve(values.size(), options.precision);
      b[t].Reserve(values.size(), options.precision);
      a[t].Store(0, values);
      b[t].Store(0, values);
      c[t].Reserve(values.size());
    }
    const double seconds = BestSeconds(options.rounds, [&] {
      pool.ParallelFor(threads, 1, [&](size_t t, size_t) {
        for (size_t i = 0; i < kRepeats; ++i) {
          Gemm({.m = size, .n = size, .k = size}, a[t].view(), b[t].view(), c[t].data());
        }
      });
    });
    const double operations = 2.0 * static_cast<double>(size * size * size * kRepeats * threads);
    best = std::max(best, operations / seconds * 1e-9);
  }
  return best;
}

}  // namespace

MachineRates MeasureMachine(const MachineRatesOptions& options, base::ThreadPool& pool) {
  MachineRates rates;
  rates.matrix_gflop_s = MultiplyMatrices(options, pool);
  AlignedBuffer<float> memory(std::max(options.bytes / sizeof(float), 4 * options.row_floats));
  rates.read_gb_s = ReadInOrder(memory, options.rounds, pool);
  rates.update_gb_s = UpdateInOrder(memory, options.rounds, pool);
  rates.rows_gb_s = ReadRows(memory, options.row_floats, options.rounds, pool);
  return rates;
}

}  // namespace upnext::kernels
