#include "nn/norm_silu.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/thread_pool.h"
#include "kernels/vector_ops.h"

namespace upnext::nn {
namespace {

constexpr float kVarianceFloor = 1e-5f;
constexpr size_t kRowsPerTask = 64;

float Logistic(float a) { return 1.0f / (1.0f + std::exp(-a)); }

}  // namespace

NormSiluTower::NormSiluTower(size_t input, const std::vector<size_t>& widths, base::Rng& rng)
    : input_(input) {
  size_t in = input;
  for (const size_t width : widths) {
    layers_.push_back({.linear = Linear(in, width, Initialisation::kXavier, rng),
                       .gain = std::vector<float>(width, 1.0f),
                       .shift = std::vector<float>(width),
                       .gain_gradient = std::vector<float>(width),
                       .shift_gradient = std::vector<float>(width),
                       .normal = {},
                       .scale = {},
                       .y = {}});
    in = width;
  }
}

size_t NormSiluTower::multiplications() const {
  size_t total = 0;
  for (const Layer& layer : layers_) total += layer.linear.in() * layer.linear.out();
  return total;
}

void NormSiluTower::Normalise(float* z, size_t batch, size_t width, float* scale,
                              const Compute& compute) {
  base::ParallelFor(compute.pool, batch, kRowsPerTask, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      float* const row = z + i * width;
      float sum = 0, squares = 0;
      for (size_t j = 0; j < width; ++j) sum += row[j];
      const float mean = sum / static_cast<float>(width);
      for (size_t j = 0; j < width; ++j) squares += (row[j] - mean) * (row[j] - mean);
      const float by = 1.0f / std::sqrt(squares / static_cast<float>(width) + kVarianceFloor);
      for (size_t j = 0; j < width; ++j) row[j] = (row[j] - mean) * by;
      if (scale != nullptr) scale[i] = by;
    }
  });
}

void NormSiluTower::Activate(const Layer& layer, const float* normal, size_t batch, float* y,
                             const Compute& compute) {
  const size_t width = layer.linear.out();
  base::ParallelFor(compute.pool, batch, kRowsPerTask, [&](size_t begin, size_t end) {
    for (size_t at = begin * width; at < end * width; ++at) {
      const float a = layer.gain[at % width] * normal[at] + layer.shift[at % width];
      y[at] = a * Logistic(a);
    }
  });
}

const float* NormSiluTower::Forward(const float* x, size_t batch, const Compute& compute) {
  x_ = x;
  batch_ = batch;
  for (Layer& layer : layers_) {
    const size_t width = layer.linear.out();
    layer.normal.resize(batch * width);
    layer.y.resize(batch * width);
    layer.scale.resize(batch);
    layer.linear.Forward(x, batch, layer.normal.data(), compute);
    Normalise(layer.normal.data(), batch, width, layer.scale.data(), compute);
    Activate(layer, layer.normal.data(), batch, layer.y.data(), compute);
    x = layer.y.data();
  }
  return x;
}

void NormSiluTower::BackThroughNorm(Layer& layer, size_t batch, std::vector<float>& d_y,
                                    std::vector<float>& d_gain, const Compute& compute) {
  const size_t width = layer.linear.out();
  d_gain.resize(batch * width);
  base::ParallelFor(compute.pool, batch, kRowsPerTask, [&](size_t begin, size_t end) {
    for (size_t at = begin * width; at < end * width; ++at) {
      const float a = layer.gain[at % width] * layer.normal[at] + layer.shift[at % width];
      const float s = Logistic(a);
      d_y[at] *= s + a * s * (1.0f - s);
      d_gain[at] = d_y[at] * layer.normal[at];
    }
  });
  kernels::ColumnSums(d_y.data(), batch, width, layer.shift_gradient.data());
  kernels::ColumnSums(d_gain.data(), batch, width, layer.gain_gradient.data());
  const float share = 1.0f / static_cast<float>(width);
  base::ParallelFor(compute.pool, batch, kRowsPerTask, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      float* const d = d_y.data() + i * width;
      const float* const normal = layer.normal.data() + i * width;
      float sum = 0, along = 0;
      for (size_t j = 0; j < width; ++j) {
        d[j] *= layer.gain[j];
        sum += d[j];
        along += d[j] * normal[j];
      }
      for (size_t j = 0; j < width; ++j) {
        d[j] = layer.scale[i] * (d[j] - share * (sum + normal[j] * along));
      }
    }
  });
}

void NormSiluTower::Backward(const float* d_out, float* d_x, const Compute& compute) {
  if (layers_.empty()) {
    std::copy_n(d_out, batch_ * input_, d_x);
    return;
  }
  d_y_.assign(d_out, d_out + batch_ * output());
  for (size_t i = layers_.size(); i-- > 0;) {
    Layer& layer = layers_[i];
    BackThroughNorm(layer, batch_, d_y_, d_gain_, compute);
    const float* const input = i == 0 ? x_ : layers_[i - 1].y.data();
    d_x_.resize(batch_ * layer.linear.in());
    layer.linear.Backward(input, d_y_.data(), batch_, i == 0 ? d_x : d_x_.data(), compute);
    if (i > 0) std::swap(d_y_, d_x_);
  }
}

void NormSiluTower::Infer(const float* x, size_t batch, float* out, Scratch& scratch,
                          const Compute& compute) const {
  if (layers_.empty()) std::copy_n(x, batch * input_, out);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const size_t width = layer.linear.out();
    std::vector<float>& buffer = scratch.layers[i % 2];
    if (buffer.size() < batch * width) buffer.resize(batch * width);
    float* const y = i + 1 == layers_.size() ? out : buffer.data();
    layer.linear.Forward(x, batch, y, compute);
    Normalise(y, batch, width, nullptr, compute);
    Activate(layer, y, batch, y, compute);
    x = y;
  }
}

void NormSiluTower::AppendParameters(std::string_view name, std::vector<Parameter>& parameters) {
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    layer.linear.AppendParameters(fmt::format("{}.{}", name, i), parameters);
    const uint64_t width = layer.linear.out();
    parameters.push_back({.name = fmt::format("{}.{}.gain", name, i),
                          .shape = {width},
                          .value = layer.gain,
                          .gradient = layer.gain_gradient});
    parameters.push_back({.name = fmt::format("{}.{}.shift", name, i),
                          .shape = {width},
                          .value = layer.shift,
                          .gradient = layer.shift_gradient});
  }
}

Graph::Value NormSiluTower::AppendTo(Graph& graph, Graph::Value x) const {
  for (const Layer& layer : layers_) {
    const auto width = static_cast<int64_t>(layer.linear.out());
    x = graph.Op("LayerNormalization",
                 {layer.linear.AppendTo(graph, x), graph.Weights(layer.gain, {width}),
                  graph.Weights(layer.shift, {width})},
                 {{"axis", int64_t{-1}}, {"epsilon", kVarianceFloor}});
    x = graph.Op("Mul", {x, graph.Op("Sigmoid", {x})});
  }
  return x;
}

}  // namespace upnext::nn
