#include "nn/embedding_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace upnext::nn {

EmbeddingTable::EmbeddingTable(const EmbeddingTableOptions& options, base::Rng& rng,
                               base::ThreadPool* pool)
    : rows_(std::max<size_t>(1, options.rows)), dim_(options.dim) {
  if (options.half) {
    half_ = kernels::AlignedBuffer<kernels::Bf16>(rows_ * dim_);
  } else {
    values_ = kernels::AlignedBuffer<float>(rows_ * dim_);
  }
  const float scale =
      options.scale >= 0.0f ? options.scale : 1.0f / std::sqrt(static_cast<float>(dim_));
  const uint64_t seed = rng.Next();
  const auto fill = [&](size_t begin, size_t end) {
    std::vector<float> drawn(dim_);
    for (size_t row = std::max<size_t>(1, begin); row < end; ++row) {
      base::Rng values(seed, row);
      for (float& value : drawn) {
        // 24 bits are all that a float in [-1, 1) can represent evenly.
        value = scale * (static_cast<float>(values.Next() >> 40) * 0x1.0p-23f - 1.0f);
      }
      SetRow(static_cast<uint32_t>(row), drawn);
    }
  };
  if (pool == nullptr) {
    fill(0, rows_);
  } else {
    pool->ParallelFor(rows_, 4096, fill);
  }
}

void EmbeddingTable::SetRow(uint32_t row, std::span<const float> values) {
  if (row == 0 || row >= rows_) return;
  values = values.first(std::min(values.size(), dim_));
  if (is_half()) {
    kernels::ToBf16(values, {half_.data() + row * dim_, values.size()});
  } else {
    std::ranges::copy(values, values_.data() + row * dim_);
  }
}

EmbeddingTable EmbeddingTable::Widened() const {
  EmbeddingTable wide(rows_, dim_);
  wide.values_ = kernels::AlignedBuffer<float>(rows_ * dim_);
  if (is_half()) {
    kernels::ToFloat(half_.span(), wide.values_.span());
  } else {
    std::ranges::copy(values_.span(), wide.values_.data());
  }
  return wide;
}

void EmbeddingTable::AppendParameters(std::string name, std::vector<Parameter>& parameters) {
  parameters.push_back({.name = std::move(name),
                        .shape = {rows_, dim_},
                        .value = values_.span(),
                        .gradient = {},
                        .half = half_.span()});
}

}  // namespace upnext::nn
