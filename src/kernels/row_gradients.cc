#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/embedding.h"
#include "kernels/isa.h"

// Shared by all targets; foreach_target.h reads this file once for each.
#ifndef UPNEXT_KERNELS_ROW_GRADIENTS_TYPES_
#define UPNEXT_KERNELS_ROW_GRADIENTS_TYPES_
namespace upnext::kernels {
// What one thread does of RowGradients::ApplyAdagrad(): runs [begin, end) of equal rows.
struct AdagradWork {
  TableView table;
  float* accumulators;
  AdagradOptions options;
  const uint64_t* keys;
  const RowGradients::Run* runs;
  const RowGradients::Entry* entries;
  float* sum;  // [dim], scratch
};

constexpr uint32_t kWeyl = 0x9e3779b9;  // 2^32 / golden ratio

// Where the chances of a row's step begin: a hash of the row and of what the step does to its
// accumulator. Nothing beside the table has to be saved for a resumed training to round alike.
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

// y += scale x in fp32, rounded up or down by chance, so that on average nothing is lost: what a
// step moves is mostly less than half of a bf16's last bit. The chances of neighbours are a Weyl
// sequence from `start`.
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
HWY_INLINE void AdagradRunsOf(const AdagradWork& work, size_t begin, size_t end) {
  T* const table = RowsOf(work.table, static_cast<T*>(nullptr));
  const size_t dim = work.table.dim;
  const size_t distance = PrefetchDistance<T>(dim);
  const float* measured = nullptr;  // the gradient whose squared length is `square_sum`
  float square_sum = 0.0f;
  for (size_t i = begin; i < end; ++i) {
    if (i + distance < end) {
      const size_t ahead = work.keys[work.runs[i + distance].first] >> 32;
      if (ahead < work.table.rows) {
        PrefetchRow<1>(table + ahead * dim, dim);
        __builtin_prefetch(work.accumulators + ahead, 1, 3);
      }
    }
    const RowGradients::Run run = work.runs[i];
    const size_t row = work.keys[run.first] >> 32;
    if (row >= work.table.rows) continue;
    // A row met once, the usual case in a long tail, needs no sum.
    const RowGradients::Entry& only = work.entries[static_cast<uint32_t>(work.keys[run.first])];
    const float* gradient = only.gradient;
    float scale = only.scale;
    if (run.count > 1) {
      SumEntries(work, run);
      gradient = work.sum;
      scale = 1.0f;
    }
    if (gradient != measured) {
      square_sum = SquaredLength(gradient, dim);
      measured = run.count > 1 ? nullptr : gradient;
    }
    const float square = scale * scale * square_sum / static_cast<float>(dim);
    const float accumulated = work.accumulators[row] + square;
    work.accumulators[row] = accumulated;
    const float root = __builtin_sqrtf(accumulated) + work.options.epsilon;
    Move(-work.options.learning_rate / root * scale, gradient, table + row * dim, dim,
         Chance(row, accumulated, square));
  }
}

void AdagradRuns(const AdagradWork& work, size_t begin, size_t end) {
  if (work.table.half != nullptr) {
    AdagradRunsOf<Bf16>(work, begin, end);
  } else {
    AdagradRunsOf<float>(work, begin, end);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upnext::kernels {

HWY_EXPORT(AdagradRuns);

[[maybe_unused]] const bool kLimited = LimitIsa();

namespace {
constexpr size_t kRowGrain = 512;
constexpr uint32_t kNone = UINT32_MAX;
}  // namespace

void RowGradients::AddBags(const BagsView& bags, const float* d_out, size_t stride,
                           Pooling pooling) {
  for (size_t bag = 0; bag < bags.size(); ++bag) {
    const size_t count = bags.offsets[bag + 1] - bags.offsets[bag];
    const float scale = pooling == Pooling::kMean ? 1.0f / static_cast<float>(count) : 1.0f;
    for (size_t position = bags.offsets[bag]; position < bags.offsets[bag + 1]; ++position) {
      if (bags.ids[position] != 0) {
        entries_.push_back({bags.ids[position], scale, d_out + bag * stride});
      }
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
  runs_.clear();
}

// A radix sort over the bits that rows really have. It is stable, so equal rows keep the order in
// which they were added. Rows met once come first and in that order too: then neighbours mostly
// have the same gradient, which stays in the first-level cache.
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
  many_.clear();
  alone_.assign(n, kNone);
  for (size_t i = 0; i < n;) {
    size_t end = i + 1;
    while (end < n && keys_[end] >> 32 == keys_[i] >> 32) ++end;
    const Run run{static_cast<uint32_t>(i), static_cast<uint32_t>(end - i)};
    if (run.count == 1) {
      alone_[static_cast<uint32_t>(keys_[i])] = run.first;
    } else {
      many_.push_back(run);
    }
    i = end;
  }
  for (const uint32_t first : alone_) {
    if (first != kNone) runs_.push_back({first, 1});
  }
  runs_.insert(runs_.end(), many_.begin(), many_.end());
}

void RowGradients::ApplySorted(TableView table, std::span<float> accumulators,
                               const AdagradOptions& options, size_t begin, size_t end) const {
  thread_local std::vector<float> sum;
  if (sum.size() < table.dim) sum.resize(table.dim);
  HWY_DYNAMIC_DISPATCH(AdagradRuns)
  ({.table = table,
    .accumulators = accumulators.data(),
    .options = options,
    .keys = keys_.data(),
    .runs = runs_.data(),
    .entries = entries_.data(),
    .sum = sum.data()},
   begin, end);
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
      const float scale = pooling == Pooling::kMean ? 1.0f / static_cast<float>(end - begin) : 1.0f;
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
