#include "retrieval/score_items.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/gemm.h"

namespace upnext::retrieval {
namespace {

// Rows that stay in the cache between their product with the query and their length.
constexpr size_t kCosineRows = 128;

}  // namespace

void ScoreAllItems(const nn::EmbeddingTable& items, std::span<const float> users, float* scores) {
  const kernels::ConstTableView table = items.view();
  kernels::Gemm(
      {.m = users.size() / table.dim, .n = table.rows, .k = table.dim, .transpose_b = true},
      users.data(), table.data, scores, kernels::Precision::kFp32);
}

std::vector<kernels::Scored> NearestByCosine(const nn::EmbeddingTable& items, uint32_t row,
                                             size_t k) {
  constexpr float kNever = std::numeric_limits<float>::quiet_NaN();
  const size_t dim = items.dim();
  const float* query = items.Row(row).data();
  const float length = std::sqrt(kernels::Dot(query, query, dim));
  std::vector<float> cosines(items.rows());
  for (size_t begin = 0; begin < items.rows(); begin += kCosineRows) {
    const size_t end = std::min(begin + kCosineRows, items.rows());
    kernels::DotRows(query, items.view().data + begin * dim, dim, end - begin, dim,
                     &cosines[begin]);
    for (size_t other = begin; other < end; ++other) {
      const float* v = items.view().data + other * dim;
      const float product = length * std::sqrt(kernels::Dot(v, v, dim));
      cosines[other] = product > 0 && other != row ? cosines[other] / product : kNever;
    }
  }
  return kernels::TopK(cosines, k);
}

}  // namespace upnext::retrieval
