#include "nn/transformer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/thread_pool.h"
#include "kernels/vector_ops.h"
#include "nn/causal_attention.h"

namespace upnext::nn {
namespace {

constexpr size_t kTransformerRows = 64;  // of a task

// use(row) for all rows, in parallel.
template <typename Use>
void ForRows(size_t rows, const Compute& compute, const Use& use) {
  base::ParallelFor(compute.pool, rows, kTransformerRows, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) use(i);
  });
}

// to [reads, dim] = the rows of `from` that are read.
void GatherReads(const SequencePlaces& places, const float* from, size_t dim,
                 std::vector<float>* to) {
  to->resize(places.reads.size() * dim);
  for (size_t s = 0; s + 1 < places.offsets.size(); ++s) {
    for (size_t r = places.read_offsets[s]; r < places.read_offsets[s + 1]; ++r) {
      std::copy_n(from + places.RowOf(s, r) * dim, dim, to->data() + r * dim);
    }
  }
}

// to [all places, dim] += from [reads, dim].
void AddReads(const SequencePlaces& places, const float* from, size_t dim, float* to) {
  for (size_t s = 0; s + 1 < places.offsets.size(); ++s) {
    for (size_t r = places.read_offsets[s]; r < places.read_offsets[s + 1]; ++r) {
      kernels::Axpy(1.0f, from + r * dim, to + places.RowOf(s, r) * dim, dim);
    }
  }
}

void AddRows(const std::vector<float>& from, size_t rows, size_t dim, float* to,
             const Compute& compute) {
  ForRows(rows, compute,
          [&](size_t i) { kernels::Axpy(1.0f, from.data() + i * dim, to + i * dim, dim); });
}

CausalAttention AttentionOf(const TransformerOptions& options, const SequencePlaces& places,
                            bool last) {
  return {.dim = options.dim,
          .heads = options.heads,
          .keys = places.offsets,
          .queries = last ? places.read_offsets : places.offsets,
          .places = last ? places.reads : places.places};
}

float GateSigmoid(float a) { return 1.0f / (1.0f + std::exp(-a)); }

// hidden [rows, n] = SiLU(gates[:, :n]) * gates[:, n:].
void Gate(const std::vector<float>& gates, size_t rows, size_t n, std::vector<float>* hidden,
          const Compute& compute) {
  hidden->resize(rows * n);
  ForRows(rows, compute, [&](size_t i) {
    const float* const gate = gates.data() + i * 2 * n;
    float* const out = hidden->data() + i * n;
    for (size_t j = 0; j < n; ++j) out[j] = gate[j] * GateSigmoid(gate[j]) * gate[n + j];
  });
}

// d_gates [rows, 2 n] from d_hidden [rows, n].
void GateBackward(const std::vector<float>& gates, const std::vector<float>& d_hidden, size_t rows,
                  size_t n, std::vector<float>* d_gates, const Compute& compute) {
  d_gates->resize(rows * 2 * n);
  ForRows(rows, compute, [&](size_t i) {
    const float* const gate = gates.data() + i * 2 * n;
    const float* const d = d_hidden.data() + i * n;
    float* const d_gate = d_gates->data() + i * 2 * n;
    for (size_t j = 0; j < n; ++j) {
      const float s = GateSigmoid(gate[j]);
      d_gate[j] = d[j] * gate[n + j] * (s + gate[j] * s * (1.0f - s));
      d_gate[n + j] = d[j] * gate[j] * s;
    }
  });
}

}  // namespace

void MaskedDropout::Apply(uint64_t layer, float* x, size_t rows, size_t width,
                          const Compute& compute) const {
  if (rate <= 0.0f) return;
  const float scale = 1.0f / (1.0f - rate);
  const auto threshold = static_cast<uint32_t>(rate * 65536.0f);
  ForRows(rows, compute, [&](size_t i) {
    base::Rng rng(seed, layer << 32 | i);
    float* const row = x + i * width;
    uint64_t random = 0;
    for (size_t j = 0; j < width; ++j) {
      random = j % 4 == 0 ? rng.Next() : random >> 16;
      row[j] = (random & 0xffff) >= threshold ? row[j] * scale : 0.0f;
    }
  });
}

Transformer::Transformer(const TransformerOptions& options, base::Rng& rng)
    : options_(options), last_(options.dim) {
  const size_t dim = options.dim;
  constexpr auto kXavier = Initialisation::kXavier;
  blocks_.reserve(options.blocks);
  for (size_t b = 0; b < options.blocks; ++b) {
    blocks_.push_back({.before_attention = LayerNorm(dim),
                       .q = Linear(dim, dim, kXavier, rng),
                       .kv = Linear(dim, 2 * dim, kXavier, rng),
                       .mix = Linear(dim, dim, kXavier, rng),
                       .before_layer = LayerNorm(dim),
                       .gate = Linear(dim, 2 * options.hidden, kXavier, rng),
                       .down = Linear(options.hidden, dim, kXavier, rng)});
  }
}

void Transformer::Forward(const float* x, const SequencePlaces& places,
                          const MaskedDropout& dropout, Work& work, const Compute& compute) const {
  const size_t dim = options_.dim, all = places.size();
  work.blocks.resize(blocks_.size());
  work.x.assign(x, x + all * dim);
  std::vector<float>& y = work.out;
  size_t rows = all;
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const Block& block = blocks_[b];
    Work::Block& kept = work.blocks[b];
    const bool last = b + 1 == blocks_.size();
    kept.normal.resize(all * dim);
    block.before_attention.Forward(work.x.data(), all, kept.normal.data(), kept.before_attention,
                                   compute);
    kept.kv.resize(all * 2 * dim);
    block.kv.Forward(kept.normal.data(), all, kept.kv.data(), compute);
    if (last) {
      GatherReads(places, kept.normal.data(), dim, &kept.read_normal);
      GatherReads(places, work.x.data(), dim, &y);
      work.x.swap(y);
      rows = places.reads.size();
    }
    kept.q.resize(rows * dim);
    kept.mixed.resize(rows * dim);
    block.q.Forward(last ? kept.read_normal.data() : kept.normal.data(), rows, kept.q.data(),
                    compute);
    AttentionOf(options_, places, last)
        .Forward(kept.q.data(), kept.kv.data(), kept.mixed.data(), compute);
    y.resize(rows * dim);
    block.mix.Forward(kept.mixed.data(), rows, y.data(), compute);
    dropout.Apply(2 * b, y.data(), rows, dim, compute);
    AddRows(y, rows, dim, work.x.data(), compute);

    kept.layer_in.resize(rows * dim);
    block.before_layer.Forward(work.x.data(), rows, kept.layer_in.data(), kept.before_layer,
                               compute);
    kept.gates.resize(rows * 2 * options_.hidden);
    block.gate.Forward(kept.layer_in.data(), rows, kept.gates.data(), compute);
    Gate(kept.gates, rows, options_.hidden, &kept.hidden, compute);
    block.down.Forward(kept.hidden.data(), rows, y.data(), compute);
    dropout.Apply(2 * b + 1, y.data(), rows, dim, compute);
    AddRows(y, rows, dim, work.x.data(), compute);
  }
  work.out.resize(rows * dim);
  last_.Forward(work.x.data(), rows, work.out.data(), work.last, compute);
}

void Transformer::BackwardBlock(size_t b, const SequencePlaces& places,
                                const MaskedDropout& dropout, Work& work, const Compute& compute) {
  const size_t dim = options_.dim, all = places.size(), rows = d_x_.size() / dim;
  const bool last = b + 1 == blocks_.size();
  Block& block = blocks_[b];
  const Work::Block& kept = work.blocks[b];
  d_y_ = d_x_;
  dropout.Apply(2 * b + 1, d_y_.data(), rows, dim, compute);
  d_narrow_.resize(rows * options_.hidden);
  block.down.Backward(kept.hidden.data(), d_y_.data(), rows, d_narrow_.data(), compute);
  GateBackward(kept.gates, d_narrow_, rows, options_.hidden, &d_wide_, compute);
  d_y_.resize(rows * dim);
  block.gate.Backward(kept.layer_in.data(), d_wide_.data(), rows, d_y_.data(), compute);
  block.before_layer.Backward(kept.before_layer, d_y_.data(), rows, d_x_.data(), compute);

  d_y_ = d_x_;
  dropout.Apply(2 * b, d_y_.data(), rows, dim, compute);
  d_narrow_.resize(rows * dim);
  block.mix.Backward(kept.mixed.data(), d_y_.data(), rows, d_narrow_.data(), compute);
  d_wide_.resize(all * 2 * dim);
  AttentionOf(options_, places, last)
      .Backward(kept.q.data(), kept.kv.data(), d_narrow_.data(), d_y_.data(), d_wide_.data(),
                compute);
  block.q.Backward(last ? kept.read_normal.data() : kept.normal.data(), d_y_.data(), rows,
                   d_narrow_.data(), compute);
  d_normal_.resize(all * dim);
  block.kv.Backward(kept.normal.data(), d_wide_.data(), all, d_normal_.data(), compute);
  if (last) {
    AddReads(places, d_narrow_.data(), dim, d_normal_.data());
    d_y_.assign(all * dim, 0.0f);
    AddReads(places, d_x_.data(), dim, d_y_.data());
    d_x_.swap(d_y_);
  } else {
    AddRows(d_narrow_, all, dim, d_normal_.data(), compute);
  }
  block.before_attention.Backward(kept.before_attention, d_normal_.data(), all, d_x_.data(),
                                  compute);
}

void Transformer::Backward(const SequencePlaces& places, const MaskedDropout& dropout, Work& work,
                           const float* d_out, float* d_x, const Compute& compute) {
  const size_t rows = places.reads.size();
  d_x_.assign(rows * options_.dim, 0.0f);
  last_.Backward(work.last, d_out, rows, d_x_.data(), compute);
  for (size_t b = blocks_.size(); b-- > 0;) BackwardBlock(b, places, dropout, work, compute);
  std::ranges::copy(d_x_, d_x);
}

void Transformer::AppendParameters(std::string_view name, std::vector<Parameter>& parameters) {
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const auto of = [&](std::string_view part) { return fmt::format("{}.{}.{}", name, b, part); };
    Block& block = blocks_[b];
    block.before_attention.AppendParameters(of("norm"), parameters);
    block.q.AppendParameters(of("q"), parameters);
    block.kv.AppendParameters(of("kv"), parameters);
    block.mix.AppendParameters(of("mix"), parameters);
    block.before_layer.AppendParameters(of("layer_norm"), parameters);
    block.gate.AppendParameters(of("gate"), parameters);
    block.down.AppendParameters(of("down"), parameters);
  }
  last_.AppendParameters(fmt::format("{}.last", name), parameters);
}

size_t Transformer::multiplications() const {
  const size_t dim = options_.dim;
  return options_.blocks * (4 * dim * dim + 3 * dim * options_.hidden);
}

double Transformer::WeightsOf(const TransformerOptions& options) {
  const auto dim = static_cast<double>(options.dim), hidden = static_cast<double>(options.hidden);
  return static_cast<double>(options.blocks) * (4 * dim * dim + 3 * dim * hidden);
}

}  // namespace upnext::nn
