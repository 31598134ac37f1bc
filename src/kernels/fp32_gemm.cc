#include "kernels/fp32_gemm.h"

#include <algorithm>

#include "kernels/isa.h"
#include "kernels/vector_ops.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fp32_gemm.cc"
#include "hwy/foreach_target.h"
// Must come after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/aligned_buffer.h"
#include "kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace upnext::kernels {
namespace HWY_NAMESPACE {

// A tile of C: twelve sums, two vectors of the right side and one of the left fill the sixteen
// registers of AVX2.
constexpr size_t kTileRows = 6;
constexpr size_t kTileColumns = 2 * HWY_MAX_BYTES / sizeof(float);
constexpr size_t kDepth = 256;          // of a piece along k: a right panel is 16 KB with AVX2
constexpr size_t kBlockRows = 120;      // of the left side: 120 KB
constexpr size_t kBlockColumns = 2048;  // of the right side
constexpr size_t kPackedTogether = 8;   // panels of a matrix that is read along its rows

// Four lanes of four depths.
HWY_INLINE void Transpose(const float* from, size_t stride, float* HWY_RESTRICT to, size_t width) {
  const hn::FixedTag<float, 4> d;
  const auto lane0 = hn::LoadU(d, from), lane1 = hn::LoadU(d, from + stride),
             lane2 = hn::LoadU(d, from + 2 * stride), lane3 = hn::LoadU(d, from + 3 * stride);
  const auto low02 = hn::InterleaveLower(d, lane0, lane2),
             low13 = hn::InterleaveLower(d, lane1, lane3),
             high02 = hn::InterleaveUpper(d, lane0, lane2),
             high13 = hn::InterleaveUpper(d, lane1, lane3);
  hn::StoreU(hn::InterleaveLower(d, low02, low13), d, to);
  hn::StoreU(hn::InterleaveUpper(d, low02, low13), d, to + width);
  hn::StoreU(hn::InterleaveLower(d, high02, high13), d, to + 2 * width);
  hn::StoreU(hn::InterleaveUpper(d, high02, high13), d, to + 3 * width);
}

// One panel of `lanes` <= kWidth lanes, missing ones zero, from a matrix that is close along depth.
template <size_t kWidth>
HWY_INLINE void PackAcross(const float* from, size_t stride, size_t lanes, size_t depth,
                           float* HWY_RESTRICT to) {
  const size_t fours = lanes == kWidth ? depth / 4 * 4 : 0;
  for (size_t first = 0; first < kWidth; first += 4) {
    const size_t i = HWY_MIN(first, kWidth - 4);  // the last four may take in some of those before
    for (size_t p = 0; p < fours; p += 4) {
      Transpose(from + i * stride + p, stride, to + p * kWidth + i, kWidth);
    }
  }
  for (size_t i = 0; i < kWidth; ++i) {
    for (size_t p = fours; p < depth; ++p)
      to[p * kWidth + i] = i < lanes ? from[i * stride + p] : 0.0f;
  }
}

// The same for several panels of a matrix whose lanes are close: it is read along its rows.
template <size_t kWidth>
HWY_INLINE void PackAlong(const float* from, size_t stride, size_t lanes, size_t depth,
                          float* HWY_RESTRICT to) {
  const size_t whole = lanes / kWidth, rest = lanes % kWidth;
  for (size_t p = 0; p < depth; ++p, from += stride) {
    const float* lane = from;
    float* panel = to + p * kWidth;
    for (size_t j = 0; j < whole; ++j, lane += kWidth, panel += kWidth * depth) {
      for (size_t i = 0; i < kWidth; ++i) panel[i] = lane[i];
    }
    if (rest == 0) continue;
    for (size_t i = 0; i < kWidth; ++i) panel[i] = i < rest ? lane[i] : 0.0f;
  }
}

// Lays out lanes [0, lanes) x [0, depth) in panels of kWidth lanes. One of the strides is 1.
template <size_t kWidth>
HWY_INLINE void Pack(const float* from, size_t lane_stride, size_t depth_stride, size_t lanes,
                     size_t depth, float* HWY_RESTRICT to) {
  const bool along = lane_stride == 1;
  const size_t step = along ? kPackedTogether * kWidth : kWidth;
  for (size_t first = 0; first < lanes; first += step) {
    const size_t here = HWY_MIN(lanes - first, step);
    if (along) {
      PackAlong<kWidth>(from + first, depth_stride, here, depth, to + first * depth);
    } else {
      PackAcross<kWidth>(from + first * lane_stride, lane_stride, here, depth, to + first * depth);
    }
  }
}

// c [kTileRows, kTileColumns] = left right, or += with `add`.
HWY_INLINE void MultiplyTile(const float* HWY_RESTRICT left, const float* HWY_RESTRICT right,
                             size_t depth, float* HWY_RESTRICT c, size_t ldc, bool add) {
  const Floats d;
  constexpr size_t kHalf = kTileColumns / 2;
  for (size_t i = 0; i < kTileRows; ++i) __builtin_prefetch(c + i * ldc, 1);
  hn::Vec<Floats> sum[kTileRows][2];
#pragma GCC unroll 6
  for (size_t i = 0; i < kTileRows; ++i) sum[i][0] = sum[i][1] = hn::Zero(d);
  for (size_t p = 0; p < depth; ++p) {
    const auto right0 = hn::Load(d, right), right1 = hn::Load(d, right + kHalf);
#pragma GCC unroll 6
    for (size_t i = 0; i < kTileRows; ++i) {
      const auto factor = hn::Set(d, left[i]);
      sum[i][0] = hn::MulAdd(factor, right0, sum[i][0]);
      sum[i][1] = hn::MulAdd(factor, right1, sum[i][1]);
    }
    left += kTileRows;
    right += kTileColumns;
  }
#pragma GCC unroll 6
  for (size_t i = 0; i < kTileRows; ++i, c += ldc) {
    if (add) {
      sum[i][0] = hn::Add(sum[i][0], hn::LoadU(d, c));
      sum[i][1] = hn::Add(sum[i][1], hn::LoadU(d, c + kHalf));
    }
    hn::StoreU(sum[i][0], d, c);
    hn::StoreU(sum[i][1], d, c + kHalf);
  }
}

// The same for the first rows and columns of a tile, of which c has no more.
HWY_NOINLINE void MultiplyCorner(const float* left, const float* right, size_t depth, size_t rows,
                                 size_t columns, float* c, size_t ldc, bool add) {
  HWY_ALIGN float tile[kTileRows * kTileColumns];
  MultiplyTile(left, right, depth, tile, kTileColumns, false);
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      const float sum = tile[i * kTileColumns + j];
      c[i * ldc + j] = add ? c[i * ldc + j] + sum : sum;
    }
  }
}

// c [rows, columns] from a block of each side.
HWY_INLINE void MultiplyBlocks(const float* left, const float* right, size_t rows, size_t columns,
                               size_t depth, float* c, size_t ldc, bool add) {
  for (size_t j = 0; j < columns; j += kTileColumns) {
    for (size_t i = 0; i < rows; i += kTileRows) {
      const size_t high = HWY_MIN(rows - i, kTileRows), wide = HWY_MIN(columns - j, kTileColumns);
      if (high == kTileRows && wide == kTileColumns) {
        MultiplyTile(left + i * depth, right + j * depth, depth, c + i * ldc + j, ldc, add);
      } else {
        MultiplyCorner(left + i * depth, right + j * depth, depth, high, wide, c + i * ldc + j, ldc,
                       add);
      }
    }
  }
}

void MultiplyFp32(const GemmShape& s, const float* a, const float* b, float* c) {
  static_assert(kBlockRows % kTileRows == 0 && kBlockColumns % kTileColumns == 0);
  thread_local AlignedBuffer<float> left(kBlockRows * kDepth), right;
  right.Reserve((HWY_MIN(s.n, kBlockColumns) + kTileColumns - 1) / kTileColumns * kTileColumns *
                kDepth);
  const size_t a_lane = s.transpose_a ? 1 : s.lda, a_depth = s.transpose_a ? s.lda : 1;
  const size_t b_lane = s.transpose_b ? s.ldb : 1, b_depth = s.transpose_b ? 1 : s.ldb;
  for (size_t column = 0; column < s.n; column += kBlockColumns) {
    const size_t columns = HWY_MIN(s.n - column, kBlockColumns);
    for (size_t at = 0; at < s.k; at += kDepth) {
      const size_t depth = HWY_MIN(s.k - at, kDepth);
      Pack<kTileColumns>(b + column * b_lane + at * b_depth, b_lane, b_depth, columns, depth,
                         right.data());
      for (size_t row = 0; row < s.m; row += kBlockRows) {
        const size_t rows = HWY_MIN(s.m - row, kBlockRows);
        Pack<kTileRows>(a + row * a_lane + at * a_depth, a_lane, a_depth, rows, depth, left.data());
        MultiplyBlocks(left.data(), right.data(), rows, columns, depth, c + row * s.ldc + column,
                       s.ldc, at > 0 || s.beta != 0.0f);
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upnext::kernels {
namespace {

[[maybe_unused]] const bool kLimited = LimitIsa();

}  // namespace

HWY_EXPORT(MultiplyFp32);

void fp32::Multiply(const GemmShape& shape, const float* a, const float* b, float* c) {
  if (shape.beta != 0.0f && shape.beta != 1.0f) {
    for (size_t i = 0; i < shape.m; ++i) Scale(shape.beta, c + i * shape.ldc, shape.n);
  }
  HWY_DYNAMIC_DISPATCH(MultiplyFp32)(shape, a, b, c);
}

}  // namespace upnext::kernels
#endif  // HWY_ONCE
