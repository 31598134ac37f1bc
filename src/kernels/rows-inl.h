// Rows of a table, fp32 or bf16, as vectors of floats. For the .cc files of this room that are
// compiled once per target.
#if defined(UPNEXT_KERNELS_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef UPNEXT_KERNELS_ROWS_INL_H_
#undef UPNEXT_KERNELS_ROWS_INL_H_
#else
#define UPNEXT_KERNELS_ROWS_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"
#include "kernels/bf16.h"

HWY_BEFORE_NAMESPACE();
namespace upnext::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;

HWY_INLINE hn::Vec<Floats> LoadRow(Floats d, const float* x) { return hn::LoadU(d, x); }
HWY_INLINE hn::Vec<Floats> LoadRow(Floats d, const Bf16* x) {
  const hn::RebindToUnsigned<Floats> d32;
  const hn::Rebind<uint16_t, Floats> d16;
  const auto half = hn::LoadU(d16, reinterpret_cast<const uint16_t*>(x));
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(d32, half)));
}

HWY_INLINE float LoadOne(const float* x) { return *x; }
HWY_INLINE float LoadOne(const Bf16* x) { return ToFloat(*x); }

// y += alpha x
HWY_INLINE void Axpy(float alpha, const float* x, float* y, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, alpha);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::MulAdd(factor, hn::LoadU(d, x + i), hn::LoadU(d, y + i)), d, y + i);
  }
  for (; i < n; ++i) y[i] += alpha * x[i];
}

// Rows are prefetched about this many bytes ahead: enough to hide the latency of memory, few enough
// to stay in the first-level cache.
constexpr size_t kPrefetchBytes = 4096;

template <typename T>
HWY_INLINE size_t PrefetchDistance(size_t dim) {
  const size_t rows = kPrefetchBytes / (dim * sizeof(T) + 1);
  return rows < 2 ? 2 : rows > 16 ? 16 : rows;
}

template <int kWrite, typename T>
HWY_INLINE void PrefetchRow(const T* row, size_t dim) {
  constexpr size_t kLine = 64 / sizeof(T);
  for (size_t i = 0; i < dim; i += kLine) __builtin_prefetch(row + i, kWrite, 3);
  __builtin_prefetch(row + dim - 1, kWrite, 3);
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#endif  // UPNEXT_KERNELS_ROWS_INL_H_
