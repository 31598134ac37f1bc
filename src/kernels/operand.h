// Sides of matrix products that are rounded, and laid out for the matrix unit, once for several
// products.
//
//   RightOperand weights;
//   weights.Store(w, k, n, /*transposed=*/false, Precision::kBf16);
//   Gemm(m, activations.view(), weights, c);             // once for each block of a batch
//
// Reading is safe from many threads; each Store says what else is.
#ifndef UPNEXT_KERNELS_OPERAND_H_
#define UPNEXT_KERNELS_OPERAND_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "kernels/aligned_buffer.h"
#include "kernels/bf16.h"
#include "kernels/gemm.h"

namespace upnext::kernels {

// A matrix that several products read: rounded once, not once for each of them. Store() is safe
// from many threads on disjoint ranges.
class Operand {
 public:
  // Room for `size` elements, whose values are lost when it has to grow. Without fast bf16 it holds
  // fp32 whatever is asked for.
  void Reserve(size_t size, Precision precision);
  void Store(size_t at, std::span<const float> values);
  // Where the values from `at` on lie, to be written there instead of stored; null where they have
  // to be rounded.
  float* InPlace(size_t at);
  OperandView view() const;

 private:
  bool is_bf16_ = false;
  AlignedBuffer<float> fp32_;
  AlignedBuffer<Bf16> bf16_;
};

// What is done with rows [first, first + rows) of a product, c [rows, n], which may be overwritten.
using UseStrip = std::function<void(size_t first, size_t rows, float* c)>;

// The right side of several products, such as the weights of a layer: rounded and laid out as the
// matrix unit likes it once, not once for each of them.
class RightOperand {
 public:
  // B [k, n] in close rows, or stored as [n, k] when `transposed`. In fp32 nothing is copied, and B
  // must stay where it is.
  void Store(const float* b, size_t k, size_t n, bool transposed, Precision precision);

 private:
  friend void Gemm(size_t m, OperandView a, const RightOperand& b, float* c);
  friend void GemmByStrips(size_t m, OperandView a, const RightOperand& b, const UseStrip& use);
  size_t k_ = 0, n_ = 0;
  bool transposed_ = false, is_packed_ = false;
  const float* fp32_ = nullptr;  // null: bf16_ is it
  AlignedBuffer<Bf16> bf16_;
};
// C [m, n] = A B by the calling thread alone. A [m, k] in close rows, in the precision that B was
// stored in.
void Gemm(size_t m, OperandView a, const RightOperand& b, float* c);
// The same, but C is never there as a whole: `use` gets each strip while the cache has it.
void GemmByStrips(size_t m, OperandView a, const RightOperand& b, const UseStrip& use);

// One side of a product over the rows of a batch, C = A^T B with A [rows, m] and B [rows, n]: laid
// out as the matrix unit likes it strip by strip, while the cache still has them from what made
// them. Without such a unit nothing is kept.
class BatchOperand {
 public:
  enum class Side : uint8_t { kLeft, kRight };  // A or B
  static constexpr size_t kMultiple = 32;
  // For a matrix [rows, width], which the caller has as an Operand of this precision.
  void Reserve(size_t rows, size_t width, Side side, Precision precision);
  // Rows [first, first + n), which are at `strip`, close. `first` is a multiple of kMultiple, and
  // so is n but at the end. Safe from many threads on disjoint rows.
  void Store(size_t first, size_t n, OperandView strip);

 private:
  friend void AddBatchProduct(const BatchOperand& a, const BatchOperand& b, OperandView a_rows,
                              OperandView b_rows, size_t begin, size_t count, float* c);
  size_t rows_ = 0, width_ = 0;
  Side side_ = Side::kLeft;
  AlignedBuffer<Bf16> panels_;
  bool is_packed_ = false;
};
// C [count, n] += rows [begin, begin + count) of A^T B, by the calling thread. a_rows and b_rows
// are the whole matrices. `begin` is a multiple of BatchOperand::kMultiple.
void AddBatchProduct(const BatchOperand& a, const BatchOperand& b, OperandView a_rows,
                     OperandView b_rows, size_t begin, size_t count, float* c);

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_OPERAND_H_
