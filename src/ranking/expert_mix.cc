#include "ranking/expert_mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/thread_pool.h"
#include "kernels/vector_ops.h"

namespace upnext::ranking {
namespace {

constexpr size_t kRowsPerTask = 64;

void Softmax(float* row, size_t n) {
  const float top = *std::max_element(row, row + n);
  float sum = 0;
  for (size_t e = 0; e < n; ++e) sum += row[e] = std::exp(row[e] - top);
  for (size_t e = 0; e < n; ++e) row[e] /= sum;
}

// out [batch, width] = the experts of a gate by their weights [batch, experts of the gate].
void MixRows(const std::vector<size_t>& of_gate, std::span<const float* const> experts,
             const float* weights, size_t batch, size_t width, float* out, base::ThreadPool* pool) {
  base::ParallelFor(pool, batch, kRowsPerTask, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      float* const row = out + i * width;
      std::fill_n(row, width, 0.0f);
      for (size_t e = 0; e < of_gate.size(); ++e) {
        kernels::Axpy(weights[i * of_gate.size() + e], experts[of_gate[e]] + i * width, row, width);
      }
    }
  });
}

}  // namespace

ExpertMix::ExpertMix(const ExpertMixOptions& options, base::Rng& rng) : options_(options) {
  experts_.reserve(options.experts.size());
  for (const size_t stream : options.experts) {
    experts_.emplace_back(options.streams[stream], options.widths, options.layer, rng);
  }
  for (const ExpertMixOptions::Gate& gate : options.gates) {
    gates_.emplace_back(options.streams[gate.stream], gate.experts.size(),
                        nn::Initialisation::kXavier, rng);
  }
  expert_outs_.resize(experts_.size());
  d_experts_.resize(experts_.size());
  weights_.resize(gates());
  outs_.resize(gates());
}

size_t ExpertMix::multiplications() const {
  size_t total = 0;
  for (const Expert& expert : experts_) total += expert.multiplications();
  for (const nn::Linear& gate : gates_) total += gate.in() * gate.out() + gate.out() * output();
  return total;
}

void ExpertMix::DropExperts(size_t gate, size_t batch, base::Rng& noise) {
  const size_t n = gates_[gate].out();
  for (size_t i = 0; i < batch; ++i) {
    float* const row = weights_[gate].data() + i * n;
    float* const top = std::max_element(row, row + n);
    const float largest = *top;
    float sum = 0;
    for (size_t e = 0; e < n; ++e) {
      if (noise.Uniform() < options_.gate_dropout) row[e] = 0;
      sum += row[e];
    }
    if (sum == 0) sum = *top = largest;
    for (size_t e = 0; e < n; ++e) row[e] /= sum;
  }
}

void ExpertMix::Forward(Streams streams, size_t batch, const nn::Compute& compute,
                        base::Rng* noise) {
  streams_.assign(streams.begin(), streams.end());
  batch_ = batch;
  for (size_t e = 0; e < experts_.size(); ++e) {
    expert_outs_[e] = experts_[e].Forward(streams[options_.experts[e]], batch, compute);
  }
  for (size_t k = 0; k < gates(); ++k) {
    const ExpertMixOptions::Gate& gate = options_.gates[k];
    const size_t n = gate.experts.size();
    weights_[k].resize(batch * n);
    outs_[k].resize(batch * output());
    gates_[k].Forward(streams[gate.stream], batch, weights_[k].data(), compute);
    for (size_t i = 0; i < batch; ++i) Softmax(weights_[k].data() + i * n, n);
    if (noise != nullptr && options_.gate_dropout > 0) DropExperts(k, batch, *noise);
    MixRows(gate.experts, expert_outs_, weights_[k].data(), batch, output(), outs_[k].data(),
            compute.pool);
  }
}

// Of what an expert that was left out gave nothing comes back, since its weight is 0.
void ExpertMix::BackwardGate(size_t k, const float* d_out, std::span<float* const> d_streams,
                             const nn::Compute& compute) {
  const ExpertMixOptions::Gate& gate = options_.gates[k];
  const size_t n = gate.experts.size(), width = output();
  d_weights_.resize(batch_ * n);
  base::ParallelFor(compute.pool, batch_, kRowsPerTask, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const float* const d = d_out + i * width;
      const float* const weights = weights_[k].data() + i * n;
      float* const d_weights = d_weights_.data() + i * n;
      float mean = 0;
      for (size_t e = 0; e < n; ++e) {
        const size_t expert = gate.experts[e];
        kernels::Axpy(weights[e], d, d_experts_[expert].data() + i * width, width);
        d_weights[e] = kernels::Dot(d, expert_outs_[expert] + i * width, width);
        mean += weights[e] * d_weights[e];
      }
      for (size_t e = 0; e < n; ++e) d_weights[e] = weights[e] * (d_weights[e] - mean);
    }
  });
  const size_t stream_width = options_.streams[gate.stream];
  d_x_.resize(batch_ * stream_width);
  gates_[k].Backward(streams_[gate.stream], d_weights_.data(), batch_, d_x_.data(), compute);
  kernels::Axpy(1.0f, d_x_.data(), d_streams[gate.stream], d_x_.size());
}

void ExpertMix::Backward(Streams d_outs, std::span<float* const> d_streams,
                         const nn::Compute& compute) {
  for (std::vector<float>& d_expert : d_experts_) d_expert.assign(batch_ * output(), 0.0f);
  for (size_t k = 0; k < gates(); ++k) BackwardGate(k, d_outs[k], d_streams, compute);
  for (size_t e = 0; e < experts_.size(); ++e) {
    const size_t stream = options_.experts[e];
    d_x_.resize(batch_ * options_.streams[stream]);
    experts_[e].Backward(d_experts_[e].data(), d_x_.data(), compute);
    kernels::Axpy(1.0f, d_x_.data(), d_streams[stream], d_x_.size());
  }
}

void ExpertMix::Infer(Streams streams, size_t batch, Scratch& scratch,
                      const nn::Compute& compute) const {
  scratch.experts.resize(experts_.size());
  scratch.weights.resize(gates());
  scratch.outs.resize(gates());
  std::vector<const float*> outs;
  for (size_t e = 0; e < experts_.size(); ++e) {
    scratch.experts[e].resize(batch * output());
    experts_[e].Infer(streams[options_.experts[e]], batch, scratch.experts[e].data(),
                      scratch.expert, compute);
    outs.push_back(scratch.experts[e].data());
  }
  for (size_t k = 0; k < gates(); ++k) {
    const ExpertMixOptions::Gate& gate = options_.gates[k];
    const size_t n = gate.experts.size();
    scratch.weights[k].resize(batch * n);
    scratch.outs[k].resize(batch * output());
    gates_[k].Forward(streams[gate.stream], batch, scratch.weights[k].data(), compute);
    for (size_t i = 0; i < batch; ++i) Softmax(scratch.weights[k].data() + i * n, n);
    MixRows(gate.experts, outs, scratch.weights[k].data(), batch, output(), scratch.outs[k].data(),
            compute.pool);
  }
}

std::vector<nn::Graph::Value> ExpertMix::AppendTo(
    nn::Graph& graph, const std::vector<nn::Graph::Value>& streams) const {
  using Value = nn::Graph::Value;
  const Value axis = graph.Ints({1});
  std::vector<Value> experts, outs;
  for (size_t e = 0; e < experts_.size(); ++e) {
    const Value out = experts_[e].AppendTo(graph, streams[options_.experts[e]]);
    experts.push_back(graph.Op("Unsqueeze", {out, axis}));  // [batch, 1, output]
  }
  std::map<std::vector<size_t>, Value> mixed;  // [batch, experts of a gate, output]
  for (size_t k = 0; k < gates(); ++k) {
    const ExpertMixOptions::Gate& gate = options_.gates[k];
    const auto [of_gate, added] = mixed.try_emplace(gate.experts);
    if (added) {
      std::vector<Value> parts;
      for (const size_t e : gate.experts) parts.push_back(experts[e]);
      of_gate->second = graph.Concat(parts);
    }
    const Value weights = graph.Op("Softmax", {gates_[k].AppendTo(graph, streams[gate.stream])},
                                   {{"axis", int64_t{1}}});
    const Value row = graph.Op("Unsqueeze", {weights, axis});  // [batch, 1, experts]
    outs.push_back(graph.Op("Squeeze", {graph.Op("MatMul", {row, of_gate->second}), axis}));
  }
  return outs;
}

void ExpertMix::AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) {
  for (size_t e = 0; e < experts_.size(); ++e) {
    experts_[e].AppendParameters(fmt::format("{}.expert.{}", name, e), parameters);
  }
  for (size_t k = 0; k < gates(); ++k) {
    gates_[k].AppendParameters(fmt::format("{}.gate.{}", name, k), parameters);
  }
}

}  // namespace upnext::ranking
