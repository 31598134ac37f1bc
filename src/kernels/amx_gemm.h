// Products of bf16 matrices on the AMX unit, by one thread. For gemm.cc, operand.cc and the fused
// softmax; other code includes gemm.h.
//
// C is computed in squares of 32 x 32 that stay in registers over a piece of k. The pieces of both
// sides stay in the second-level cache; shorter ones would fit the first-level cache, but then C is
// written and read more often, which costs more than it saves.
#ifndef UPNEXT_KERNELS_AMX_GEMM_H_
#define UPNEXT_KERNELS_AMX_GEMM_H_

#include <cstddef>

#include "kernels/amx_tiles.h"

namespace upnext::kernels::amx {

// The layout of a right side made by PackPieces(): pieces of kPiece along k, each with all panels.
constexpr size_t kPiece = 1024;
void PackPieces(const Source& right, size_t n, size_t k, Bf16* to);

// Whether a product with this right side is efficient: below one tile most of it would be zeros.
inline bool Suits(size_t n, size_t k) { return n >= 16 && k >= 16 && Available(); }

// C [m, n] = left right + beta C, with rows of C `ldc` floats apart. Must not be called within a
// TileScope: the functions below create their own.
struct Product {
  size_t m = 0, n = 0, k = 0, ldc = 0;
  float beta = 0.0f;
};
void Multiply(const Product& shape, const Source& left, const Source& right, float* c);
void MultiplyPacked(const Product& shape, const Source& left, const Bf16* pieces, float* c);
// Both sides laid out over all of k by PackLeft() and PackRight(). beta is 0 or 1.
void MultiplyLaidOut(const Product& shape, const Bf16* left, const Bf16* right, float* c);

}  // namespace upnext::kernels::amx

#endif  // UPNEXT_KERNELS_AMX_GEMM_H_
