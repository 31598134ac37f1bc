#include "ranking/bottom.h"

#include <fmt/format.h>

#include <cmath>

#include "kernels/gemm.h"
#include "kernels/vector_ops.h"

namespace upnext::ranking {

using kernels::Gemm;

SplitLinear::SplitLinear(const NetWidths& widths, size_t out, nn::Initialisation initialisation,
                         base::Rng& rng)
    : widths_(widths), bias_(out), bias_gradient_(out) {
  // As one layer over both halves.
  const nn::Linear whole(widths.query + widths.impression, out, initialisation, rng);
  const size_t in = whole.in();
  const auto take = [&](Half& half, size_t begin, size_t width) {
    half.gradient.resize(out * width);
    for (size_t i = 0; i < out; ++i) {
      const auto row = whole.weight().begin() + static_cast<ptrdiff_t>(i * in + begin);
      half.weight.insert(half.weight.end(), row, row + static_cast<ptrdiff_t>(width));
    }
  };
  take(query_, 0, widths.query);
  take(impression_, widths.query, widths.impression);
}

void SplitLinear::Forward(const NetInput& input, float* y, Scratch& scratch,
                          const nn::Compute& compute, bool relu) const {
  const size_t rows = input.rows(), n = out();
  scratch.queries.assign(input.query_rows * n, 0.0f);
  if (widths_.query > 0) {
    Gemm({.m = input.query_rows, .n = n, .k = widths_.query, .transpose_b = true}, input.queries,
         query_.weight.data(), scratch.queries.data(), compute.precision, compute.pool);
  }
  for (size_t i = 0; i < rows; ++i) {
    std::copy_n(scratch.queries.data() + input.query_of[i] * n, n, y + i * n);
  }
  if (widths_.impression > 0) {
    Gemm({.m = rows, .n = n, .k = widths_.impression, .transpose_b = true, .beta = 1.0f},
         input.impressions, impression_.weight.data(), y, compute.precision, compute.pool);
  }
  if (relu) {
    kernels::AddBiasRelu(bias_.data(), y, rows, n);
  } else {
    kernels::AddBias(bias_.data(), y, rows, n);
  }
}

void SplitLinear::Backward(const NetInput& input, const float* d_y, const NetGradient& d_input,
                           const nn::Compute& compute) {
  const size_t rows = input.rows(), n = out();
  kernels::ColumnSums(d_y, rows, n, bias_gradient_.data());
  if (widths_.impression > 0) {
    Gemm({.m = n, .n = widths_.impression, .k = rows, .transpose_a = true, .beta = 1.0f}, d_y,
         input.impressions, impression_.gradient.data(), compute.precision, compute.pool);
    Gemm({.m = rows, .n = widths_.impression, .k = n, .beta = 1.0f}, d_y, impression_.weight.data(),
         d_input.impressions, compute.precision, compute.pool);
  }
  if (widths_.query == 0) return;
  // A query is an input of all its impressions.
  d_queries_.assign(input.query_rows * n, 0.0f);
  for (size_t i = 0; i < rows; ++i) {
    kernels::Axpy(1.0f, d_y + i * n, d_queries_.data() + input.query_of[i] * n, n);
  }
  Gemm({.m = n, .n = widths_.query, .k = input.query_rows, .transpose_a = true, .beta = 1.0f},
       d_queries_.data(), input.queries, query_.gradient.data(), compute.precision, compute.pool);
  Gemm({.m = input.query_rows, .n = widths_.query, .k = n, .beta = 1.0f}, d_queries_.data(),
       query_.weight.data(), d_input.queries, compute.precision, compute.pool);
}

nn::Graph::Value SplitLinear::AppendTo(nn::Graph& graph, const NetValues& input) const {
  if (input.queries.empty()) {
    return graph.Linear(input.impressions, impression_.weight, bias_, widths_.impression);
  }
  const std::vector<float> no_bias;
  const bool queries_alone = input.impressions.empty();
  const nn::Graph::Value queries = graph.Op(
      "Gather",
      {graph.Linear(input.queries, query_.weight, queries_alone ? bias_ : no_bias, widths_.query),
       input.query_of});
  if (queries_alone) return queries;
  return graph.Op("Add", {queries, graph.Linear(input.impressions, impression_.weight, bias_,
                                                widths_.impression)});
}

void SplitLinear::Centre(const NetInput& input, const nn::Compute& compute) {
  const size_t rows = input.rows();
  if (rows == 0) return;
  std::vector<float> y(rows * out()), sums(out());
  Scratch scratch;
  Forward(input, y.data(), scratch, compute);
  kernels::ColumnSums(y.data(), rows, out(), sums.data());
  kernels::Axpy(-1.0f / static_cast<float>(rows), sums.data(), bias_.data(), out());
}

void SplitLinear::AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) {
  const auto append = [&](std::string_view half, uint64_t width, Half& values) {
    if (width == 0) return;
    parameters.push_back({.name = fmt::format("{}.{}.weight", name, half),
                          .shape = {out(), width},
                          .value = values.weight,
                          .gradient = values.gradient});
  };
  append("query", widths_.query, query_);
  append("impression", widths_.impression, impression_);
  parameters.push_back({.name = fmt::format("{}.bias", name),
                        .shape = {out()},
                        .value = bias_,
                        .gradient = bias_gradient_});
}

Bottom::Bottom(const NetWidths& input, const std::vector<size_t>& widths, base::Rng& rng)
    : first_(input, widths.front(), nn::Initialisation::kHe, rng),
      rest_({.input = widths.front(), .widths = {widths.begin() + 1, widths.end()}}, rng),
      dead_units_(widths.front()) {}

const float* Bottom::Forward(const NetInput& input, const nn::Compute& compute) {
  input_ = input;
  hidden_.resize(input.rows() * first_.out());
  first_.Forward(input, hidden_.data(), scratch_, compute, /*relu=*/true);
  dead_units_.Note({hidden_.data(), nullptr}, input.rows());
  return rest_.Forward(hidden_.data(), input.rows(), compute);
}

void Bottom::Backward(const float* d_out, const NetGradient& d_input, const nn::Compute& compute) {
  d_hidden_.resize(hidden_.size());
  rest_.Backward(d_out, d_hidden_.data(), compute);
  kernels::ReluBackward(hidden_.data(), d_hidden_.data(), d_hidden_.data(), hidden_.size());
  first_.Backward(input_, d_hidden_.data(), d_input, compute);
}

const float* Bottom::Infer(const NetInput& input, Scratch& scratch,
                           const nn::Compute& compute) const {
  scratch.hidden.resize(input.rows() * first_.out());
  first_.Forward(input, scratch.hidden.data(), scratch.first, compute, /*relu=*/true);
  if (rest_.layers().empty()) return scratch.hidden.data();
  scratch.out.resize(input.rows() * rest_.output());
  rest_.Infer(scratch.hidden.data(), input.rows(), scratch.out.data(), scratch.rest, compute);
  return scratch.out.data();
}

nn::Graph::Value Bottom::AppendTo(nn::Graph& graph, const NetValues& input) const {
  return rest_.AppendTo(graph, graph.Op("Relu", {first_.AppendTo(graph, input)}));
}

void Bottom::AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) {
  first_.AppendParameters(fmt::format("{}.in", name), parameters);
  rest_.AppendParameters(name, parameters);
}

void Bottom::AppendReluLayers(std::vector<nn::DeadUnits*>& layers) {
  layers.push_back(&dead_units_);
  for (nn::DeadUnits* layer : rest_.ReluLayers()) layers.push_back(layer);
}

}  // namespace upnext::ranking
