#include "nn/dense.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/gemm.h"
#include "kernels/vector_ops.h"

namespace upnext::nn {

Linear::Linear(size_t in, size_t out, Initialisation initialisation, base::Rng& rng)
    : in_(in),
      out_(out),
      weight_(in * out),
      bias_(out),
      weight_gradient_(in * out),
      bias_gradient_(out) {
  const double fan_in = static_cast<double>(in), fan_out = static_cast<double>(out);
  const double deviation = initialisation == Initialisation::kHe
                               ? std::sqrt(2.0 / fan_in)
                               : std::sqrt(2.0 / (fan_in + fan_out));
  for (float& value : weight_) value = static_cast<float>(deviation * rng.Normal());
}

void Linear::Forward(const float* x, size_t batch, float* y, const Compute& compute,
                     bool relu) const {
  kernels::Gemm({.m = batch, .n = out_, .k = in_, .transpose_b = true}, x, weight_.data(), y,
                compute.precision, compute.pool);
  constexpr size_t kGrain = 256;
  base::ParallelFor(compute.pool, batch, kGrain, [&](size_t begin, size_t end) {
    (relu ? kernels::AddBiasRelu : kernels::AddBias)(bias_.data(), y + begin * out_, end - begin,
                                                     out_);
  });
}

void Linear::Backward(const float* x, const float* d_y, size_t batch, float* d_x,
                      const Compute& compute) {
  kernels::Gemm({.m = out_, .n = in_, .k = batch, .transpose_a = true, .beta = 1.0f}, d_y, x,
                weight_gradient_.data(), compute.precision, compute.pool);
  kernels::ColumnSums(d_y, batch, out_, bias_gradient_.data());
  if (d_x != nullptr) {
    kernels::Gemm({.m = batch, .n = in_, .k = out_}, d_y, weight_.data(), d_x, compute.precision,
                  compute.pool);
  }
}

void Linear::AppendParameters(std::string_view name, std::vector<Parameter>& parameters) {
  parameters.push_back({.name = fmt::format("{}.weight", name),
                        .shape = {out_, in_},
                        .value = weight_,
                        .gradient = weight_gradient_});
  parameters.push_back({.name = fmt::format("{}.bias", name),
                        .shape = {out_},
                        .value = bias_,
                        .gradient = bias_gradient_});
}

Tower::Tower(const TowerOptions& options, base::Rng& rng) : options_(options) {
  size_t in = options.input;
  const size_t depth = options.widths.size();
  layers_.reserve(depth);
  for (size_t i = 0; i < depth; ++i) {
    const bool relu = !(options.last_linear && i + 1 == depth);
    layers_.emplace_back(in, options.widths[i],
                         relu ? Initialisation::kHe : Initialisation::kXavier, rng);
    in = options.widths[i];
  }
  activations_.resize(depth + 1);
  gradients_.resize(depth);
  forward_weights_.resize(depth);
  backward_weights_.resize(depth);
  inputs_.resize(depth);
  d_outputs_.resize(depth);
  bias_sums_.resize(depth);
  for (size_t i = 0; i < depth; ++i) {
    if (IsRelu(i)) dead_units_.emplace_back(options.widths[i]);
  }
}

size_t Tower::multiplications() const {
  size_t total = 0;
  for (const Linear& layer : layers_) total += layer.in() * layer.out();
  return total;
}

void Tower::Begin(size_t batch, kernels::Precision precision, size_t block) {
  batch_ = batch;
  constexpr size_t kMultiple = kernels::BatchOperand::kMultiple;
  block_ = (std::max<size_t>(1, block) + kMultiple - 1) / kMultiple * kMultiple;
  is_bf16_ = precision == kernels::Precision::kBf16 && kernels::HasFastBf16();
  for (size_t i = 0; i <= layers_.size(); ++i) activations_[i].Reserve(batch * width(i), precision);
  for (size_t i = 0; i < layers_.size(); ++i) {
    gradients_[i].Reserve(batch * layers_[i].out(), precision);
    bias_sums_[i].assign(blocks() * layers_[i].out(), 0.0f);
    const Linear& layer = layers_[i];
    using enum kernels::BatchOperand::Side;
    inputs_[i].Reserve(batch, layer.in(), kRight, precision);
    d_outputs_[i].Reserve(batch, layer.out(), kLeft, precision);
    const float* const weight = layer.weight().data();
    forward_weights_[i].Store(weight, layer.in(), layer.out(), /*transposed=*/true, precision);
    backward_weights_[i].Store(weight, layer.out(), layer.in(), /*transposed=*/false, precision);
  }
  out_.Reserve(batch * output());
}

const float* Tower::ForwardBlock(size_t block, const float* x) {
  const size_t begin = block * block_, n = rows(block);
  KeepActivation(0, begin, n, x);
  float* const result = out_.data() + begin * output();
  if (layers_.empty()) std::copy_n(x, n * input(), result);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const size_t in = layers_[i].in(), out = layers_[i].out();
    kernels::GemmByStrips(n, activations_[i].view() + begin * in, forward_weights_[i],
                          [&](size_t first, size_t strip, float* y) {
                            const float* const bias = layers_[i].bias().data();
                            if (IsRelu(i)) {
                              kernels::AddBiasRelu(bias, y, strip, out);
                            } else {
                              kernels::AddBias(bias, y, strip, out);
                            }
                            KeepActivation(i + 1, begin + first, strip, y);
                            if (i + 1 == layers_.size())
                              std::copy_n(y, strip * out, result + first * out);
                          });
  }
  return result;
}

void Tower::KeepActivation(size_t layer, size_t begin, size_t n, const float* x) {
  activations_[layer].Store(begin * width(layer), {x, n * width(layer)});
  if (layer == layers_.size()) return;
  inputs_[layer].Store(begin, n, activations_[layer].view() + begin * width(layer));
}

void Tower::KeepGradient(size_t layer, size_t begin, size_t n, float* d_y) {
  const size_t out = layers_[layer].out();
  if (IsRelu(layer)) {
    const kernels::OperandView y = activations_[layer + 1].view() + begin * out;
    if (is_bf16_) {
      kernels::ReluBackward(y.bf16, d_y, d_y, n * out);
    } else {
      kernels::ReluBackward(y.fp32, d_y, d_y, n * out);
    }
  }
  kernels::ColumnSums(d_y, n, out, bias_sums_[layer].data() + begin / block_ * out);
  gradients_[layer].Store(begin * out, {d_y, n * out});
  d_outputs_[layer].Store(begin, n, gradients_[layer].view() + begin * out);
}

void Tower::BackwardBlock(size_t block, const float* d_out, float* d_in) {
  const size_t begin = block * block_, n = rows(block);
  if (layers_.empty()) {
    if (d_in != nullptr) std::copy_n(d_out, n * input(), d_in);
    return;
  }
  thread_local kernels::AlignedBuffer<float> d_last;
  d_last.Reserve(n * output());
  std::copy_n(d_out, n * output(), d_last.data());
  KeepGradient(layers_.size() - 1, begin, n, d_last.data());
  for (size_t i = layers_.size() - 1; i > 0; --i) {
    kernels::GemmByStrips(n, gradients_[i].view() + begin * layers_[i].out(), backward_weights_[i],
                          [&](size_t first, size_t strip, float* d_y) {
                            KeepGradient(i - 1, begin + first, strip, d_y);
                          });
  }
  if (d_in == nullptr) return;
  kernels::Gemm(n, gradients_[0].view() + begin * layers_[0].out(), backward_weights_[0], d_in);
}

void Tower::AppendGradients(size_t pieces, base::Tasks& tasks) {
  constexpr size_t kMultiple = kernels::BatchOperand::kMultiple;
  for (size_t i = 0; i < layers_.size(); ++i) {
    const size_t out = layers_[i].out(), in = layers_[i].in();
    const size_t rows = (out + pieces * kMultiple - 1) / (pieces * kMultiple) * kMultiple;
    for (size_t begin = 0; begin < out; begin += rows) {
      tasks.push_back([this, i, in, begin, n = std::min(rows, out - begin)] {
        kernels::AddBatchProduct(d_outputs_[i], inputs_[i], gradients_[i].view(),
                                 activations_[i].view(), begin, n,
                                 layers_[i].weight_gradient().data() + begin * in);
      });
    }
    tasks.push_back([this, i, out] {
      kernels::ColumnSums(bias_sums_[i].data(), blocks(), out, layers_[i].bias_gradient().data());
    });
  }
}

size_t BlockFor(size_t batch, const base::ThreadPool* pool) {
  constexpr size_t kMultiple = kernels::BatchOperand::kMultiple, kMost = 256;
  if (pool == nullptr) return kMost;
  const size_t blocks = 2 * static_cast<size_t>(pool->threads());
  return std::clamp((batch / blocks + kMultiple - 1) / kMultiple * kMultiple, kMultiple, kMost);
}

const float* Tower::Forward(const float* x, size_t batch, const Compute& compute) {
  Begin(batch, compute.precision, BlockFor(batch, compute.pool));
  base::ParallelFor(compute.pool, blocks(), 1, [&](size_t begin, size_t end) {
    for (size_t b = begin; b < end; ++b) ForwardBlock(b, x + b * block_ * input());
  });
  NoteActivity();
  return out_.data();
}

void Tower::Backward(const float* d_out, float* d_in, const Compute& compute) {
  base::ParallelFor(compute.pool, blocks(), 1, [&](size_t begin, size_t end) {
    for (size_t b = begin; b < end; ++b) {
      BackwardBlock(b, d_out + b * block_ * output(),
                    d_in == nullptr ? nullptr : d_in + b * block_ * input());
    }
  });
  base::Tasks tasks;
  AppendGradients(compute.pool == nullptr ? 1 : static_cast<size_t>(compute.pool->threads()),
                  tasks);
  base::RunAll(tasks, compute.pool);
}

void Tower::Infer(const float* x, size_t batch, float* out, Scratch& scratch,
                  const Compute& compute) const {
  if (layers_.empty()) {
    std::copy(x, x + batch * options_.input, out);
    return;
  }
  const float* input = x;
  for (size_t i = 0; i < layers_.size(); ++i) {
    float* y = out;
    if (i + 1 < layers_.size()) {
      std::vector<float>& buffer = scratch.layers[i % 2];
      if (buffer.size() < batch * layers_[i].out()) buffer.resize(batch * layers_[i].out());
      y = buffer.data();
    }
    layers_[i].Forward(input, batch, y, compute, IsRelu(i));
    input = y;
  }
}

void Tower::AppendParameters(std::string_view name, std::vector<Parameter>& parameters) {
  for (size_t i = 0; i < layers_.size(); ++i) {
    layers_[i].AppendParameters(fmt::format("{}.{}", name, i), parameters);
  }
}

Graph::Value Tower::AppendTo(Graph& graph, Graph::Value x) const {
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i].AppendTo(graph, x);
    if (IsRelu(i)) x = graph.Op("Relu", {x});
  }
  return x;
}

std::vector<DeadUnits*> Tower::ReluLayers() {
  std::vector<DeadUnits*> layers;
  for (DeadUnits& layer : dead_units_) layers.push_back(&layer);
  return layers;
}

void Tower::NoteActivity() {
  for (size_t i = 0; i < dead_units_.size(); ++i) {
    dead_units_[i].Note(activations_[i + 1].view(), batch_);
  }
}

}  // namespace upnext::nn
