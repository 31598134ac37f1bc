#include "nn/layer_norm.h"

#include <fmt/format.h>

#include <cmath>

#include "base/thread_pool.h"
#include "kernels/vector_ops.h"

namespace upnext::nn {
namespace {

constexpr float kLeastVariance = 1e-5f;
constexpr size_t kNormRows = 64;  // of a task

}  // namespace

LayerNorm::LayerNorm(size_t width)
    : width_(width),
      gain_(width, 1.0f),
      shift_(width),
      gain_gradient_(width),
      shift_gradient_(width) {}

void LayerNorm::Forward(const float* x, size_t rows, float* y, Kept& kept,
                        const Compute& compute) const {
  kept.normal.resize(rows * width_);
  kept.scale.resize(rows);
  base::ParallelFor(compute.pool, rows, kNormRows, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      const float* const in = x + i * width_;
      float* const normal = kept.normal.data() + i * width_;
      float* const out = y + i * width_;
      float sum = 0;
      for (size_t j = 0; j < width_; ++j) sum += in[j];
      const float mean = sum / static_cast<float>(width_);
      for (size_t j = 0; j < width_; ++j) normal[j] = in[j] - mean;
      const float squares = kernels::Dot(normal, normal, width_);
      const float by = 1.0f / std::sqrt(squares / static_cast<float>(width_) + kLeastVariance);
      for (size_t j = 0; j < width_; ++j) {
        normal[j] *= by;
        out[j] = normal[j] * gain_[j] + shift_[j];
      }
      kept.scale[i] = by;
    }
  });
}

void LayerNorm::Backward(const Kept& kept, const float* d_y, size_t rows, float* d_x,
                         const Compute& compute) {
  const size_t tasks = (rows + kNormRows - 1) / kNormRows;
  // [tasks, 2 width], so that the sums do not depend on which thread does what.
  sums_.assign(tasks * 2 * width_, 0.0f);
  const float share = 1.0f / static_cast<float>(width_);
  base::ParallelFor(compute.pool, tasks, 1, [&](size_t first, size_t last) {
    thread_local std::vector<float> d;
    d.resize(width_);
    for (size_t task = first; task < last; ++task) {
      float* const d_gain = sums_.data() + task * 2 * width_;
      float* const d_shift = d_gain + width_;
      for (size_t i = task * kNormRows; i < std::min(rows, (task + 1) * kNormRows); ++i) {
        const float* const out = d_y + i * width_;
        const float* const normal = kept.normal.data() + i * width_;
        float* const in = d_x + i * width_;
        float sum = 0;
        for (size_t j = 0; j < width_; ++j) {
          d_gain[j] += out[j] * normal[j];
          d_shift[j] += out[j];
          d[j] = out[j] * gain_[j];
          sum += d[j];
        }
        const float along = share * kernels::Dot(d.data(), normal, width_);
        const float mean = share * sum, by = kept.scale[i];
        for (size_t j = 0; j < width_; ++j) in[j] += by * (d[j] - mean - normal[j] * along);
      }
    }
  });
  for (size_t task = 0; task < tasks; ++task) {
    const float* const sums = sums_.data() + task * 2 * width_;
    kernels::Axpy(1.0f, sums, gain_gradient_.data(), width_);
    kernels::Axpy(1.0f, sums + width_, shift_gradient_.data(), width_);
  }
}

void LayerNorm::AppendParameters(std::string_view name, std::vector<Parameter>& parameters) {
  parameters.push_back({.name = fmt::format("{}.gain", name),
                        .shape = {width_},
                        .value = gain_,
                        .gradient = gain_gradient_});
  parameters.push_back({.name = fmt::format("{}.shift", name),
                        .shape = {width_},
                        .value = shift_,
                        .gradient = shift_gradient_});
}

Graph::Value LayerNorm::AppendTo(Graph& graph, const Graph::Value& x) const {
  const auto width = static_cast<int64_t>(width_);
  return graph.Op("LayerNormalization",
                  {x, graph.Weights(gain_, {width}), graph.Weights(shift_, {width})},
                  {{"axis", int64_t{-1}}, {"epsilon", kLeastVariance}});
}

}  // namespace upnext::nn
