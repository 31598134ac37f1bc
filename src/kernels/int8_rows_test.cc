#include "kernels/int8_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/rng.h"

namespace upnext::kernels {
namespace {

TEST(Int8Rows, CodesDifferFromTheRowByAtMostHalfAScale) {
  base::Rng rng(1);
  for (const size_t dim : {1, 31, 32, 33, 100}) {
    std::vector<float> row(dim);
    for (float& x : row) x = static_cast<float>(rng.Normal());
    std::vector<int8_t> codes(Int8Stride(dim), 5);
    std::vector<int16_t> wide(Int8Stride(dim), 5);
    const float scale = EncodeInt8(row.data(), dim, codes.data());
    const float wide_scale = EncodeInt16(row.data(), dim, wide.data());
    EXPECT_LE(wide_scale, scale / 100);
    for (size_t i = 0; i < dim; ++i) {
      // Half a step, and the rounding of the product in fp32.
      EXPECT_NEAR(scale * codes[i], row[i], 0.501f * scale);
      EXPECT_NEAR(wide_scale * wide[i], row[i], 0.51f * wide_scale);
    }
    for (size_t i = dim; i < codes.size(); ++i) EXPECT_EQ(codes[i] | wide[i], 0);
  }
}

TEST(Int8Rows, RowsOfZerosAndOfTheSmallestNumbersHaveScaleZero) {
  for (const float x : {0.0f, std::numeric_limits<float>::denorm_min()}) {
    const std::vector<float> row(3, x);
    std::vector<int8_t> codes(kInt8Pad, 1);
    EXPECT_EQ(EncodeInt8(row.data(), 3, codes.data()), 0.0f);
    EXPECT_EQ(codes, std::vector<int8_t>(kInt8Pad, 0));
  }
}

// The largest sums that there can be, too: they must not overflow.
TEST(Int8Rows, DotsEqualTheReferenceForEveryCountAndLength) {
  base::Rng rng(2);
  for (const size_t dim : {1, 32, 33, 64, 128, 300, 4096}) {
    constexpr size_t kRows = 23;
    const size_t stride = Int8Stride(dim);
    std::vector<int8_t> rows(kRows * stride);
    std::vector<float> values(dim);
    for (size_t r = 0; r < kRows; ++r) {
      for (float& x : values) x = r < 2 ? 1.0f : static_cast<float>(rng.Normal());
      EncodeInt8(values.data(), dim, &rows[r * stride]);
    }
    std::vector<int16_t> query(stride);
    for (const bool largest : {true, false}) {
      for (float& x : values) x = largest ? -3.0f : static_cast<float>(rng.Normal());
      EncodeInt16(values.data(), dim, query.data());
      std::vector<uint32_t> which(kRows);
      for (uint32_t& row : which) row = static_cast<uint32_t>(rng.Below(kRows));
      for (const uint32_t* chosen : std::initializer_list<const uint32_t*>{nullptr, which.data()}) {
        for (size_t count = 0; count <= kRows; ++count) {
          std::vector<int32_t> dots(count), expected(count);
          Int8Dots(query.data(), rows.data(), stride, chosen, count, dots.data());
          reference::Int8Dots(query.data(), rows.data(), stride, chosen, count, expected.data());
          EXPECT_EQ(dots, expected) << dim << " " << count;
        }
      }
    }
  }
}

}  // namespace
}  // namespace upnext::kernels
