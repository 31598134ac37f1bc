#include "kernels/amx_gemm.h"

#include <algorithm>

#include "kernels/aligned_buffer.h"
#include "kernels/vector_ops.h"

namespace upnext::kernels::amx {
namespace {

// Columns of a piece of the right side: with kPiece a megabyte, half of the second-level cache.
constexpr size_t kColumns = 512;

// c [rows <= 32, n] from `steps` steps of one panel of the left side and of the panels of the right
// side, which start `stride` steps apart.
void MultiplyStrip(const Bf16* left, const Bf16* right, size_t steps, size_t stride, size_t rows,
                   size_t n, float* c, size_t ldc, bool add) {
  for (size_t j = 0; j < n; j += kLanes, right += stride * kStepSize) {
    MultiplyCorner(left, right, steps, rows, std::min(n - j, kLanes), c + j, ldc, add);
  }
}

// When `packed` is null, `right` is laid out as part of the product.
void Run(const Product& s, const Source& left, const Source& right, const Bf16* packed, float* c) {
  thread_local AlignedBuffer<Bf16> left_panel(kLanes * kPiece), right_panels;
  if (packed == nullptr) {
    right_panels.Reserve(PackedSize(std::min(s.n, kColumns), std::min(s.k, kPiece)));
  }
  if (s.beta != 0.0f && s.beta != 1.0f) {
    for (size_t i = 0; i < s.m; ++i) Scale(s.beta, c + i * s.ldc, s.n);
  }
  const TileScope tiles;
  for (size_t column = 0; column < s.n; column += kColumns) {
    const size_t columns = std::min(s.n - column, kColumns);
    for (size_t at = 0; at < s.k; at += kPiece) {
      const size_t depth = std::min(s.k - at, kPiece);
      const Bf16* panels = right_panels.data();
      if (packed != nullptr) {
        panels = packed + PackedSize(s.n, kPiece) * (at / kPiece) + PackedSize(column, depth);
      } else {
        PackRight(right.At(column, at), columns, depth, right_panels.data());
      }
      const bool add = at > 0 || s.beta != 0.0f;
      for (size_t row = 0; row < s.m; row += kLanes) {
        const size_t rows = std::min(s.m - row, kLanes);
        PackLeft(left.At(row, at), rows, depth, left_panel.data());
        MultiplyStrip(left_panel.data(), panels, Steps(depth), Steps(depth), rows, columns,
                      c + row * s.ldc + column, s.ldc, add);
      }
    }
  }
}

}  // namespace

void PackPieces(const Source& right, size_t n, size_t k, Bf16* to) {
  for (size_t at = 0; at < k; at += kPiece) {
    PackRight(right.At(0, at), n, std::min(k - at, kPiece), to);
    to += PackedSize(n, kPiece);
  }
}

void Multiply(const Product& shape, const Source& left, const Source& right, float* c) {
  Run(shape, left, right, nullptr, c);
}

void MultiplyPacked(const Product& shape, const Source& left, const Bf16* pieces, float* c) {
  Run(shape, left, {}, pieces, c);
}

void MultiplyLaidOut(const Product& s, const Bf16* left, const Bf16* right, float* c) {
  // Most panels of a group: a little above kColumns, so that a width just above it is not split.
  constexpr size_t kMost = kColumns * 5 / 4 / kLanes, kPieceSteps = kPiece / kStep;
  const size_t steps = Steps(s.k), panels = Panels(s.n), groups = (panels + kMost - 1) / kMost;
  const size_t group = panels == 0 ? 1 : (panels + groups - 1) / groups;  // of nearly equal sizes
  const TileScope tiles;
  for (size_t first = 0; first < panels; first += group) {
    const size_t column = first * kLanes, columns = std::min(s.n - column, group * kLanes);
    for (size_t piece = 0; piece < steps; piece += kPieceSteps) {
      const size_t count = std::min(kPieceSteps, steps - piece);
      const bool add = piece > 0 || s.beta != 0.0f;
      for (size_t row = 0; row < s.m; row += kLanes) {
        MultiplyStrip(left + (row / kLanes * steps + piece) * kStepSize,
                      right + (first * steps + piece) * kStepSize, count, steps,
                      std::min(s.m - row, kLanes), columns, c + row * s.ldc + column, s.ldc, add);
      }
    }
  }
}

}  // namespace upnext::kernels::amx
