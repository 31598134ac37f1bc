#include "ann/score_space.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/gemm.h"
#include "kernels/vector_ops.h"

namespace upnext::ann {
namespace {

// The lower triangle L with L L^T = a, a matrix [n, n] that is symmetric and positive definite.
std::vector<float> Cholesky(std::vector<double> a, size_t n) {
  for (size_t j = 0; j < n; ++j) {
    for (size_t k = 0; k < j; ++k) a[j * n + j] -= a[j * n + k] * a[j * n + k];
    a[j * n + j] = std::sqrt(a[j * n + j]);
    for (size_t i = j + 1; i < n; ++i) {
      for (size_t k = 0; k < j; ++k) a[i * n + j] -= a[i * n + k] * a[j * n + k];
      a[i * n + j] /= a[j * n + j];
    }
  }
  std::vector<float> lower(n * n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) lower[i * n + j] = static_cast<float>(a[i * n + j]);
  }
  return lower;
}

// L of the mean of q q^T, scaled to a mean of one on the diagonal. A tenth of it is the identity:
// queries to come may have directions that the sample does not have.
std::vector<float> MetricOf(std::span<const float> queries, size_t dim) {
  constexpr double kOther = 0.1;
  const size_t count = queries.size() / dim;
  std::vector<float> products(dim * dim, 0.0f);
  if (count > 0) {
    kernels::Gemm({.m = dim, .n = dim, .k = count, .transpose_a = true}, queries.data(),
                  queries.data(), products.data(), kernels::Precision::kFp32);
  }
  double trace = 0;
  for (size_t i = 0; i < dim; ++i) trace += products[i * dim + i];
  const double mean = trace / static_cast<double>(dim);
  const bool usable = std::isfinite(mean) && mean > 0;
  std::vector<double> a(dim * dim, 0.0);
  for (size_t i = 0; usable && i < a.size(); ++i) a[i] = products[i] / mean * (1 - kOther);
  for (size_t i = 0; i < dim; ++i) a[i * dim + i] += usable ? kOther : 1;
  return Cholesky(std::move(a), dim);
}

}  // namespace

ScoreSpace::ScoreSpace(const Vectors& vectors, std::span<const float> queries,
                       base::ThreadPool& pool)
    : rows_(vectors.count, vectors.dim), squares_(vectors.count) {
  constexpr size_t kBlock = 1024;
  const std::vector<float> metric = MetricOf(queries, vectors.dim);
  pool.ParallelFor(vectors.count, kBlock, [&](size_t begin, size_t end) {
    std::vector<float> seen((end - begin) * vectors.dim);
    kernels::Gemm({.m = end - begin, .n = vectors.dim, .k = vectors.dim}, vectors.row(begin),
                  metric.data(), seen.data(), kernels::Precision::kFp32);
    for (size_t row = begin; row < end; ++row) {
      const float* values = seen.data() + (row - begin) * vectors.dim;
      rows_.Set(row, values);
      squares_[row] = kernels::Dot(values, values, vectors.dim);
    }
  });
}

void ScoreSpace::Point::Scores(std::span<const uint32_t> rows, float* scores) {
  for (const uint32_t row : rows) __builtin_prefetch(&space_.squares_[row]);
  query_.Scores(rows, scores);
  for (size_t i = 0; i < rows.size(); ++i) scores[i] -= 0.5f * space_.squares_[rows[i]];
}

void ScoreSpace::Point::Distances(std::span<const uint32_t> rows, float* distances) {
  Scores(rows, distances);
  for (size_t i = 0; i < rows.size(); ++i) distances[i] = Distance(distances[i]);
}

}  // namespace upnext::ann
