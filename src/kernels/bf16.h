// bfloat16: the upper half of a float. Needs half the memory traffic and is the input of matrix
// units.
//
//   Bf16 b = ToBf16(1.5f);          float f = ToFloat(b);
//   ToBf16(floats, halves);         whole arrays, vectorised
//
// Free functions on the caller's memory; safe from any thread.
#ifndef UPNEXT_KERNELS_BF16_H_
#define UPNEXT_KERNELS_BF16_H_

#include <bit>
#include <cstdint>
#include <span>

namespace upnext::kernels {

struct Bf16 {
  uint16_t bits = 0;
  friend bool operator==(Bf16, Bf16) = default;
};

// Rounds to nearest, ties to even. NaN stays NaN (quieted); overflow gives infinity.
inline Bf16 ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}

// Stochastic rounding: rounds up with a probability equal to the distance from the lower neighbour,
// when the upper half of `chance` is uniform. The expected value is exact. A NaN produced by
// arithmetic stays NaN.
inline Bf16 RoundByChance(float value, uint32_t chance) {
  return {static_cast<uint16_t>((std::bit_cast<uint32_t>(value) + (chance >> 16)) >> 16)};
}

inline float ToFloat(Bf16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

// Element by element; `to` must have at least the size of `from`.
void ToBf16(std::span<const float> from, std::span<Bf16> to);
void ToFloat(std::span<const Bf16> from, std::span<float> to);

namespace reference {
void ToBf16(std::span<const float> from, std::span<Bf16> to);
void ToFloat(std::span<const Bf16> from, std::span<float> to);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_BF16_H_
