#include "ann/compressed_rows.h"

#include <algorithm>
#include <cmath>

#include "kernels/int8_rows.h"
#include "kernels/vector_ops.h"

namespace upnext::ann {

CompressedRows::CompressedRows(size_t count, size_t dim)
    : dim_(dim),
      stride_(kernels::Int8Stride(dim)),
      codes_(count * stride_),
      scales_(count),
      errors_(count) {}

CompressedRows::CompressedRows(const Vectors& vectors, base::ThreadPool* pool)
    : CompressedRows(vectors.count, vectors.dim) {
  constexpr size_t kGrain = 1024;
  base::ParallelFor(pool, vectors.count, kGrain, [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) Set(row, vectors.row(row));
  });
}

size_t CompressedRows::bytes() const {
  return codes_.size() + (scales_.size() + errors_.size()) * sizeof(float);
}

void CompressedRows::Set(size_t row, const float* values) {
  int8_t* codes = codes_.data() + row * stride_;
  const float scale = kernels::EncodeInt8(values, dim_, codes);
  scales_[row] = scale;
  // |q.x - q'.x'| <= |q| |x - x'| + |q - q'| |x'| by Cauchy and Schwarz, with x' and q' as coded;
  // and a sum of dim products in fp32 is off by at most dim 2^-24 |q| |x| on either side.
  double lost = 0;
  for (size_t i = 0; i < dim_; ++i) {
    const double difference = values[i] - static_cast<double>(scale) * codes[i];
    lost += difference * difference;
  }
  const double length = std::sqrt(double{kernels::Dot(values, values, dim_)}) + std::sqrt(lost);
  const double rounding = static_cast<double>(dim_) * 0x1p-22;
  errors_[row] = static_cast<float>(
      1.0001 * (std::sqrt(lost) + length * (kernels::Int16Error(dim_) + rounding)));
}

void CompressedRows::Query::Set(std::span<const float> vector) {
  scale_ = kernels::EncodeInt16(vector.data(), vector.size(), codes_.data());
  length_ = std::sqrt(kernels::Dot(vector.data(), vector.data(), vector.size()));
}

void CompressedRows::Query::SetRow(uint32_t row) {
  const int8_t* codes = rows_.codes_.data() + row * rows_.stride_;
  std::copy(codes, codes + rows_.stride_, codes_.begin());
  scale_ = rows_.scales_[row];
}

void CompressedRows::Query::Scores(std::span<const uint32_t> rows, float* scores) {
  dots_.resize(std::max(dots_.size(), rows.size()));
  for (const uint32_t row : rows) __builtin_prefetch(&rows_.scales_[row]);
  kernels::Int8Dots(codes_.data(), rows_.codes_.data(), rows_.stride_, rows.data(), rows.size(),
                    dots_.data());
  for (size_t i = 0; i < rows.size(); ++i) {
    scores[i] = static_cast<float>(dots_[i]) * scale_ * rows_.scales_[rows[i]];
  }
}

void CompressedRows::Query::ScoresFrom(size_t first, size_t count, float* scores) {
  dots_.resize(std::max(dots_.size(), count));
  kernels::Int8Dots(codes_.data(), rows_.codes_.data() + first * rows_.stride_, rows_.stride_,
                    nullptr, count, dots_.data());
  for (size_t i = 0; i < count; ++i) {
    scores[i] = static_cast<float>(dots_[i]) * scale_ * rows_.scales_[first + i];
  }
}

}  // namespace upnext::ann
