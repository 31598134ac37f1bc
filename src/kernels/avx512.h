// For the files that accompany the AMX kernels: compiles single functions for processors with
// AVX-512, and transposes. Whole files are not compiled for AVX-512, since their other functions
// have to run everywhere.
//
//   UPNEXT_AVX512 void F(...) { __m512i rows[16]; ...; TransposeDwords(rows); }
//
// Call such functions only if amx::Available(). Include it only in .cc files of this room.
#ifndef UPNEXT_KERNELS_AVX512_H_
#define UPNEXT_KERNELS_AVX512_H_

#if defined(__x86_64__)

#include <immintrin.h>

#if !defined(__clang__)
// GCC 12 warns of undefined vectors in its own headers (its PR 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define UPNEXT_AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")))

namespace upnext::kernels {

// 16 x 16 words of 32 bits: r[i][j] becomes r[j][i].
UPNEXT_AVX512 inline void TransposeDwords(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 16; j += 8) {
      t[j + i] = _mm512_shuffle_i32x4(r[j + i], r[j + 4 + i], 0x88);
      t[j + 4 + i] = _mm512_shuffle_i32x4(r[j + i], r[j + 4 + i], 0xdd);
    }
  }
  for (int i = 0; i < 8; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0x88);
    r[8 + i] = _mm512_shuffle_i32x4(t[i], t[8 + i], 0xdd);
  }
}

}  // namespace upnext::kernels

#endif  // __x86_64__
#endif  // UPNEXT_KERNELS_AVX512_H_
