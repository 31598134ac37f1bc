#include "nn/weight_average.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace upnext::nn {
namespace {

constexpr size_t kAveragedAtOnce = 65536;  // of a task

// What remains of an average after `s` steps once it is one after `t`, if the weight stays as it is:
// the mean of t values with weights decay^n gives this share to the first s of them.
float Remaining(double decay, uint64_t s, uint64_t t) {
  const auto before = static_cast<double>(s), now = static_cast<double>(t);
  if (s == t) return 1.0f;
  if (decay == 1.0) return static_cast<float>(before / now);
  return static_cast<float>(std::pow(decay, now - before) * (1 - std::pow(decay, before)) /
                            (1 - std::pow(decay, now)));
}

void MixIn(const float* weights, float remaining, float* averages, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    averages[i] = weights[i] + remaining * (averages[i] - weights[i]);
  }
}

}  // namespace

RowAverage::RowAverage(const Parameter& table, double decay, const StepCount* steps,
                       const StepCount* base)
    : weights_(table.value),
      dim_(table.value.size() / table.shape[0]),
      decay_(decay),
      steps_(steps),
      base_(base),
      averages_(table.value.begin(), table.value.end()),
      age_(table.shape[0]),
      at_(table.shape[0]) {}

void RowAverage::Reach(size_t row) {
  if (row >= at_.size()) return;
  const uint64_t since = steps_->count() - base_->count(), at = static_cast<uint64_t>(at_[row]);
  if (at == since) return;
  const auto age = static_cast<uint64_t>(age_[row]);
  MixIn(weights_.data() + row * dim_, Remaining(decay_, age + at, age + since),
        averages_.data() + row * dim_, dim_);
  at_[row] = static_cast<float>(since);
}

WeightAverage::WeightAverage(std::vector<Parameter> parameters, double decay) : decay_(decay) {
  for (Parameter& parameter : parameters) {
    if (parameter.gradient.empty()) {
      rows_.push_back(
          std::unique_ptr<RowAverage>(new RowAverage(parameter, decay, &steps_, &base_)));
      tables_.push_back(std::move(parameter));
    } else {
      std::vector<float> average(parameter.value.begin(), parameter.value.end());
      dense_.push_back({std::move(parameter), std::move(average)});
    }
  }
}

RowAverage* WeightAverage::OfTable(const EmbeddingTable& table) {
  const auto found = std::ranges::find(tables_, table.view().data,
                                       [](const Parameter& p) { return p.value.data(); });
  return rows_[static_cast<size_t>(found - tables_.begin())].get();
}

void WeightAverage::AppendStep(base::Tasks& tasks) {
  const uint64_t before = steps_.count();
  steps_.Add();
  const float remaining = Remaining(decay_, before, steps_.count());
  for (Dense& dense : dense_) {
    for (size_t at = 0; at < dense.average.size(); at += kAveragedAtOnce) {
      tasks.push_back([&dense, at, remaining] {
        MixIn(dense.parameter.value.data() + at, remaining, dense.average.data() + at,
              std::min(kAveragedAtOnce, dense.average.size() - at));
      });
    }
  }
}

void WeightAverage::CatchUp(base::ThreadPool* pool) {
  constexpr size_t kRows = 1024;
  for (const auto& rows : rows_) {
    base::ParallelFor(pool, rows->at_.size(), kRows, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) {
        rows->Reach(row);
        rows->age_[row] += std::exchange(rows->at_[row], 0.0f);
      }
    });
  }
  base_.values = steps_.values;
}

void WeightAverage::Swap() {
  for (Dense& dense : dense_) std::ranges::swap_ranges(dense.parameter.value, dense.average);
  for (size_t i = 0; i < rows_.size(); ++i) {
    std::ranges::swap_ranges(tables_[i].value, rows_[i]->averages_);
  }
}

void WeightAverage::AppendAverages(std::vector<Parameter>& parameters) {
  const auto append = [&](const Parameter& of, std::vector<float>& average) {
    parameters.push_back({fmt::format("mean.{}", of.name), of.shape, average, {}});
  };
  for (Dense& dense : dense_) append(dense.parameter, dense.average);
  for (size_t i = 0; i < rows_.size(); ++i) append(tables_[i], rows_[i]->averages_);
}

void WeightAverage::AppendState(std::vector<Parameter>& state) {
  for (size_t i = 0; i < rows_.size(); ++i) {
    std::vector<float>&at = rows_[i]->at_, &age = rows_[i]->age_;
    state.push_back({fmt::format("at.{}", tables_[i].name), {at.size()}, at, {}});
    state.push_back({fmt::format("age.{}", tables_[i].name), {age.size()}, age, {}});
  }
  state.push_back({"mean.steps", {steps_.values.size()}, steps_.values, {}});
  state.push_back({"mean.base", {base_.values.size()}, base_.values, {}});
}

}  // namespace upnext::nn
