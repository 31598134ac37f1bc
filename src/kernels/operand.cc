#include "kernels/operand.h"

#include <algorithm>

#include "kernels/amx_gemm.h"

namespace upnext::kernels {

void Operand::Reserve(size_t size, Precision precision) {
  is_bf16_ = precision == Precision::kBf16 && HasFastBf16();
  if (is_bf16_) {
    bf16_.Reserve(size);
  } else {
    fp32_.Reserve(size);
  }
}

void Operand::Store(size_t at, std::span<const float> values) {
  if (is_bf16_) {
    ToBf16(values, {bf16_.data() + at, values.size()});
  } else {
    std::ranges::copy(values, fp32_.data() + at);
  }
}

float* Operand::InPlace(size_t at) { return is_bf16_ ? nullptr : fp32_.data() + at; }

OperandView Operand::view() const {
  return is_bf16_ ? OperandView{nullptr, bf16_.data()} : OperandView{fp32_.data(), nullptr};
}

void RightOperand::Store(const float* b, size_t k, size_t n, bool transposed, Precision precision) {
  k_ = k;
  n_ = n;
  transposed_ = transposed;
  is_packed_ = false;
  fp32_ = b;
  if (precision != Precision::kBf16 || !HasFastBf16()) return;
  fp32_ = nullptr;
  if (!amx::Suits(n, k)) {
    bf16_.Reserve(n * k);
    ToBf16({b, n * k}, {bf16_.data(), n * k});
    return;
  }
  thread_local AlignedBuffer<Bf16> rounded;
  rounded.Reserve(n * k);
  ToBf16({b, n * k}, {rounded.data(), n * k});
  bf16_.Reserve(amx::PackedSize(n, k));
  amx::PackPieces({rounded.data(), transposed ? k : n, !transposed}, n, k, bf16_.data());
  is_packed_ = true;
}

void Gemm(size_t m, OperandView a, const RightOperand& b, float* c) {
  if (b.is_packed_) {
    amx::MultiplyPacked({.m = m, .n = b.n_, .k = b.k_, .ldc = b.n_}, {a.bf16, b.k_, false},
                        b.bf16_.data(), c);
    return;
  }
  Gemm({.m = m, .n = b.n_, .k = b.k_, .transpose_b = b.transposed_}, a,
       b.fp32_ != nullptr ? OperandView{b.fp32_, nullptr} : OperandView{nullptr, b.bf16_.data()},
       c);
}

void BatchOperand::Reserve(size_t rows, size_t width, Side side, Precision precision) {
  static_assert(kMultiple == amx::kLanes && kMultiple == amx::kStep);
  rows_ = rows;
  width_ = width;
  side_ = side;
  is_packed_ = precision == Precision::kBf16 && amx::Suits(width, rows);
  if (is_packed_) panels_.Reserve(amx::PackedSize(width, rows));
}

void BatchOperand::Store(size_t first, size_t n, OperandView strip) {
  if (!is_packed_) return;
  const auto pack = side_ == Side::kLeft ? amx::PackLeft : amx::PackRight;
  const size_t steps = amx::Steps(rows_);
  for (size_t row = 0; row < n; row += amx::kStep) {
    const amx::Source from{strip.bf16 + row * width_, width_, true};
    Bf16* to = panels_.data() + (first + row) / amx::kStep * amx::kStepSize;
    for (size_t lane = 0; lane < width_; lane += amx::kLanes) {
      pack(from.At(lane, 0), std::min(width_ - lane, amx::kLanes), std::min(n - row, amx::kStep),
           to);
      to += steps * amx::kStepSize;
    }
  }
}

void AddBatchProduct(const BatchOperand& a, const BatchOperand& b, OperandView a_rows,
                     OperandView b_rows, size_t begin, size_t count, float* c) {
  const size_t m = a.width_, n = b.width_, rows = a.rows_;
  if (a.is_packed_ && b.is_packed_) {
    amx::MultiplyLaidOut({.m = count, .n = n, .k = rows, .ldc = n, .beta = 1.0f},
                         a.panels_.data() + amx::PackedSize(begin, rows), b.panels_.data(), c);
    return;
  }
  Gemm({.m = count, .n = n, .k = rows, .transpose_a = true, .lda = m, .beta = 1.0f}, a_rows + begin,
       b_rows, c);
}

void GemmByStrips(size_t m, OperandView a, const RightOperand& b, const UseStrip& use) {
  // Our own kernel has no reason for longer ones, while other kernels lay B out at each call.
  const size_t strip = b.is_packed_ ? amx::kLanes : m;
  thread_local AlignedBuffer<float> c;
  c.Reserve(std::min(strip, m) * b.n_);
  for (size_t first = 0; first < m; first += strip) {
    const size_t rows = std::min(strip, m - first);
    Gemm(rows, a + first * b.k_, b, c.data());
    use(first, rows, c.data());
  }
}

}  // namespace upnext::kernels
