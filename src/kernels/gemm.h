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
#include <functional>
#include <span>
#include <string_view>

#include "base/thread_pool.h"
#include "kernels/aligned_buffer.h"
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

// A matrix that several products read, rounded once instead of once per product. Store() is safe
// from many threads on disjoint ranges.
class Operand {
 public:
  // Allocates `size` elements; their values are lost when it has to grow. Without fast bf16 it
  // holds fp32 whatever the precision.
  void Reserve(size_t size, Precision precision);
  void Store(size_t at, std::span<const float> values);
  // Where the values from `at` on are kept, to be written in place instead of by Store(); null when
  // they have to be rounded.
  float* InPlace(size_t at);
  OperandView view() const;

 private:
  bool is_bf16_ = false;
  AlignedBuffer<float> fp32_;
  AlignedBuffer<Bf16> bf16_;
};

// Called with rows [first, first + rows) of a product, c [rows, n], which it may overwrite.
using UseStrip = std::function<void(size_t first, size_t rows, float* c)>;

// The right side of several products, such as the weights of a layer: rounded and laid out for the
// matrix unit once instead of once per product.
class RightOperand {
 public:
  // B [k, n] in contiguous rows, or stored as [n, k] when `transposed`. In fp32 nothing is copied,
  // and B must stay valid.
  void Store(const float* b, size_t k, size_t n, bool transposed, Precision precision);

 private:
  friend void Gemm(size_t m, OperandView a, const RightOperand& b, float* c);
  friend void GemmByStrips(size_t m, OperandView a, const RightOperand& b, const UseStrip& use);
  size_t k_ = 0, n_ = 0;
  bool transposed_ = false, is_packed_ = false;
  const float* fp32_ = nullptr;  // null: bf16_ is used
  AlignedBuffer<Bf16> bf16_;
};
// C [m, n] = A B on the calling thread. A [m, k] in contiguous rows, in the precision in which B
// was stored.
void Gemm(size_t m, OperandView a, const RightOperand& b, float* c);
// The same without storing C as a whole: `use` gets each strip while it is in the cache.
void GemmByStrips(size_t m, OperandView a, const RightOperand& b, const UseStrip& use);

// One side of a product over the rows of a batch, C = A^T B with A [rows, m] and B [rows, n]: laid
// out for the matrix unit strip by strip, while the strips are still in the cache. Without a matrix
// unit nothing is stored.
class BatchOperand {
 public:
  enum class Side : uint8_t { kLeft, kRight };  // A or B
  static constexpr size_t kMultiple = 32;
  // For a matrix [rows, width] that the caller also has as an Operand of this precision.
  void Reserve(size_t rows, size_t width, Side side, Precision precision);
  // Rows [first, first + n), contiguous at `strip`. `first` is a multiple of kMultiple, and so is n
  // except at the end. Safe from many threads on disjoint rows.
  void Store(size_t first, size_t n, OperandView strip);

 private:
  friend void AddBatchProduct(const BatchOperand& a, const BatchOperand& b, OperandView a_rows,
                              OperandView b_rows, size_t begin, size_t count, float* c);
  size_t rows_ = 0, width_ = 0;
  Side side_ = Side::kLeft;
  AlignedBuffer<Bf16> panels_;
  bool is_packed_ = false;
};
// C [count, n] += rows [begin, begin + count) of A^T B, on the calling thread. a_rows and b_rows
// are the whole matrices. `begin` is a multiple of BatchOperand::kMultiple.
void AddBatchProduct(const BatchOperand& a, const BatchOperand& b, OperandView a_rows,
                     OperandView b_rows, size_t begin, size_t count, float* c);

namespace reference {
// Three nested loops with double accumulation; in kBf16 operands are rounded first.
void Gemm(const GemmShape& shape, const float* a, const float* b, float* c, Precision precision);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_GEMM_H_
