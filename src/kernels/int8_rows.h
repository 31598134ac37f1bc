// Rows of 8-bit numbers with a scale each, a quarter of the memory of fp32: to find by approximate
// inner products what is then computed from the full rows.
//
//   const float scale = EncodeInt8(row, dim, codes);         // row[i] = scale * codes[i], rounded
//   const float query_scale = EncodeInt16(query, dim, wide);
//   Int8Dots(wide, codes, stride, /*which=*/rows, count, dots);
//   // row . query = scale * query_scale * dots[i], nearly
//
// A query has 16 bits, of which it uses as many as keep the sums within 32 bits, so the error is
// that of the rows: at most scale / 2 a number. Sums are of integers: the same on every machine.
// Safe from many threads on disjoint outputs.
#ifndef UPNEXT_KERNELS_INT8_ROWS_H_
#define UPNEXT_KERNELS_INT8_ROWS_H_

#include <cstddef>
#include <cstdint>

namespace upnext::kernels {

// Rows and queries are padded with zeros to a multiple of this many numbers.
inline constexpr size_t kInt8Pad = 32;
constexpr size_t Int8Stride(size_t dim) { return (dim + kInt8Pad - 1) / kInt8Pad * kInt8Pad; }

// codes [Int8Stride(n)] in [-127, 127]; returns the scale, 0 for a row of zeros.
float EncodeInt8(const float* row, size_t n, int8_t* codes);
float EncodeInt16(const float* query, size_t n, int16_t* codes);
// The length of what EncodeInt16 rounds away from a query of length one, at most.
double Int16Error(size_t n);
// out[i] = query . row which[i], or row i where `which` is null; i < count. `stride` is that of the
// rows and the length of the query.
void Int8Dots(const int16_t* query, const int8_t* rows, size_t stride, const uint32_t* which,
              size_t count, int32_t* out);

namespace reference {
void Int8Dots(const int16_t* query, const int8_t* rows, size_t stride, const uint32_t* which,
              size_t count, int32_t* out);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_INT8_ROWS_H_
