// Products of bf16 matrices on the AMX unit, by one thread. gemm.cc, operand.cc and the fused
// softmax call it; everybody else includes gemm.h.
//
// C is made in squares of 32 x 32 that stay in registers along a piece of k. The pieces of both
// sides stay in the second-level cache; shorter ones would fit the first, but writing and reading
// C more often costs more than that gains.
#ifndef UPNEXT_KERNELS_AMX_GEMM_H_
#define UPNEXT_KERNELS_AMX_GEMM_H_

#include <cstddef>

#include "kernels/amx_tiles.h"

namespace upnext::kernels::amx {

// The right side of a product, laid out by PackPieces(): pieces of kPiece along k, each of all
// panels.
constexpr size_t kPiece = 1024;
void PackPieces(const Source& right, size_t n, size_t k, Bf16* to);

// Whether the right side of a product is worth it: below a tile most of one would be zeros.
inline bool Suits(size_t n, size_t k) { return n >= 16 && k >= 16 && Available(); }

// C [m, n] = left right + beta C, with rows of C `ldc` floats apart. Not within a TileScope: the
// functions below have their own.
struct Product {
  size_t m = 0, n = 0, k = 0, ldc = 0;
  float beta = 0.0f;
};
void Multiply(const Product& shape, const Source& left, const Source& right, float* c);
void MultiplyPacked(const Product& shape, const Source& left, const Bf16* pieces, float* c);
// Both sides laid out over the whole of k by PackLeft() and PackRight(). beta is 0 or 1.
void MultiplyLaidOut(const Product& shape, const Bf16* left, const Bf16* right, float* c);

}  // namespace upnext::kernels::amx

#endif  // UPNEXT_KERNELS_AMX_GEMM_H_
