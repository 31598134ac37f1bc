#include "ranking/task_heads.h"

#include <fmt/format.h>

namespace upnext::ranking {
namespace {

void PutColumn(const std::vector<float>& column, size_t rows, size_t tasks, size_t task,
               float* logits) {
  for (size_t i = 0; i < rows; ++i) logits[i * tasks + task] = column[i];
}

}  // namespace

TaskHeads::TaskHeads(size_t input, const std::vector<size_t>& widths, size_t tasks,
                     base::Rng& rng) {
  towers_.reserve(tasks);
  for (size_t k = 0; k < tasks; ++k) {
    towers_.emplace_back(nn::TowerOptions{.input = input, .widths = widths}, rng);
    outputs_.emplace_back(towers_.back().output(), 1, nn::Initialisation::kXavier, rng);
  }
}

size_t TaskHeads::multiplications() const {
  size_t total = 0;
  for (size_t k = 0; k < tasks(); ++k) {
    total += towers_[k].multiplications() + outputs_[k].in();
  }
  return total;
}

void TaskHeads::Forward(std::span<const float* const> inputs, size_t batch, float* logits,
                        const nn::Compute& compute) {
  batch_ = batch;
  hidden_.assign(inputs.begin(), inputs.end());
  column_.resize(batch);
  for (size_t k = 0; k < tasks(); ++k) {
    if (!towers_[k].layers().empty()) hidden_[k] = towers_[k].Forward(inputs[k], batch, compute);
    outputs_[k].Forward(hidden_[k], batch, column_.data(), compute);
    PutColumn(column_, batch, tasks(), k, logits);
  }
}

void TaskHeads::Backward(const float* d_logits, std::span<float* const> d_inputs,
                         const nn::Compute& compute) {
  for (size_t k = 0; k < tasks(); ++k) {
    for (size_t i = 0; i < batch_; ++i) column_[i] = d_logits[i * tasks() + k];
    const bool deep = !towers_[k].layers().empty();
    if (deep) d_hidden_.resize(batch_ * towers_[k].output());
    outputs_[k].Backward(hidden_[k], column_.data(), batch_, deep ? d_hidden_.data() : d_inputs[k],
                         compute);
    if (deep) towers_[k].Backward(d_hidden_.data(), d_inputs[k], compute);
  }
}

void TaskHeads::Infer(std::span<const float* const> inputs, size_t batch, float* logits,
                      Scratch& scratch, const nn::Compute& compute) const {
  scratch.column.resize(batch);
  for (size_t k = 0; k < tasks(); ++k) {
    const float* hidden = inputs[k];
    if (!towers_[k].layers().empty()) {
      scratch.hidden.resize(batch * towers_[k].output());
      towers_[k].Infer(hidden, batch, scratch.hidden.data(), scratch.tower, compute);
      hidden = scratch.hidden.data();
    }
    outputs_[k].Forward(hidden, batch, scratch.column.data(), compute);
    PutColumn(scratch.column, batch, tasks(), k, logits);
  }
}

void TaskHeads::SetOutputBiases(std::span<const float> biases) {
  for (size_t k = 0; k < tasks(); ++k) outputs_[k].bias()[0] = biases[k];
}

void TaskHeads::AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) {
  for (size_t k = 0; k < tasks(); ++k) {
    towers_[k].AppendParameters(fmt::format("{}.{}", name, k), parameters);
    outputs_[k].AppendParameters(fmt::format("{}.{}.out", name, k), parameters);
  }
}

}  // namespace upnext::ranking
