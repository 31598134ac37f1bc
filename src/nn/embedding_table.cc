#include "nn/embedding_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace upnext::nn {

EmbeddingTable::EmbeddingTable(const EmbeddingTableOptions& options, base::Rng& rng,
                               base::ThreadPool* pool)
    : rows_(std::max<size_t>(1, options.rows)), dim_(options.dim), values_(rows_ * dim_) {
  const float scale =
      options.scale >= 0.0f ? options.scale : 1.0f / std::sqrt(static_cast<float>(dim_));
  const uint64_t seed = rng.Next();
  const auto fill = [&](size_t begin, size_t end) {
    for (size_t row = std::max<size_t>(1, begin); row < end; ++row) {
      base::Rng values(seed, row);
      float* to = values_.data() + row * dim_;
      for (size_t i = 0; i < dim_; ++i) {
        // 24 bits are all that a float in [-1, 1) holds evenly.
        to[i] = scale * (static_cast<float>(values.Next() >> 40) * 0x1.0p-23f - 1.0f);
      }
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
  std::copy_n(values.begin(), std::min(values.size(), dim_), values_.data() + row * dim_);
}

void EmbeddingTable::AppendParameters(std::string name, std::vector<Parameter>& parameters) {
  parameters.push_back({.name = std::move(name),
                        .shape = {rows_, dim_},
                        .value = {values_.data(), rows_ * dim_},
                        .gradient = {}});
}

}  // namespace upnext::nn
