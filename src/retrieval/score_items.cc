#include "retrieval/score_items.h"

#include "kernels/gemm.h"

namespace upnext::retrieval {

void ScoreAllItems(const nn::EmbeddingTable& items, std::span<const float> users, float* scores) {
  const kernels::ConstTableView table = items.view();
  kernels::Gemm(
      {.m = users.size() / table.dim, .n = table.rows, .k = table.dim, .transpose_b = true},
      users.data(), table.data, scores, kernels::Precision::kFp32);
}

std::string_view FastestPrecision() { return kernels::PrecisionName(kernels::BestPrecision()); }

}  // namespace upnext::retrieval
