#include "kernels/bf16.h"

#include <cstddef>

#include "kernels/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bf16.cc"
#include "hwy/foreach_target.h"
// Must come after foreach_target.h.
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace upnext::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Integer arithmetic instead of Highway's conversion, whose rounding depends on the target:
// training has to give the same bytes on every machine.
void FloatsToBf16(const float* from, Bf16* to, size_t n) {
  const hn::ScalableTag<uint32_t> d32;
  const hn::ScalableTag<float> df;
  const hn::Rebind<uint16_t, decltype(d32)> d16;
  const size_t lanes = hn::Lanes(d32);
  const auto one = hn::Set(d32, 1u), bias = hn::Set(d32, 0x7fffu), quiet = hn::Set(d32, 0x40u);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto value = hn::LoadU(df, from + i);
    const auto bits = hn::BitCast(d32, value);
    const auto high = hn::ShiftRight<16>(bits);
    const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(bias, hn::And(high, one))));
    const auto nan = hn::RebindMask(d32, hn::IsNaN(value));
    const auto result = hn::IfThenElse(nan, hn::Or(high, quiet), rounded);
    hn::StoreU(hn::TruncateTo(d16, result), d16, reinterpret_cast<uint16_t*>(to + i));
  }
  for (; i < n; ++i) to[i] = ToBf16(from[i]);
}

void Bf16ToFloats(const Bf16* from, float* to, size_t n) {
  const hn::ScalableTag<uint32_t> d32;
  const hn::ScalableTag<float> df;
  const hn::Rebind<uint16_t, decltype(d32)> d16;
  const size_t lanes = hn::Lanes(d32);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto half = hn::LoadU(d16, reinterpret_cast<const uint16_t*>(from + i));
    hn::StoreU(hn::BitCast(df, hn::ShiftLeft<16>(hn::PromoteTo(d32, half))), df, to + i);
  }
  for (; i < n; ++i) to[i] = ToFloat(from[i]);
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upnext::kernels {

HWY_EXPORT(FloatsToBf16);
HWY_EXPORT(Bf16ToFloats);

[[maybe_unused]] const bool kLimited = LimitIsa();

void ToBf16(std::span<const float> from, std::span<Bf16> to) {
  HWY_DYNAMIC_DISPATCH(FloatsToBf16)(from.data(), to.data(), from.size());
}

void ToFloat(std::span<const Bf16> from, std::span<float> to) {
  HWY_DYNAMIC_DISPATCH(Bf16ToFloats)(from.data(), to.data(), from.size());
}

namespace reference {

void ToBf16(std::span<const float> from, std::span<Bf16> to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] = kernels::ToBf16(from[i]);
}

void ToFloat(std::span<const Bf16> from, std::span<float> to) {
  for (size_t i = 0; i < from.size(); ++i) to[i] = kernels::ToFloat(from[i]);
}

}  // namespace reference
}  // namespace upnext::kernels
#endif  // HWY_ONCE
