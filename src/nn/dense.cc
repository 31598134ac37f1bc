#include "nn/dense.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
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
  if (relu) {
    kernels::AddBiasRelu(bias_.data(), y, batch, out_);
  } else {
    kernels::AddBias(bias_.data(), y, batch, out_);
  }
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
  activations_.resize(depth);
  ResetActivity();
}

size_t Tower::multiplications() const {
  size_t total = 0;
  for (const Linear& layer : layers_) total += layer.in() * layer.out();
  return total;
}

const float* Tower::Forward(const float* x, size_t batch, const Compute& compute) {
  x_ = x;
  batch_ = batch;
  examples_seen_ += batch;
  const float* input = x;
  for (size_t i = 0; i < layers_.size(); ++i) {
    std::vector<float>& y = activations_[i];
    if (y.size() < batch * layers_[i].out()) y.resize(batch * layers_[i].out());
    layers_[i].Forward(input, batch, y.data(), compute, IsRelu(i));
    if (IsRelu(i)) NoteActivity(i);
    input = y.data();
  }
  return input;
}

void Tower::Backward(const float* d_out, float* d_in, const Compute& compute) {
  if (layers_.empty()) {
    if (d_in != nullptr) std::copy(d_out, d_out + batch_ * options_.input, d_in);
    return;
  }
  size_t widest = 0;
  for (const Linear& layer : layers_) widest = std::max(widest, layer.out());
  if (d_current_.size() < batch_ * widest) {
    d_current_.resize(batch_ * widest);
    d_next_.resize(batch_ * widest);
  }
  const float* d_y = d_out;
  for (size_t i = layers_.size(); i-- > 0;) {
    if (IsRelu(i)) {
      kernels::ReluBackward(activations_[i].data(), d_y, d_current_.data(),
                            batch_ * layers_[i].out());
      d_y = d_current_.data();
    }
    const float* x = i == 0 ? x_ : activations_[i - 1].data();
    float* d_x = i == 0 ? d_in : d_next_.data();
    layers_[i].Backward(x, d_y, batch_, d_x, compute);
    d_current_.swap(d_next_);
    d_y = d_current_.data();
  }
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

void Tower::ResetActivity() {
  asleep_.assign(layers_.size(), {});
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (!IsRelu(i)) continue;
    asleep_[i].resize(layers_[i].out());
    std::iota(asleep_[i].begin(), asleep_[i].end(), 0u);
  }
  examples_seen_ = 0;
}

// Looks only at the units that were never seen awake, which soon are few.
void Tower::NoteActivity(size_t layer) {
  const float* y = activations_[layer].data();
  const size_t width = layers_[layer].out();
  std::erase_if(asleep_[layer], [&](uint32_t unit) {
    for (size_t row = 0; row < batch_; ++row) {
      if (y[row * width + unit] > 0.0f) return true;
    }
    return false;
  });
}

std::vector<double> Tower::DeadUnitShares() const {
  std::vector<double> shares;
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (!IsRelu(i)) continue;
    shares.push_back(examples_seen_ == 0 ? 0.0
                                         : static_cast<double>(asleep_[i].size()) /
                                               static_cast<double>(layers_[i].out()));
  }
  return shares;
}

// The number of examples, then for each layer the number of units asleep and which they are.
std::vector<uint64_t> Tower::Activity() const {
  std::vector<uint64_t> activity = {examples_seen_};
  for (const std::vector<uint32_t>& units : asleep_) {
    activity.push_back(units.size());
    activity.insert(activity.end(), units.begin(), units.end());
  }
  return activity;
}

bool Tower::SetActivity(std::span<const uint64_t> activity) {
  if (activity.empty()) return false;
  const uint64_t examples = activity.front();
  activity = activity.subspan(1);
  std::vector<std::vector<uint32_t>> asleep(layers_.size());
  for (size_t i = 0; i < layers_.size(); ++i) {
    if (activity.empty() || activity.front() > activity.size() - 1) return false;
    const auto units = activity.subspan(1, activity.front());
    if (!std::ranges::is_sorted(units, std::less_equal<>()) || (!IsRelu(i) && !units.empty()) ||
        (!units.empty() && units.back() >= layers_[i].out())) {
      return false;
    }
    for (const uint64_t unit : units) asleep[i].push_back(static_cast<uint32_t>(unit));
    activity = activity.subspan(1 + units.size());
  }
  if (!activity.empty()) return false;
  asleep_ = std::move(asleep);
  examples_seen_ = examples;
  return true;
}

}  // namespace upnext::nn
