#include "kernels/amx_tiles.h"

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstdint>

#include "dnnl.hpp"
#include "kernels/avx512.h"
#include "kernels/isa.h"

// Tile instructions are written as assembly, since the intrinsics of GCC 12 do not declare that
// they read memory.

namespace upnext::kernels::amx {

#if defined(__x86_64__)

namespace {

bool AskSystem() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0;
  uint8_t reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileConfig kTiles;

constexpr size_t kTileRows = 16;

// One step of a panel, of which `lanes` of 32 lanes and `k` of 32 elements are present, as two
// tiles whose rows are lanes, or pairs along k of sixteen lanes.
UPNEXT_AVX512 inline void LoadLanes(const Source& from, size_t lanes, size_t k,
                                    __m512i tiles[2][16]) {
  const auto mask = static_cast<__mmask32>((uint64_t{1} << k) - 1);
  for (size_t i = 0; i < kLanes; ++i) {
    tiles[i / 16][i % 16] = i < lanes ? _mm512_maskz_loadu_epi16(mask, from.data + i * from.stride)
                                      : _mm512_setzero_si512();
  }
}
// Loads both tiles together: stored rows are often a power of two apart and would evict each other
// from the first-level cache before their second halves are read.
UPNEXT_AVX512 inline void LoadPairs(const Source& from, size_t lanes, size_t k,
                                    __m512i tiles[2][16]) {
  alignas(64) static constexpr uint16_t kLow[32] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,
                                                    37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
                                                    11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
  const __m512i low = _mm512_load_si512(kLow);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  const auto mask = static_cast<__mmask32>((uint64_t{1} << lanes) - 1);
  for (size_t i = 0; i < kTileRows; ++i) {
    const Bf16* const row = from.data + 2 * i * from.stride;
    __m512i even = _mm512_setzero_si512(), odd = even;
    if (2 * i < k) even = _mm512_maskz_loadu_epi16(mask, row);
    if (2 * i + 1 < k) odd = _mm512_maskz_loadu_epi16(mask, row + from.stride);
    tiles[0][i] = _mm512_permutex2var_epi16(even, low, odd);
    tiles[1][i] = _mm512_permutex2var_epi16(even, high, odd);
  }
}

template <bool kLeft>
UPNEXT_AVX512 void Pack(const Source& from, size_t lanes, size_t k, Bf16* to) {
  for (size_t lane = 0; lane < lanes; lane += kLanes) {
    for (size_t at = 0; at < k; at += kStep) {
      __m512i tiles[2][16];
      const size_t width = std::min(lanes - lane, kLanes), depth = std::min(k - at, kStep);
      if (from.k_major) {
        LoadPairs(from.At(lane, at), width, depth, tiles);
      } else {
        LoadLanes(from.At(lane, at), width, depth, tiles);
      }
      for (auto& tile : tiles) {
        if (from.k_major == kLeft) TransposeDwords(tile);
        for (const __m512i& row : tile) {
          _mm512_store_si512(to, row);
          to += kStep;
        }
      }
    }
  }
}

}  // namespace

bool Available() {
  static const bool available = [] {
    const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
    constexpr auto kNeeded = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_amx);
    return (isa & kNeeded) == kNeeded && !LimitIsa() && AskSystem();
  }();
  return available;
}

void PackLeft(const Source& from, size_t lanes, size_t k, Bf16* panels) {
  Pack<true>(from, lanes, k, panels);
}
void PackRight(const Source& from, size_t lanes, size_t k, Bf16* panels) {
  Pack<false>(from, lanes, k, panels);
}

TileScope::TileScope() { asm volatile("ldtilecfg %0" ::"m"(kTiles)); }
TileScope::~TileScope() { asm volatile("tilerelease"); }

// Tiles 0 to 3 hold the result, 4 and 5 the left side, 6 and 7 the right side.
void MultiplyPanels(const Bf16* left, const Bf16* right, size_t steps, float* c, size_t ldc,
                    bool add) {
  const size_t stride = ldc * sizeof(float);
  float* const lower = c + kTileRows * ldc;
  if (add) {
    asm volatile(
        "tileloadd (%0,%2,1), %%tmm0\n\t"
        "tileloadd 64(%0,%2,1), %%tmm1\n\t"
        "tileloadd (%1,%2,1), %%tmm2\n\t"
        "tileloadd 64(%1,%2,1), %%tmm3" ::"r"(c),
        "r"(lower), "r"(stride)
        : "memory");
  } else {
    asm volatile("tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3" ::
                     : "memory");
  }
  for (size_t step = 0; step < steps; ++step) {
    asm volatile(
        "tileloadd (%0,%2,1), %%tmm4\n\t"
        "tileloadd (%1,%2,1), %%tmm6\n\t"
        "tileloadd 1024(%0,%2,1), %%tmm5\n\t"
        "tileloadd 1024(%1,%2,1), %%tmm7\n\t"
        "tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\t"
        "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\t"
        "tdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\t"
        "tdpbf16ps %%tmm7, %%tmm5, %%tmm3" ::"r"(left + step * kStepSize),
        "r"(right + step * kStepSize), "r"(size_t{64})
        : "memory");
  }
  asm volatile(
      "tilestored %%tmm0, (%0,%2,1)\n\t"
      "tilestored %%tmm1, 64(%0,%2,1)\n\t"
      "tilestored %%tmm2, (%1,%2,1)\n\t"
      "tilestored %%tmm3, 64(%1,%2,1)" ::"r"(c),
      "r"(lower), "r"(stride)
      : "memory");
}

#else  // not x86-64: never available, never called

bool Available() { return false; }
void PackLeft(const Source&, size_t, size_t, Bf16*) {}
void PackRight(const Source&, size_t, size_t, Bf16*) {}
TileScope::TileScope() {}
TileScope::~TileScope() {}
void MultiplyPanels(const Bf16*, const Bf16*, size_t, float*, size_t, bool) {}

#endif

void MultiplyCorner(const Bf16* left, const Bf16* right, size_t steps, size_t rows, size_t columns,
                    float* c, size_t ldc, bool add) {
  if (rows == kLanes && columns == kLanes) {
    MultiplyPanels(left, right, steps, c, ldc, add);
    return;
  }
  alignas(64) float square[kLanes * kLanes];
  MultiplyPanels(left, right, steps, square, kLanes, false);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      c[i * ldc + j] = square[i * kLanes + j] + (add ? c[i * ldc + j] : 0.0f);
    }
  }
}

}  // namespace upnext::kernels::amx
