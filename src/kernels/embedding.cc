#include "kernels/embedding.h"

#include <algorithm>
#include <cmath>

#include "kernels/isa.h"
#include "kernels/vector_ops.h"

// Shared by all targets; foreach_target.h reads this file once for each.
#ifndef UPNEXT_KERNELS_EMBEDDING_TYPES_
#define UPNEXT_KERNELS_EMBEDDING_TYPES_
namespace upnext::kernels {
// What one thread does of RowGradients::ApplyAdagrad(): runs [begin, end) of equal rows.
struct AdagradWork {
  TableView table;
  float* accumulators;
  AdagradOptions options;
  const uint64_t* keys;
  const uint32_t* runs;
  const RowGradients::Entry* entries;
  float* sum;  // [dim], scratch
};
}  // namespace upnext::kernels
#endif  // UPNEXT_KERNELS_EMBEDDING_TYPES_

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding.cc"
#include "hwy/foreach_target.h"
// Must come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace upnext::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;

// Rows are asked for about this many bytes before they are needed: enough to hide the latency of
// memory, little enough to stay in the first-level cache.
constexpr size_t kPrefetchBytes = 4096;

HWY_INLINE size_t PrefetchDistance(size_t dim) {
  const size_t rows = kPrefetchBytes / (dim * sizeof(float) + 1);
  return rows < 2 ? 2 : rows > 16 ? 16 : rows;
}

HWY_INLINE void PrefetchRow(const float* row, size_t dim) {
  for (size_t i = 0; i < dim; i += 16) __builtin_prefetch(row + i, 0, 3);
  __builtin_prefetch(row + dim - 1, 0, 3);
}

HWY_INLINE void PrefetchRowToWrite(float* row, size_t dim) {
  for (size_t i = 0; i < dim; i += 16) __builtin_prefetch(row + i, 1, 3);
  __builtin_prefetch(row + dim - 1, 1, 3);
}

HWY_INLINE void AddScaled(float scale, const float* x, float* y, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, scale);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] += scale * x[i];
}

HWY_INLINE void Add(const float* HWY_RESTRICT x, float* HWY_RESTRICT y, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::Add(hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] += x[i];
}

HWY_INLINE void Multiply(float factor, float* x, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto factors = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(factors, hn::LoadU(d, x + i)), d, x + i);
  for (; i < n; ++i) x[i] *= factor;
}

void GatherBags(Pooling pooling, ConstTableView table, const uint32_t* ids, const uint32_t* offsets,
                size_t begin, size_t end, float* out, size_t stride) {
  const size_t dim = table.dim;
  const size_t distance = PrefetchDistance(dim);
  const size_t last = offsets[end];
  for (size_t position = offsets[begin]; position < last && position < offsets[begin] + distance;
       ++position) {
    if (ids[position] < table.rows) PrefetchRow(table.data + ids[position] * dim, dim);
  }
  for (size_t bag = begin; bag < end; ++bag) {
    float* result = out + bag * stride;
    for (size_t i = 0; i < dim; ++i) result[i] = 0.0f;
    for (size_t position = offsets[bag]; position < offsets[bag + 1]; ++position) {
      if (position + distance < last) {
        const size_t ahead = ids[position + distance];
        if (ahead < table.rows) PrefetchRow(table.data + ahead * dim, dim);
      }
      const size_t id = ids[position];
      if (id == 0 || id >= table.rows) continue;
      Add(table.data + id * dim, result, dim);
    }
    const size_t count = offsets[bag + 1] - offsets[bag];
    if (pooling == Pooling::kMean && count > 1) {
      Multiply(1.0f / static_cast<float>(count), result, dim);
    }
  }
}

void CopyRows(ConstTableView table, const uint32_t* ids, size_t begin, size_t end, float* out,
              size_t stride) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const size_t dim = table.dim;
  const size_t distance = PrefetchDistance(dim);
  for (size_t position = begin; position < end; ++position) {
    if (position + distance < end) {
      const size_t ahead = ids[position + distance];
      if (ahead < table.rows) PrefetchRow(table.data + ahead * dim, dim);
    }
    const size_t id = ids[position];
    float* result = out + position * stride;
    if (id == 0 || id >= table.rows) {
      for (size_t i = 0; i < dim; ++i) result[i] = 0.0f;
      continue;
    }
    const float* row = table.data + id * dim;
    size_t i = 0;
    for (; i + lanes <= dim; i += lanes) hn::StoreU(hn::LoadU(d, row + i), d, result + i);
    for (; i < dim; ++i) result[i] = row[i];
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

void AdagradRuns(const AdagradWork& work, size_t begin, size_t end) {
  const size_t dim = work.table.dim;
  const size_t distance = PrefetchDistance(dim);
  for (size_t run = begin; run < end; ++run) {
    if (run + distance < end) {
      const size_t ahead = work.keys[work.runs[run + distance]] >> 32;
      if (ahead < work.table.rows) {
        PrefetchRowToWrite(work.table.data + ahead * dim, dim);
        __builtin_prefetch(work.accumulators + ahead, 1, 3);
      }
    }
    const size_t row = work.keys[work.runs[run]] >> 32;
    if (row >= work.table.rows) continue;
    // A row met once, the usual case in a long tail, needs no sum.
    const RowGradients::Entry& only =
        work.entries[static_cast<uint32_t>(work.keys[work.runs[run]])];
    const float* gradient = only.gradient;
    float scale = only.scale;
    if (work.runs[run + 1] - work.runs[run] > 1) {
      for (size_t i = 0; i < dim; ++i) work.sum[i] = 0.0f;
      for (size_t k = work.runs[run]; k < work.runs[run + 1]; ++k) {
        const RowGradients::Entry& entry = work.entries[static_cast<uint32_t>(work.keys[k])];
        AddScaled(entry.scale, entry.gradient, work.sum, dim);
      }
      gradient = work.sum;
      scale = 1.0f;
    }
    const float square = scale * scale * SquaredLength(gradient, dim) / static_cast<float>(dim);
    const float accumulated = work.accumulators[row] + square;
    work.accumulators[row] = accumulated;
    const float root = __builtin_sqrtf(accumulated) + work.options.epsilon;
    AddScaled(-work.options.learning_rate / root * scale, gradient, work.table.data + row * dim,
              dim);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upnext::kernels {

HWY_EXPORT(GatherBags);
HWY_EXPORT(CopyRows);
HWY_EXPORT(AdagradRuns);

[[maybe_unused]] const bool kLimited = LimitIsa();

namespace {

constexpr size_t kBagGrain = 64;
constexpr size_t kRowGrain = 512;

}  // namespace

void Gather(Pooling pooling, ConstTableView table, const BagsView& bags, float* out,
            size_t out_stride, base::ThreadPool* pool) {
  const auto gather = HWY_DYNAMIC_DISPATCH(GatherBags);
  base::ParallelFor(pool, bags.size(), kBagGrain, [&](size_t begin, size_t end) {
    gather(pooling, table, bags.ids.data(), bags.offsets.data(), begin, end, out, out_stride);
  });
}

void GatherMean(ConstTableView table, const BagsView& bags, float* out, size_t out_stride,
                base::ThreadPool* pool) {
  Gather(Pooling::kMean, table, bags, out, out_stride, pool);
}

void GatherSum(ConstTableView table, const BagsView& bags, float* out, size_t out_stride,
               base::ThreadPool* pool) {
  Gather(Pooling::kSum, table, bags, out, out_stride, pool);
}

void GatherRows(ConstTableView table, std::span<const uint32_t> ids, float* out, size_t out_stride,
                base::ThreadPool* pool) {
  const auto copy = HWY_DYNAMIC_DISPATCH(CopyRows);
  base::ParallelFor(pool, ids.size(), kRowGrain, [&](size_t begin, size_t end) {
    copy(table, ids.data(), begin, end, out, out_stride);
  });
}

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
// which they were added.
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
  for (size_t i = 0; i < n; ++i) {
    if (i == 0 || keys_[i] >> 32 != keys_[i - 1] >> 32) runs_.push_back(static_cast<uint32_t>(i));
  }
  runs_.push_back(static_cast<uint32_t>(n));
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

void Gather(Pooling pooling, ConstTableView table, const BagsView& bags, float* out,
            size_t out_stride) {
  for (size_t bag = 0; bag < bags.size(); ++bag) {
    const size_t begin = bags.offsets[bag], end = bags.offsets[bag + 1];
    for (size_t i = 0; i < table.dim; ++i) {
      double sum = 0.0;
      for (size_t position = begin; position < end; ++position) {
        const size_t id = bags.ids[position];
        if (id != 0 && id < table.rows) sum += table.data[id * table.dim + i];
      }
      if (pooling == Pooling::kMean && end > begin) sum /= static_cast<double>(end - begin);
      out[bag * out_stride + i] = static_cast<float>(sum);
    }
  }
}

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
