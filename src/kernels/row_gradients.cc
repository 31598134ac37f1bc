#include "kernels/row_gradients.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <span>

#include "kernels/isa.h"
#include "kernels/vector_ops.h"

// Shared by all targets; foreach_target.h includes this file once for each.
#ifndef UPNEXT_KERNELS_ROW_GRADIENTS_TYPES_
#define UPNEXT_KERNELS_ROW_GRADIENTS_TYPES_
namespace upnext::kernels {
// Arguments of RowGradients::ApplyAdagrad() for one thread.
struct AdagradWork {
  TableView table;
  float* accumulators;
  AdagradOptions options;
  const RowGradients::Entry* entries;
  const uint64_t* keys;
  float* sum;  // [dim], scratch
};

constexpr uint32_t kWeyl = 0x9e3779b9;  // 2^32 / golden ratio

// The first random number of a row's step: a hash of the row and of the change of its accumulator.
// A resumed training rounds alike without saving any further state.
inline uint32_t Chance(size_t row, float accumulated, float square) {
  uint32_t hash = static_cast<uint32_t>(row) * kWeyl ^ std::bit_cast<uint32_t>(accumulated);
  hash = (hash ^ hash >> 16) * 0x7feb352du ^ std::bit_cast<uint32_t>(square);
  hash = (hash ^ hash >> 15) * 0x846ca68bu;
  return hash ^ hash >> 16;
}
}  // namespace upnext::kernels
#endif  // UPNEXT_KERNELS_ROW_GRADIENTS_TYPES_

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/row_gradients.cc"
#include "hwy/foreach_target.h"
// Must come after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace upnext::kernels {
namespace HWY_NAMESPACE {

// y += scale x in fp32 with stochastic rounding, so that the expected value is exact: most steps
// are smaller than half of the last bit of a bf16. The random numbers of neighbouring elements are
// a Weyl sequence from `start`.
HWY_INLINE void AddScaled(float scale, const float* x, Bf16* y, size_t n, uint32_t start) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> d32;
  const hn::Rebind<uint16_t, Floats> d16;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, scale);
  const auto stride = hn::Set(d32, kWeyl * static_cast<uint32_t>(lanes));
  auto chance = hn::Add(hn::Set(d32, start), hn::Mul(hn::Iota(d32, 0), hn::Set(d32, kWeyl)));
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto sum = hn::MulAdd(factor, hn::LoadU(d, x + i), LoadRow(d, y + i));
    const auto bits = hn::Add(hn::BitCast(d32, sum), hn::ShiftRight<16>(chance));
    hn::StoreU(hn::TruncateTo(d16, hn::ShiftRight<16>(bits)), d16,
               reinterpret_cast<uint16_t*>(y + i));
    chance = hn::Add(chance, stride);
  }
  for (; i < n; ++i) {
    y[i] = RoundByChance(ToFloat(y[i]) + scale * x[i], start + static_cast<uint32_t>(i) * kWeyl);
  }
}

HWY_INLINE float SquaredLength(const float* x, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  auto sum = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    sum = hn::MulAdd(v, v, sum);
  }
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += x[i] * x[i];
  return total;
}

HWY_INLINE void SumEntries(const AdagradWork& work, const RowGradients::Run& run) {
  const size_t dim = work.table.dim;
  for (size_t i = 0; i < dim; ++i) work.sum[i] = 0.0f;
  for (size_t k = run.first; k < run.first + run.count; ++k) {
    if (k + 2 < run.first + run.count) {
      PrefetchRow<0>(work.entries[static_cast<uint32_t>(work.keys[k + 2])].gradient, dim);
    }
    const RowGradients::Entry& entry = work.entries[static_cast<uint32_t>(work.keys[k])];
    Axpy(entry.scale, entry.gradient, work.sum, dim);
  }
}

HWY_INLINE float* RowsOf(const TableView& table, float*) { return table.data; }
HWY_INLINE Bf16* RowsOf(const TableView& table, Bf16*) { return table.half; }

HWY_INLINE void Move(float step, const float* gradient, float* row, size_t dim, uint32_t) {
  Axpy(step, gradient, row, dim);
}
HWY_INLINE void Move(float step, const float* gradient, Bf16* row, size_t dim, uint32_t start) {
  AddScaled(step, gradient, row, dim, start);
}

template <typename T>
HWY_INLINE void PrefetchStep(const AdagradWork& work, size_t row) {
  if (row >= work.table.rows) return;
  PrefetchRow<1>(RowsOf(work.table, static_cast<T*>(nullptr)) + row * work.table.dim,
                 work.table.dim);
  __builtin_prefetch(work.accumulators + row, 1, 3);
}

// The step of one row from scale * gradient, given the squared length of the gradient.
template <typename T>
HWY_INLINE void StepRow(const AdagradWork& work, size_t row, float scale, const float* gradient,
                        float square_sum) {
  const size_t dim = work.table.dim;
  const float square = scale * scale * square_sum / static_cast<float>(dim);
  const float accumulated = work.accumulators[row] + square;
  work.accumulators[row] = accumulated;
  const float root = __builtin_sqrtf(accumulated) + work.options.epsilon;
  Move(-work.options.learning_rate / root * scale, gradient,
       RowsOf(work.table, static_cast<T*>(nullptr)) + row * dim, dim,
       Chance(row, accumulated, square));
}

// Rows that occur once, the usual case in a long tail, need no sum. They are processed in the order
// in which they were added, so neighbours often have the same gradient.
template <typename T>
HWY_INLINE void AdagradAloneOf(const AdagradWork& work, std::span<const uint32_t> alone) {
  const size_t dim = work.table.dim, distance = PrefetchDistance<T>(dim);
  const float* measured = nullptr;  // the gradient whose squared length is `square_sum`
  float square_sum = 0.0f;
  for (size_t i = 0; i < alone.size(); ++i) {
    if (i + distance < alone.size()) {
      PrefetchStep<T>(work, work.entries[alone[i + distance]].row);
    }
    const RowGradients::Entry& entry = work.entries[alone[i]];
    if (entry.row >= work.table.rows) continue;
    if (entry.gradient != measured) {
      measured = entry.gradient;
      square_sum = SquaredLength(measured, dim);
    }
    StepRow<T>(work, entry.row, entry.scale, entry.gradient, square_sum);
  }
}

template <typename T>
HWY_INLINE void AdagradRunsOf(const AdagradWork& work, std::span<const RowGradients::Run> runs) {
  const size_t dim = work.table.dim, distance = PrefetchDistance<T>(dim);
  const auto row_of = [&](const RowGradients::Run& run) -> size_t {
    return work.keys[run.first] >> 32;
  };
  for (size_t i = 0; i < runs.size(); ++i) {
    if (i + distance < runs.size()) PrefetchStep<T>(work, row_of(runs[i + distance]));
    const size_t row = row_of(runs[i]);
    if (row >= work.table.rows) continue;
    SumEntries(work, runs[i]);
    StepRow<T>(work, row, 1.0f, work.sum, SquaredLength(work.sum, dim));
  }
}

void AdagradAlone(const AdagradWork& work, std::span<const uint32_t> alone) {
  if (work.table.half != nullptr) {
    AdagradAloneOf<Bf16>(work, alone);
  } else {
    AdagradAloneOf<float>(work, alone);
  }
}

void AdagradRuns(const AdagradWork& work, std::span<const RowGradients::Run> runs) {
  if (work.table.half != nullptr) {
    AdagradRunsOf<Bf16>(work, runs);
  } else {
    AdagradRunsOf<float>(work, runs);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upnext::kernels {

HWY_EXPORT(AdagradAlone);
HWY_EXPORT(AdagradRuns);

[[maybe_unused]] const bool kLimited = LimitIsa();

namespace {
constexpr size_t kRowGrain = 512;
}  // namespace

void RowGradients::AddBags(const BagsView& bags, const float* d_out, size_t stride,
                           Pooling pooling) {
  for (size_t bag = 0; bag < bags.size(); ++bag) {
    const float scale = pooling == Pooling::kMean ? 1.0f / TotalWeight(bags, bag) : 1.0f;
    for (size_t position = bags.offsets[bag]; position < bags.offsets[bag + 1]; ++position) {
      if (bags.ids[position] == 0) continue;
      const float weight = bags.weights.empty() ? 1.0f : bags.weights[position];
      entries_.push_back({bags.ids[position], scale * weight, d_out + bag * stride});
    }
  }
}

void RowGradients::AddRows(std::span<const uint32_t> ids, const float* d_rows, size_t stride,
                           std::span<const float> scales) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const float scale = scales.empty() ? 1.0f : scales[i];
    if (ids[i] != 0) entries_.push_back({ids[i], scale, d_rows + i * stride});
  }
}

void RowGradients::Clear() {
  entries_.clear();
  alone_.clear();
  runs_.clear();
}

// A radix sort over the bits that the rows use. It is stable: references to one row keep the order
// in which they were added.
void RowGradients::Sort() {
  constexpr unsigned kBits = 11;
  constexpr size_t kBuckets = size_t{1} << kBits;
  const size_t n = entries_.size();
  keys_.resize(n);
  sorted_.resize(n);
  uint32_t highest = 0;
  for (size_t i = 0; i < n; ++i) {
    keys_[i] = static_cast<uint64_t>(entries_[i].row) << 32 | i;
    highest |= entries_[i].row;
  }
  for (unsigned shift = 0; shift < 32 && highest >> shift != 0; shift += kBits) {
    size_t begins[kBuckets + 1] = {};
    for (uint64_t key : keys_) ++begins[((key >> (32 + shift)) & (kBuckets - 1)) + 1];
    for (size_t i = 1; i < kBuckets; ++i) begins[i] += begins[i - 1];
    for (uint64_t key : keys_) sorted_[begins[(key >> (32 + shift)) & (kBuckets - 1)]++] = key;
    keys_.swap(sorted_);
  }
  runs_.clear();
  is_alone_.assign(n, 0);
  for (size_t i = 0; i < n;) {
    size_t end = i + 1;
    while (end < n && keys_[end] >> 32 == keys_[i] >> 32) ++end;
    if (end - i == 1) {
      is_alone_[static_cast<uint32_t>(keys_[i])] = 1;
    } else {
      runs_.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(end - i)});
    }
    i = end;
  }
  alone_.clear();
  for (uint32_t i = 0; i < n; ++i) {
    if (is_alone_[i] != 0) alone_.push_back(i);
  }
}

void RowGradients::ApplySorted(TableView table, std::span<float> accumulators,
                               const AdagradOptions& options, size_t begin, size_t end) const {
  thread_local std::vector<float> sum;
  if (sum.size() < table.dim) sum.resize(table.dim);
  const AdagradWork work{.table = table,
                         .accumulators = accumulators.data(),
                         .options = options,
                         .entries = entries_.data(),
                         .keys = keys_.data(),
                         .sum = sum.data()};
  const size_t alone = alone_.size();
  if (begin < alone) {
    HWY_DYNAMIC_DISPATCH(AdagradAlone)
    (work, std::span(alone_).subspan(begin, std::min(end, alone) - begin));
  }
  if (end > alone) {
    const size_t first = std::max(begin, alone);
    HWY_DYNAMIC_DISPATCH(AdagradRuns)
    (work, std::span(runs_).subspan(first - alone, end - first));
  }
}

uint32_t RowGradients::SumInto(size_t i, std::vector<float>& sum) const {
  std::ranges::fill(sum, 0.0f);
  if (i < alone_.size()) {
    const Entry& entry = entries_[alone_[i]];
    Axpy(entry.scale, entry.gradient, sum.data(), sum.size());
    return row(i);
  }
  const Run& run = runs_[i - alone_.size()];
  for (size_t k = run.first; k < run.first + run.count; ++k) {
    const Entry& entry = entries_[static_cast<uint32_t>(keys_[k])];
    Axpy(entry.scale, entry.gradient, sum.data(), sum.size());
  }
  return row(i);
}

void RowGradients::ApplyAdagrad(TableView table, std::span<float> accumulators,
                                const AdagradOptions& options, base::ThreadPool* pool) {
  Sort();
  base::ParallelFor(pool, rows(), kRowGrain, [&](size_t begin, size_t end) {
    ApplySorted(table, accumulators, options, begin, end);
  });
  Clear();
}

namespace reference {

void GatherBackward(Pooling pooling, const BagsView& bags, const float* d_out, size_t stride,
                    size_t rows, size_t dim, float* d_table) {
  for (size_t bag = 0; bag < bags.size(); ++bag) {
    const size_t begin = bags.offsets[bag], end = bags.offsets[bag + 1];
    for (size_t position = begin; position < end; ++position) {
      const size_t id = bags.ids[position];
      if (id == 0 || id >= rows) continue;
      const float weight = bags.weights.empty() ? 1.0f : bags.weights[position];
      const float scale = pooling == Pooling::kMean ? weight / TotalWeight(bags, bag) : weight;
      for (size_t i = 0; i < dim; ++i) d_table[id * dim + i] += scale * d_out[bag * stride + i];
    }
  }
}

void Adagrad(TableView table, std::span<float> accumulators, const float* d_table,
             const AdagradOptions& options) {
  for (size_t row = 1; row < table.rows; ++row) {
    const float* gradient = d_table + row * table.dim;
    double square = 0.0;
    for (size_t i = 0; i < table.dim; ++i) square += static_cast<double>(gradient[i]) * gradient[i];
    if (square == 0.0) continue;
    accumulators[row] += static_cast<float>(square / static_cast<double>(table.dim));
    const double root = std::sqrt(accumulators[row]) + options.epsilon;
    for (size_t i = 0; i < table.dim; ++i) {
      table.data[row * table.dim + i] -=
          static_cast<float>(options.learning_rate * gradient[i] / root);
    }
  }
}

}  // namespace reference
}  // namespace upnext::kernels
#endif  // HWY_ONCE
