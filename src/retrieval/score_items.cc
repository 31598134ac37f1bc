#include "retrieval/score_items.h"

#include <cmath>
#include <limits>

#include "kernels/gemm.h"

namespace upnext::retrieval {

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
  kernels::DotRows(query, items.view().data, dim, items.rows(), dim, cosines.data());
  for (uint32_t other = 0; other < items.rows(); ++other) {
    const float* v = items.Row(other).data();
    const float product = length * std::sqrt(kernels::Dot(v, v, dim));
    cosines[other] = product > 0 && other != row ? cosines[other] / product : kNever;
  }
  return kernels::TopK(cosines, k);
}

}  // namespace upnext::retrieval
