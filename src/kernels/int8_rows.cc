#include "kernels/int8_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/int8_rows.cc"
#include "hwy/foreach_target.h"
// Must come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace upnext::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using Wide = hn::CappedTag<int16_t, kInt8Pad>;  // no more lanes than the padding allows
using Sums = hn::Repartition<int32_t, Wide>;

HWY_INLINE hn::Vec<Wide> LoadCodes(const int8_t* codes) {
  return hn::PromoteTo(Wide(), hn::LoadU(hn::Rebind<int8_t, Wide>(), codes));
}

// Four rows at once share the loads of the query.
void Int8Dots(const int16_t* HWY_RESTRICT query, const int8_t* HWY_RESTRICT rows, size_t stride,
              const uint32_t* HWY_RESTRICT which, size_t count, int32_t* HWY_RESTRICT out) {
  constexpr size_t kAhead = 8, kLine = 64;  // rows that are on their way from memory
  const Wide wide;
  const Sums sums;
  const auto row = [&](size_t i) { return rows + (which == nullptr ? i : which[i]) * stride; };
  const auto prefetch = [&](size_t i) {
    for (size_t at = 0; at < stride; at += kLine) __builtin_prefetch(row(i) + at);
  };
  if (which != nullptr) {
    for (size_t i = 0; i < std::min(kAhead, count); ++i) prefetch(i);
  }
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    if (which != nullptr) {
      for (size_t next = i + kAhead; next < std::min(i + kAhead + 4, count); ++next) prefetch(next);
    }
    const int8_t *r0 = row(i), *r1 = row(i + 1), *r2 = row(i + 2), *r3 = row(i + 3);
    auto a = hn::Zero(sums), b = a, c = a, d = a, unused = a;
    for (size_t at = 0; at < stride; at += hn::Lanes(wide)) {
      const auto q = hn::LoadU(wide, query + at);
      a = hn::ReorderWidenMulAccumulate(sums, q, LoadCodes(r0 + at), a, unused);
      b = hn::ReorderWidenMulAccumulate(sums, q, LoadCodes(r1 + at), b, unused);
      c = hn::ReorderWidenMulAccumulate(sums, q, LoadCodes(r2 + at), c, unused);
      d = hn::ReorderWidenMulAccumulate(sums, q, LoadCodes(r3 + at), d, unused);
    }
    out[i] = hn::GetLane(hn::SumOfLanes(sums, a));
    out[i + 1] = hn::GetLane(hn::SumOfLanes(sums, b));
    out[i + 2] = hn::GetLane(hn::SumOfLanes(sums, c));
    out[i + 3] = hn::GetLane(hn::SumOfLanes(sums, d));
  }
  for (; i < count; ++i) {
    const int8_t* r = row(i);
    auto sum = hn::Zero(sums), unused = sum;
    for (size_t at = 0; at < stride; at += hn::Lanes(wide)) {
      sum = hn::ReorderWidenMulAccumulate(sums, hn::LoadU(wide, query + at), LoadCodes(r + at), sum,
                                          unused);
    }
    out[i] = hn::GetLane(hn::SumOfLanes(sums, sum));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upnext::kernels {
namespace {

HWY_EXPORT(Int8Dots);
[[maybe_unused]] const bool kLimited = LimitIsa();

// The largest number of a query whose sums fit 32 bits whatever the row.
float LargestOfQuery(size_t n) {
  constexpr size_t kLargestSum = std::numeric_limits<int32_t>::max();
  return static_cast<float>(std::min<size_t>(kLargestSum / (127 * std::max<size_t>(n, 1)),
                                             std::numeric_limits<int16_t>::max()));
}

// Rounds to whole multiples of the scale that makes the largest number `most`.
template <typename T>
float Encode(const float* x, size_t n, float most, T* codes) {
  float largest = 0.0f;
  for (size_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(x[i]));
  const float inverse = largest > 0.0f ? most / largest : 0.0f;
  // The inverse of a denormal number is not finite: such a row counts as zeros.
  const bool usable = inverse <= std::numeric_limits<float>::max();
  for (size_t i = 0; i < n; ++i) {
    codes[i] = static_cast<T>(usable ? std::lrintf(x[i] * inverse) : 0);
  }
  std::fill(codes + n, codes + Int8Stride(n), T{0});
  return usable ? largest / most : 0.0f;
}

}  // namespace

float EncodeInt8(const float* row, size_t n, int8_t* codes) { return Encode(row, n, 127, codes); }

float EncodeInt16(const float* query, size_t n, int16_t* codes) {
  return Encode(query, n, LargestOfQuery(n), codes);
}

double Int16Error(size_t n) { return 0.51 * std::sqrt(static_cast<double>(n)) / LargestOfQuery(n); }

void Int8Dots(const int16_t* query, const int8_t* rows, size_t stride, const uint32_t* which,
              size_t count, int32_t* out) {
  HWY_DYNAMIC_DISPATCH(Int8Dots)(query, rows, stride, which, count, out);
}

namespace reference {
void Int8Dots(const int16_t* query, const int8_t* rows, size_t stride, const uint32_t* which,
              size_t count, int32_t* out) {
  for (size_t i = 0; i < count; ++i) {
    const int8_t* row = rows + (which == nullptr ? i : which[i]) * stride;
    int64_t sum = 0;
    for (size_t d = 0; d < stride; ++d) sum += int64_t{query[d]} * row[d];
    out[i] = static_cast<int32_t>(sum);
  }
}
}  // namespace reference

}  // namespace upnext::kernels
#endif  // HWY_ONCE
