#include "ranking/task_heads.h"

#include <fmt/format.h>

#include <algorithm>

namespace upnext::ranking {
namespace {

// Columns [first, first + width) of logits [rows, all] from `part` [rows, width].
void PutColumns(const std::vector<float>& part, size_t rows, size_t width, size_t first, size_t all,
                float* logits) {
  for (size_t i = 0; i < rows; ++i) {
    std::copy_n(part.data() + i * width, width, logits + i * all + first);
  }
}

}  // namespace

TaskHeads::TaskHeads(size_t input, const std::vector<size_t>& widths,
                     const std::vector<size_t>& outputs, base::Rng& rng) {
  towers_.reserve(outputs.size());
  for (const size_t of_task : outputs) {
    towers_.emplace_back(nn::TowerOptions{.input = input, .widths = widths}, rng);
    logits_ += of_task;
    outputs_.emplace_back(towers_.back().output(), of_task, nn::Initialisation::kXavier, rng);
  }
}

size_t TaskHeads::multiplications() const {
  size_t total = 0;
  for (size_t k = 0; k < tasks(); ++k) {
    total += towers_[k].multiplications() + outputs_[k].in() * outputs_[k].out();
  }
  return total;
}

void TaskHeads::Forward(std::span<const float* const> inputs, size_t batch, float* logits,
                        const nn::Compute& compute) {
  batch_ = batch;
  hidden_.assign(inputs.begin(), inputs.end());
  size_t first = 0;
  for (size_t k = 0; k < tasks(); first += outputs_[k++].out()) {
    column_.resize(batch * outputs_[k].out());
    if (!towers_[k].layers().empty()) hidden_[k] = towers_[k].Forward(inputs[k], batch, compute);
    outputs_[k].Forward(hidden_[k], batch, column_.data(), compute);
    PutColumns(column_, batch, outputs_[k].out(), first, logits_, logits);
  }
}

void TaskHeads::Backward(const float* d_logits, std::span<float* const> d_inputs,
                         const nn::Compute& compute) {
  size_t first = 0;
  for (size_t k = 0; k < tasks(); first += outputs_[k++].out()) {
    const size_t width = outputs_[k].out();
    column_.resize(batch_ * width);
    for (size_t i = 0; i < batch_; ++i) {
      std::copy_n(d_logits + i * logits_ + first, width, column_.data() + i * width);
    }
    const bool deep = !towers_[k].layers().empty();
    if (deep) d_hidden_.resize(batch_ * towers_[k].output());
    outputs_[k].Backward(hidden_[k], column_.data(), batch_, deep ? d_hidden_.data() : d_inputs[k],
                         compute);
    if (deep) towers_[k].Backward(d_hidden_.data(), d_inputs[k], compute);
  }
}

void TaskHeads::Infer(std::span<const float* const> inputs, size_t batch, float* logits,
                      Scratch& scratch, const nn::Compute& compute) const {
  size_t first = 0;
  for (size_t k = 0; k < tasks(); first += outputs_[k++].out()) {
    scratch.column.resize(batch * outputs_[k].out());
    const float* hidden = inputs[k];
    if (!towers_[k].layers().empty()) {
      scratch.hidden.resize(batch * towers_[k].output());
      towers_[k].Infer(hidden, batch, scratch.hidden.data(), scratch.tower, compute);
      hidden = scratch.hidden.data();
    }
    outputs_[k].Forward(hidden, batch, scratch.column.data(), compute);
    PutColumns(scratch.column, batch, outputs_[k].out(), first, logits_, logits);
  }
}

nn::Graph::Value TaskHeads::AppendTo(nn::Graph& graph,
                                     const std::vector<nn::Graph::Value>& inputs) const {
  std::vector<nn::Graph::Value> logits;
  for (size_t k = 0; k < tasks(); ++k) {
    logits.push_back(outputs_[k].AppendTo(graph, towers_[k].AppendTo(graph, inputs[k])));
  }
  return graph.Concat(logits);
}

void TaskHeads::SetOutputBiases(std::span<const float> biases) {
  size_t first = 0;
  for (nn::Linear& output : outputs_) {
    std::ranges::copy(biases.subspan(first, output.out()), output.bias().begin());
    first += output.out();
  }
}

void TaskHeads::AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) {
  for (size_t k = 0; k < tasks(); ++k) {
    towers_[k].AppendParameters(fmt::format("{}.{}", name, k), parameters);
    outputs_[k].AppendParameters(fmt::format("{}.{}.out", name, k), parameters);
  }
}

}  // namespace upnext::ranking
