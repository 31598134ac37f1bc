#include "kernels/embedding.h"

#include <algorithm>

#include "kernels/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/embedding.cc"
#include "hwy/foreach_target.h"
// Must come after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace upnext::kernels {
namespace HWY_NAMESPACE {

template <typename T>
HWY_INLINE void Add(const T* HWY_RESTRICT x, float* HWY_RESTRICT y, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::Add(LoadRow(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] += LoadOne(x + i);
}

template <typename T>
HWY_INLINE void AddWeighted(float weight, const T* HWY_RESTRICT x, float* HWY_RESTRICT y,
                            size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto weights = hn::Set(d, weight);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::MulAdd(weights, LoadRow(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] += weight * LoadOne(x + i);
}

HWY_INLINE void Multiply(float factor, float* x, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto factors = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(factors, hn::LoadU(d, x + i)), d, x + i);
  for (; i < n; ++i) x[i] *= factor;
}

template <typename T>
HWY_INLINE void GatherBagsOf(Pooling pooling, const T* table, size_t rows, size_t dim,
                             const BagsView& bags, size_t begin, size_t end, float* out,
                             size_t stride) {
  const uint32_t* const ids = bags.ids.data();
  const uint32_t* const offsets = bags.offsets.data();
  const float* const weights = bags.weights.empty() ? nullptr : bags.weights.data();
  const size_t distance = PrefetchDistance<T>(dim);
  const size_t last = offsets[end];
  for (size_t position = offsets[begin]; position < last && position < offsets[begin] + distance;
       ++position) {
    if (ids[position] < rows) PrefetchRow<0>(table + ids[position] * dim, dim);
  }
  for (size_t bag = begin; bag < end; ++bag) {
    float* result = out + bag * stride;
    for (size_t i = 0; i < dim; ++i) result[i] = 0.0f;
    for (size_t position = offsets[bag]; position < offsets[bag + 1]; ++position) {
      if (position + distance < last) {
        const size_t ahead = ids[position + distance];
        if (ahead < rows) PrefetchRow<0>(table + ahead * dim, dim);
      }
      const size_t id = ids[position];
      if (id == 0 || id >= rows) continue;
      if (weights == nullptr) {
        Add(table + id * dim, result, dim);
      } else {
        AddWeighted(weights[position], table + id * dim, result, dim);
      }
    }
    if (pooling == Pooling::kMean && offsets[bag + 1] > offsets[bag]) {
      const float total = TotalWeight(bags, bag);
      if (total != 1.0f) Multiply(1.0f / total, result, dim);
    }
  }
}

template <typename T>
HWY_INLINE void CopyRowsOf(const T* table, size_t rows, size_t dim, const uint32_t* ids,
                           size_t begin, size_t end, float* out, size_t stride) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const size_t distance = PrefetchDistance<T>(dim);
  for (size_t position = begin; position < end; ++position) {
    if (position + distance < end) {
      const size_t ahead = ids[position + distance];
      if (ahead < rows) PrefetchRow<0>(table + ahead * dim, dim);
    }
    const size_t id = ids[position];
    float* result = out + position * stride;
    if (id == 0 || id >= rows) {
      for (size_t i = 0; i < dim; ++i) result[i] = 0.0f;
      continue;
    }
    const T* row = table + id * dim;
    size_t i = 0;
    for (; i + lanes <= dim; i += lanes) hn::StoreU(LoadRow(d, row + i), d, result + i);
    for (; i < dim; ++i) result[i] = LoadOne(row + i);
  }
}

void GatherBags(Pooling pooling, ConstTableView table, const BagsView& bags, size_t begin,
                size_t end, float* out, size_t stride) {
  if (table.half != nullptr) {
    GatherBagsOf(pooling, table.half, table.rows, table.dim, bags, begin, end, out, stride);
  } else {
    GatherBagsOf(pooling, table.data, table.rows, table.dim, bags, begin, end, out, stride);
  }
}

void CopyRows(ConstTableView table, const uint32_t* ids, size_t begin, size_t end, float* out,
              size_t stride) {
  if (table.half != nullptr) {
    CopyRowsOf(table.half, table.rows, table.dim, ids, begin, end, out, stride);
  } else {
    CopyRowsOf(table.data, table.rows, table.dim, ids, begin, end, out, stride);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upnext::kernels {

HWY_EXPORT(GatherBags);
HWY_EXPORT(CopyRows);

[[maybe_unused]] const bool kLimited = LimitIsa();

namespace {

constexpr size_t kBagGrain = 64;
constexpr size_t kRowGrain = 512;

}  // namespace

void Gather(Pooling pooling, ConstTableView table, const BagsView& bags, float* out,
            size_t out_stride, base::ThreadPool* pool) {
  const auto gather = HWY_DYNAMIC_DISPATCH(GatherBags);
  base::ParallelFor(pool, bags.size(), kBagGrain, [&](size_t begin, size_t end) {
    gather(pooling, table, bags, begin, end, out, out_stride);
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

namespace reference {

void Gather(Pooling pooling, ConstTableView table, const BagsView& bags, float* out,
            size_t out_stride) {
  for (size_t bag = 0; bag < bags.size(); ++bag) {
    const size_t begin = bags.offsets[bag], end = bags.offsets[bag + 1];
    for (size_t i = 0; i < table.dim; ++i) {
      double sum = 0.0;
      for (size_t position = begin; position < end; ++position) {
        const size_t id = bags.ids[position];
        if (id != 0 && id < table.rows) {
          const size_t at = id * table.dim + i;
          const double value =
              table.half != nullptr ? kernels::ToFloat(table.half[at]) : table.data[at];
          sum += bags.weights.empty() ? value : bags.weights[position] * value;
        }
      }
      if (pooling == Pooling::kMean && end > begin) sum /= TotalWeight(bags, bag);
      out[bag * out_stride + i] = static_cast<float>(sum);
    }
  }
}

}  // namespace reference
}  // namespace upnext::kernels
#endif  // HWY_ONCE
