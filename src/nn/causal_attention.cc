#include "nn/causal_attention.h"

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "kernels/aligned_buffer.h"
#include "kernels/gemm.h"
#include "kernels/softmax.h"
#include "kernels/vector_ops.h"

namespace upnext::nn {
namespace {

constexpr size_t kQueryBlock = 64;

// Queries [begin, begin + n) of one head, which see the first `keys` keys of their sequence.
struct HeadBlock {
  const CausalAttention& attention;
  size_t sequence, head, begin, n, keys;
  size_t width() const { return attention.dim / attention.heads; }
  size_t column() const { return head * width(); }
  size_t query() const { return begin * attention.dim + column(); }
  size_t key() const { return attention.keys[sequence] * 2 * attention.dim + column(); }
  size_t value() const { return key() + attention.dim; }
  size_t Seen(size_t i) const { return attention.places[begin + i] + size_t{1}; }
};

// weights [n, keys]: the softmax of the scores, 0 for keys after the query.
void Weigh(const HeadBlock& at, const float* q, const float* kv, float* weights,
           const Compute& compute) {
  const size_t dim = at.attention.dim;
  kernels::Gemm(
      {.m = at.n, .n = at.keys, .k = at.width(), .transpose_b = true, .lda = dim, .ldb = 2 * dim},
      q + at.query(), kv + at.key(), weights, compute.precision);
  const float scale = 1.0f / std::sqrt(static_cast<float>(at.width()));
  for (size_t i = 0; i < at.n; ++i) {
    float* const row = weights + i * at.keys;
    kernels::Scale(scale, row, at.Seen(i));
    kernels::SoftmaxRows(1, at.Seen(i), row);
    std::fill(row + at.Seen(i), row + at.keys, 0.0f);
  }
}

// use(block) for each block of queries of each head of each sequence, the blocks of one head by one
// thread and in order.
template <typename Use>
void ForEachBlock(const CausalAttention& attention, const Compute& compute, const Use& use) {
  const size_t sequences = attention.keys.size() - 1;
  base::ParallelFor(compute.pool, sequences * attention.heads, 1, [&](size_t first, size_t last) {
    for (size_t task = first; task < last; ++task) {
      const size_t sequence = task / attention.heads, head = task % attention.heads;
      const size_t end = attention.queries[sequence + 1];
      for (size_t begin = attention.queries[sequence]; begin < end; begin += kQueryBlock) {
        const size_t n = std::min(kQueryBlock, end - begin);
        use(HeadBlock{attention, sequence, head, begin, n,
                      attention.places[begin + n - 1] + size_t{1}});
      }
    }
  });
}

}  // namespace

void CausalAttention::Forward(const float* q, const float* kv, float* out,
                              const Compute& compute) const {
  ForEachBlock(*this, compute, [&](const HeadBlock& at) {
    thread_local kernels::AlignedBuffer<float> weights;
    weights.Reserve(at.n * at.keys);
    Weigh(at, q, kv, weights.data(), compute);
    kernels::Gemm({.m = at.n, .n = at.width(), .k = at.keys, .ldb = 2 * dim, .ldc = dim},
                  weights.data(), kv + at.value(), out + at.query(), compute.precision);
  });
}

void CausalAttention::Backward(const float* q, const float* kv, const float* d_out, float* d_q,
                               float* d_kv, const Compute& compute) const {
  std::fill_n(d_kv, keys.back() * 2 * dim, 0.0f);
  ForEachBlock(*this, compute, [&](const HeadBlock& at) {
    thread_local kernels::AlignedBuffer<float> weights, d_weights;
    weights.Reserve(at.n * at.keys);
    d_weights.Reserve(at.n * at.keys);
    const size_t width = at.width();
    const kernels::Precision precision = compute.precision;
    Weigh(at, q, kv, weights.data(), compute);
    kernels::Gemm(
        {.m = at.n, .n = at.keys, .k = width, .transpose_b = true, .lda = dim, .ldb = 2 * dim},
        d_out + at.query(), kv + at.value(), d_weights.data(), precision);
    kernels::Gemm({.m = at.keys,
                   .n = width,
                   .k = at.n,
                   .transpose_a = true,
                   .ldb = dim,
                   .ldc = 2 * dim,
                   .beta = 1.0f},
                  weights.data(), d_out + at.query(), d_kv + at.value(), precision);
    const float scale = 1.0f / std::sqrt(static_cast<float>(width));
    for (size_t i = 0; i < at.n; ++i) {
      const float* const weight = weights.data() + i * at.keys;
      float* const d = d_weights.data() + i * at.keys;
      const float mean = kernels::Dot(weight, d, at.Seen(i));
      for (size_t j = 0; j < at.keys; ++j) d[j] = scale * weight[j] * (d[j] - mean);
    }
    kernels::Gemm({.m = at.n, .n = width, .k = at.keys, .ldb = 2 * dim, .ldc = dim},
                  d_weights.data(), kv + at.key(), d_q + at.query(), precision);
    kernels::Gemm({.m = at.keys,
                   .n = width,
                   .k = at.n,
                   .transpose_a = true,
                   .ldb = dim,
                   .ldc = 2 * dim,
                   .beta = 1.0f},
                  d_weights.data(), q + at.query(), d_kv + at.key(), precision);
  });
}

}  // namespace upnext::nn
