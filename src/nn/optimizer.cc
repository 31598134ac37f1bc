#include "nn/optimizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/vector_ops.h"
#include "nn/weight_average.h"

namespace upnext::nn {
namespace {
constexpr size_t kGrain = 65536;
constexpr float kCountBase = 16777216.0f;  // 2^24: a float is exact up to it

kernels::AdamArgs ArgsOf(const AdamOptions& options, uint64_t steps) {
  const double t = static_cast<double>(steps);
  const double first_correction = 1.0 - std::pow(static_cast<double>(options.beta1), t);
  const double second_correction = 1.0 - std::pow(static_cast<double>(options.beta2), t);
  return {.step_size = static_cast<float>(options.learning_rate / first_correction),
          .beta1 = options.beta1,
          .beta2 = options.beta2,
          .second_correction = static_cast<float>(1.0 / second_correction),
          .epsilon = options.epsilon,
          .decay = options.learning_rate * options.weight_decay};
}

}  // namespace

void StepCount::Add() {
  values[0] += 1.0f;
  if (values[0] < kCountBase) return;
  values[0] = 0.0f;
  values[1] += 1.0f;
}

uint64_t StepCount::count() const {
  return static_cast<uint64_t>(values[1]) * static_cast<uint64_t>(kCountBase) +
         static_cast<uint64_t>(values[0]);
}

Adam::Adam(std::vector<Parameter> parameters, const AdamOptions& options) : options_(options) {
  for (Parameter& parameter : parameters) {
    if (parameter.gradient.empty()) continue;
    first_.emplace_back(parameter.value.size());
    second_.emplace_back(parameter.value.size());
    parameters_.push_back(std::move(parameter));
  }
}

void Adam::Step(base::ThreadPool* pool) {
  base::Tasks tasks;
  AppendStep(tasks);
  base::RunAll(tasks, pool);
}

void Adam::AppendStep(base::Tasks& tasks) {
  steps_.Add();
  const kernels::AdamArgs args = ArgsOf(options_, steps());
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
  parameters.push_back(
      {fmt::format("{}.steps", prefix), {steps_.values.size()}, steps_.values, {}});
}

void RowStep::Step(base::ThreadPool* pool) {
  Sort();
  base::Tasks tasks;
  AppendStep(tasks);
  base::RunAll(tasks, pool);
  Clear();
}

void RowStep::AppendStep(base::Tasks& tasks) {
  constexpr size_t kRows = 2048;  // per task: long relative to its start, short relative to a step
  BeginStep();
  for (size_t begin = 0; begin < gradients_.rows(); begin += kRows) {
    tasks.push_back([this, begin, end = std::min(begin + kRows, gradients_.rows())] {
      for (size_t i = begin; average_ != nullptr && i < end; ++i) {
        average_->Reach(gradients_.row(i));
      }
      StepRows(begin, end);
    });
  }
}

RowwiseAdagrad::RowwiseAdagrad(EmbeddingTable* table, const kernels::AdagradOptions& options)
    : RowStep(table), options_(options), accumulators_(table->rows()) {}

void RowwiseAdagrad::StepRows(size_t begin, size_t end) {
  gradients_.ApplySorted(table_->view(), accumulators_, options_, begin, end);
}

void RowwiseAdagrad::AppendState(std::string_view name, std::vector<Parameter>& parameters) {
  parameters.push_back(
      {fmt::format("{}.adagrad", name), {accumulators_.size()}, accumulators_, {}});
}

RowwiseAdam::RowwiseAdam(EmbeddingTable* table, const AdamOptions& options)
    : RowStep(table),
      options_(options),
      first_(table->rows() * table->dim()),
      second_(first_.size()) {}

void RowwiseAdam::BeginStep() {
  steps_.Add();
  args_ = ArgsOf(options_, steps_.count());
}

void RowwiseAdam::StepRows(size_t begin, size_t end) {
  const size_t dim = table_->dim();
  gradients_.ForEachSum(dim, begin, end, [&](uint32_t row, const float* gradient) {
    if (row >= table_->rows()) return;
    kernels::AdamStep(args_, gradient, first_.data() + row * dim, second_.data() + row * dim,
                      table_->view().data + row * dim, dim);
  });
}

void RowwiseAdam::AppendState(std::string_view name, std::vector<Parameter>& parameters) {
  const std::vector<uint64_t> shape = {table_->rows(), table_->dim()};
  parameters.push_back({fmt::format("{}.first", name), shape, first_, {}});
  parameters.push_back({fmt::format("{}.second", name), shape, second_, {}});
  parameters.push_back({fmt::format("{}.steps", name), {steps_.values.size()}, steps_.values, {}});
}

}  // namespace upnext::nn
