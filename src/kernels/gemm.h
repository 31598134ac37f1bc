// Matrix products. The only door to oneDNN: nothing outside gemm.cc knows it.
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
  kFp32,  // as the name says
  kBf16,  // operands rounded to bf16, products accumulated in fp32; fp32 where the chip has no fast
          // bf16
};

// True when the processor multiplies bf16 in hardware, as far as ONEDNN_MAX_CPU_ISA lets oneDNN use
// it and UPNEXT_MAX_ISA (isa.h) lets us.
bool HasFastBf16();
// kBf16 where it is fast, else kFp32.
Precision BestPrecision();
// "bf16" or "fp32", as a product of this precision really runs on this machine.
std::string_view PrecisionName(Precision precision);

struct GemmShape {
  size_t m = 0, n = 0, k = 0;  // C is [m, n], op(A) is [m, k], op(B) is [k, n]
  bool transpose_a = false;    // A is stored [k, m]
  bool transpose_b = false;    // B is stored [n, k]
  // Elements from one stored row to the next; 0 means rows lie close together.
  size_t lda = 0, ldb = 0, ldc = 0;
  float beta = 0.0f;  // C = op(A) op(B) + beta C; with 0 the old C is not read
};

// Operands and result in fp32. With a pool the rows or columns of C are shared among its threads;
// without one the calling thread works alone.
void Gemm(const GemmShape& shape, const float* a, const float* b, float* c, Precision precision,
          base::ThreadPool* pool = nullptr);

// Operands already in bf16. Where the chip has no fast bf16 they are widened and multiplied in
// fp32.
void Gemm(const GemmShape& shape, const Bf16* a, const Bf16* b, float* c,
          base::ThreadPool* pool = nullptr);

// One side of a product, in the precision it is multiplied in: one of the two is not null.
struct OperandView {
  const float* fp32 = nullptr;
  const Bf16* bf16 = nullptr;
  OperandView operator+(size_t elements) const {
    return fp32 != nullptr ? OperandView{fp32 + elements, nullptr}
                           : OperandView{nullptr, bf16 + elements};
  }
};
// Both of the same kind.
void Gemm(const GemmShape& shape, OperandView a, OperandView b, float* c,
          base::ThreadPool* pool = nullptr);

namespace reference {
// Triple loop with double accumulation; in kBf16 operands are rounded first.
void Gemm(const GemmShape& shape, const float* a, const float* b, float* c, Precision precision);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_GEMM_H_
