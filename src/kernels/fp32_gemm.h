// Products of fp32 matrices with the vector unit, by one thread. gemm.cc calls it where it is
// faster than oneDNN; other code includes gemm.h.
//
// Both sides are laid out in panels piece by piece (Goto and van de Geijn, "Anatomy of
// high-performance matrix multiplication", 2008): C is computed in tiles that stay in registers
// over a piece of k, a panel of the right side stays in the first-level cache, a block of the left
// side in the second. The order in which an element of C is summed along k is fixed, so the result
// is the same however C is divided. Safe from many threads at once on disjoint outputs.
#ifndef UPNEXT_KERNELS_FP32_GEMM_H_
#define UPNEXT_KERNELS_FP32_GEMM_H_

#include "kernels/gemm.h"

namespace upnext::kernels::fp32 {

// C = op(A) op(B) + beta C. All three strides must be set, and k must be at least 1. With beta 0
// the old C is not read.
void Multiply(const GemmShape& shape, const float* a, const float* b, float* c);

}  // namespace upnext::kernels::fp32

#endif  // UPNEXT_KERNELS_FP32_GEMM_H_
