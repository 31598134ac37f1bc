#include "nn/causal_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/gemm.h"
#include "kernels/softmax.h"
#include "kernels/vector_ops.h"

namespace upnext::nn {
namespace {

constexpr size_t kQueryBlock = 64;
// Products are padded to multiples of these, since libraries compile a kernel for each shape.
constexpr size_t kQueryMultiple = 16, kKeyMultiple = 32;

size_t Padded(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Rows of `width` floats, zero from `rows` to `padded`.
void CopyPadded(const float* from, size_t stride, size_t rows, size_t padded, size_t width,
                std::vector<float>* to) {
  to->resize(padded * width);
  for (size_t i = 0; i < rows; ++i) std::copy_n(from + i * stride, width, to->data() + i * width);
  std::fill(to->begin() + static_cast<std::ptrdiff_t>(rows * width), to->end(), 0.0f);
}

// Up to kQueryBlock queries of one head, from `begin`, and the keys of their sequence that they see.
struct HeadBlock {
  const CausalAttention& attention;
  const Compute& compute;
  size_t sequence = 0, head = 0, begin = 0, queries = 0, keys = 0;
  // Padded copies, and what is computed of them.
  std::vector<float> q = {}, k = {}, v = {}, weights = {}, d_out = {}, d_weights = {}, product = {};

  size_t width() const { return attention.dim / attention.heads; }
  size_t m() const { return Padded(queries, kQueryMultiple); }
  size_t n() const { return Padded(keys, kKeyMultiple); }
  float scale() const { return 1.0f / std::sqrt(static_cast<float>(width())); }
  size_t query() const { return begin * attention.dim + head * width(); }
  size_t key() const { return attention.keys[sequence] * 2 * attention.dim + head * width(); }
  size_t value() const { return key() + attention.dim; }
  size_t Seen(size_t i) const { return attention.places[begin + i] + size_t{1}; }

  // to [m, n] = rows [m, width] others [n, width]^T.
  void Scores(const std::vector<float>& rows, const std::vector<float>& others,
              std::vector<float>* to) {
    to->resize(m() * n());
    kernels::Gemm({.m = m(), .n = n(), .k = width(), .transpose_b = true}, rows.data(),
                  others.data(), to->data(), compute.precision);
  }
  // product [m, width] = by [m, n] rows [n, width].
  void Mix(const std::vector<float>& by, const std::vector<float>& rows) {
    product.resize(m() * width());
    kernels::Gemm({.m = m(), .n = width(), .k = n()}, by.data(), rows.data(), product.data(),
                  compute.precision);
  }
  // to [keys, stride] += by [m, n]^T rows [m, width].
  void Spread(const std::vector<float>& by, const std::vector<float>& rows, float* to) {
    product.resize(n() * width());
    kernels::Gemm({.m = n(), .n = width(), .k = m(), .transpose_a = true}, by.data(), rows.data(),
                  product.data(), compute.precision);
    for (size_t i = 0; i < keys; ++i) {
      kernels::Axpy(1.0f, product.data() + i * width(), to + i * 2 * attention.dim, width());
    }
  }
  void CopyOut(float* to) const {
    for (size_t i = 0; i < queries; ++i) {
      std::copy_n(product.data() + i * width(), width(), to + i * attention.dim);
    }
  }
  // weights [m, n]: the softmax of the scores, 0 for keys after the query and for padding.
  void Weigh(const float* all_q, const float* kv) {
    CopyPadded(all_q + query(), attention.dim, queries, m(), width(), &q);
    CopyPadded(kv + key(), 2 * attention.dim, keys, n(), width(), &k);
    CopyPadded(kv + value(), 2 * attention.dim, keys, n(), width(), &v);
    Scores(q, k, &weights);
    for (size_t i = 0; i < m(); ++i) {
      float* const row = weights.data() + i * n();
      const size_t seen = i < queries ? Seen(i) : 0;
      kernels::Scale(scale(), row, seen);
      if (seen > 0) kernels::SoftmaxRows(1, seen, row);
      std::fill(row + seen, row + n(), 0.0f);
    }
  }
};

// use(block) for each block of queries of each head of each sequence, the blocks of one head by one
// thread and in order.
template <typename Use>
void ForEachBlock(const CausalAttention& attention, const Compute& compute, const Use& use) {
  const size_t sequences = attention.keys.size() - 1;
  base::ParallelFor(compute.pool, sequences * attention.heads, 1, [&](size_t first, size_t last) {
    HeadBlock at{.attention = attention, .compute = compute};
    for (size_t task = first; task < last; ++task) {
      at.sequence = task / attention.heads;
      at.head = task % attention.heads;
      const size_t end = attention.queries[at.sequence + 1];
      for (at.begin = attention.queries[at.sequence]; at.begin < end; at.begin += kQueryBlock) {
        at.queries = std::min(kQueryBlock, end - at.begin);
        at.keys = at.Seen(at.queries - 1);
        use(at);
      }
    }
  });
}

}  // namespace

void CausalAttention::Forward(const float* q, const float* kv, float* out,
                              const Compute& compute) const {
  ForEachBlock(*this, compute, [&](HeadBlock& at) {
    at.Weigh(q, kv);
    at.Mix(at.weights, at.v);
    at.CopyOut(out + at.query());
  });
}

void CausalAttention::Backward(const float* q, const float* kv, const float* d_out, float* d_q,
                               float* d_kv, const Compute& compute) const {
  std::fill_n(d_kv, keys.back() * 2 * dim, 0.0f);
  ForEachBlock(*this, compute, [&](HeadBlock& at) {
    at.Weigh(q, kv);
    CopyPadded(d_out + at.query(), dim, at.queries, at.m(), at.width(), &at.d_out);
    at.Scores(at.d_out, at.v, &at.d_weights);
    at.Spread(at.weights, at.d_out, d_kv + at.value());
    for (size_t i = 0; i < at.m(); ++i) {
      const float* const weight = at.weights.data() + i * at.n();
      float* const d = at.d_weights.data() + i * at.n();
      const float mean = kernels::Dot(weight, d, at.n());
      for (size_t j = 0; j < at.n(); ++j) d[j] = at.scale() * weight[j] * (d[j] - mean);
    }
    at.Mix(at.d_weights, at.k);
    at.CopyOut(d_q + at.query());
    at.Spread(at.d_weights, at.q, d_kv + at.key());
  });
}

}  // namespace upnext::nn
