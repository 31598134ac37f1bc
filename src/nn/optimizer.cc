#include "nn/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/vector_ops.h"

namespace upnext::nn {
namespace {
constexpr size_t kGrain = 65536;
// The step count is stored in two floats, so that a checkpoint of floats can hold it. Each is exact
// up to this number.
constexpr float kCountBase = 16777216.0f;  // 2^24
}  // namespace

Adam::Adam(std::vector<Parameter> parameters, const AdamOptions& options) : options_(options) {
  for (Parameter& parameter : parameters) {
    if (parameter.gradient.empty()) continue;
    first_.emplace_back(parameter.value.size());
    second_.emplace_back(parameter.value.size());
    parameters_.push_back(std::move(parameter));
  }
}

uint64_t Adam::steps() const {
  return static_cast<uint64_t>(steps_[1]) * static_cast<uint64_t>(kCountBase) +
         static_cast<uint64_t>(steps_[0]);
}

void Adam::Step(base::ThreadPool* pool) {
  base::Tasks tasks;
  AppendStep(tasks);
  base::RunAll(tasks, pool);
}

void Adam::AppendStep(base::Tasks& tasks) {
  steps_[0] += 1.0f;
  if (steps_[0] >= kCountBase) {
    steps_[0] = 0.0f;
    steps_[1] += 1.0f;
  }
  const double t = static_cast<double>(steps());
  const double first_correction = 1.0 - std::pow(static_cast<double>(options_.beta1), t);
  const double second_correction = 1.0 - std::pow(static_cast<double>(options_.beta2), t);
  const kernels::AdamArgs args{
      .step_size = static_cast<float>(options_.learning_rate / first_correction),
      .beta1 = options_.beta1,
      .beta2 = options_.beta2,
      .second_correction = static_cast<float>(1.0 / second_correction),
      .epsilon = options_.epsilon,
      .decay = options_.learning_rate * options_.weight_decay};
  for (size_t i = 0; i < parameters_.size(); ++i) {
    for (size_t begin = 0; begin < parameters_[i].value.size(); begin += kGrain) {
      tasks.push_back([this, args, i, begin] {
        const Parameter& p = parameters_[i];
        const size_t n = std::min(kGrain, p.value.size() - begin);
        kernels::AdamStep(args, p.gradient.data() + begin, first_[i].data() + begin,
                          second_[i].data() + begin, p.value.data() + begin, n);
        std::fill_n(p.gradient.data() + begin, n, 0.0f);
      });
    }
  }
}

void Adam::AppendState(std::string_view prefix, std::vector<Parameter>& parameters) {
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Parameter& p = parameters_[i];
    parameters.push_back({fmt::format("{}.first", p.name), p.shape, first_[i], {}});
    parameters.push_back({fmt::format("{}.second", p.name), p.shape, second_[i], {}});
  }
  parameters.push_back({fmt::format("{}.steps", prefix), {steps_.size()}, steps_, {}});
}

RowwiseAdagrad::RowwiseAdagrad(EmbeddingTable* table, const kernels::AdagradOptions& options)
    : table_(table), options_(options), accumulators_(table->rows()) {}

void RowwiseAdagrad::Step(base::ThreadPool* pool) {
  gradients_.ApplyAdagrad(table_->view(), accumulators_, options_, pool);
}

void RowwiseAdagrad::AppendStep(base::Tasks& tasks) {
  constexpr size_t kRows = 2048;  // per task: long relative to its start, short relative to a step
  for (size_t begin = 0; begin < gradients_.rows(); begin += kRows) {
    tasks.push_back([this, begin, end = std::min(begin + kRows, gradients_.rows())] {
      gradients_.ApplySorted(table_->view(), accumulators_, options_, begin, end);
    });
  }
}

void RowwiseAdagrad::AppendState(std::string_view name, std::vector<Parameter>& parameters) {
  parameters.push_back(
      {fmt::format("{}.adagrad", name), {accumulators_.size()}, accumulators_, {}});
}

}  // namespace upnext::nn
