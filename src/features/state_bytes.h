// Numbers of the bytes of a user state (docs/formats/user_state.md). Only this room includes it.
#ifndef UPNEXT_FEATURES_STATE_BYTES_H_
#define UPNEXT_FEATURES_STATE_BYTES_H_

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "schema/event.h"

namespace upnext::features {

class StateWriter {
 public:
  void Byte(uint8_t byte) { bytes_.push_back(static_cast<char>(byte)); }
  void Varint(uint64_t x) {
    for (; x >= 0x80; x >>= 7) Byte(static_cast<uint8_t>(x | 0x80));
    Byte(static_cast<uint8_t>(x));
  }
  // A time as its distance from `base_ms`; differences wrap, so every time has one.
  void Time(int64_t time_ms, int64_t base_ms) {
    const uint64_t before = static_cast<uint64_t>(base_ms) - static_cast<uint64_t>(time_ms);
    Varint((before << 1) ^ (before >> 63 ? ~uint64_t{0} : 0));
  }
  template <typename T>
  void Fixed(T x) {  // little-endian
    for (size_t i = 0; i < sizeof(T); ++i) Byte(static_cast<uint8_t>(x >> (8 * i)));
  }
  void Real(float x) { Fixed(std::bit_cast<uint32_t>(x)); }
  void Real(double x) { Fixed(std::bit_cast<uint64_t>(x)); }
  std::string& bytes() { return bytes_; }

 private:
  std::string bytes_;
};

// Every getter returns false once something did not fit; the values are then meaningless.
class StateReader {
 public:
  explicit StateReader(std::string_view bytes) : bytes_(bytes) {}
  bool Byte(uint8_t* byte) {
    if (at_ >= bytes_.size()) return false;
    *byte = static_cast<uint8_t>(bytes_[at_++]);
    return true;
  }
  bool Varint(uint64_t* x) {
    *x = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      uint8_t byte;
      if (!Byte(&byte)) return false;
      if (shift == 63 && byte > 1) return false;  // more than 64 bits
      if (shift > 0 && byte == 0) return false;   // a shorter form exists
      *x |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return true;
    }
    return false;
  }
  bool Varint(uint32_t* x) {
    uint64_t wide;
    if (!Varint(&wide) || wide > std::numeric_limits<uint32_t>::max()) return false;
    *x = static_cast<uint32_t>(wide);
    return true;
  }
  bool Time(int64_t* time_ms, int64_t base_ms) {
    uint64_t zigzag;
    if (!Varint(&zigzag)) return false;
    const uint64_t before = (zigzag >> 1) ^ (zigzag & 1 ? ~uint64_t{0} : 0);
    *time_ms = static_cast<int64_t>(static_cast<uint64_t>(base_ms) - before);
    return *time_ms != schema::kNoTime;
  }
  template <typename T>
  bool Fixed(T* x) {
    *x = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      uint8_t byte;
      if (!Byte(&byte)) return false;
      *x |= static_cast<T>(T{byte} << (8 * i));
    }
    return true;
  }
  template <typename T, typename Bits>
  bool Sum(T* x) {  // finite and not negative
    Bits bits;
    if (!Fixed(&bits)) return false;
    *x = std::bit_cast<T>(bits);
    return std::isfinite(*x) && !std::signbit(*x);
  }
  bool Sum(float* x) { return Sum<float, uint32_t>(x); }
  bool Sum(double* x) { return Sum<double, uint64_t>(x); }
  bool done() const { return at_ == bytes_.size(); }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_STATE_BYTES_H_
