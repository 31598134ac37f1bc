// Matrix products. The only interface to oneDNN, which only gemm.cc includes.
//
//   // logits[batch, items] = users[batch, dim] * items[items, dim]^T
//   Gemm({.m = batch, .n = items, .k = dim, .transpose_b = true}, users, item_rows, logits,
//        BestPrecision(), pool);
//
// All matrices are row-major. Safe from many threads at once on disjoint outputs, except that a
// pool serves one caller at a time (base/thread_pool.h). The result depends on shape, precision and
// thread count, never on timing.
#ifndef UPNEXT_KERNELS_GEMM_H_
#define UPNEXT_KERNELS_GEMM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/thread_pool.h"
#include "kernels/bf16.h"

namespace upnext::kernels {

enum class Precision : uint8_t {
  kFp32,
  kBf16,  // operands rounded to bf16, products accumulated in fp32; fp32 on processors without
          // fast bf16
};

// True when the processor multiplies bf16 in hardware and neither ONEDNN_MAX_CPU_ISA (for oneDNN)
// nor UPNEXT_MAX_ISA (isa.h, for our kernels) excludes it.
bool HasFastBf16();
// kBf16 where it is fast, else kFp32.
Precision BestPrecision();
// "bf16" or "fp32": the precision in which such a product is computed on this machine.
std::string_view PrecisionName(Precision precision);

struct GemmShape {
  size_t m = 0, n = 0, k = 0;  // C is [m, n], op(A) is [m, k], op(B) is [k, n]
  bool transpose_a = false;    // A is stored [k, m]
  bool transpose_b = false;    // B is stored [n, k]
  // Elements from one stored row to the next; 0 means contiguous rows.
  size_t lda = 0, ldb = 0, ldc = 0;
  float beta = 0.0f;  // C = op(A) op(B) + beta C; with 0 the old C is not read
};

// Operands and result in fp32. With a pool the rows or columns of C are shared among its threads;
// without one the calling thread works alone.
void Gemm(const GemmShape& shape, const float* a, const float* b, float* c, Precision precision,
          base::ThreadPool* pool = nullptr);

// Operands already in bf16. On processors without fast bf16 they are converted to fp32.
void Gemm(const GemmShape& shape, const Bf16* a, const Bf16* b, float* c,
          base::ThreadPool* pool = nullptr);

// One operand of a product, in the precision of the product: one of the two pointers is not null.
struct OperandView {
  const float* fp32 = nullptr;
  const Bf16* bf16 = nullptr;
  OperandView operator+(size_t elements) const {
    return fp32 != nullptr ? OperandView{fp32 + elements, nullptr}
                           : OperandView{nullptr, bf16 + elements};
  }
};
// Both operands must have the same precision.
void Gemm(const GemmShape& shape, OperandView a, OperandView b, float* c,
          base::ThreadPool* pool = nullptr);

namespace reference {
// Three nested loops with double accumulation; in kBf16 operands are rounded first.
void Gemm(const GemmShape& shape, const float* a, const float* b, float* c, Precision precision);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_GEMM_H_
