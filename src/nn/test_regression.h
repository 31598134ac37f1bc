// A training in miniature, for the tests of the training loop.
//
//   Regression training;
//   RunTraining(training, options, base::NoProgress());
#ifndef UPNEXT_NN_TEST_REGRESSION_H_
#define UPNEXT_NN_TEST_REGRESSION_H_

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/rng.h"
#include "nn/dense.h"
#include "nn/losses.h"
#include "nn/optimizer.h"
#include "nn/training_loop.h"

namespace upnext::nn {

// A tower that learns a line from noisy inputs: small, but with every part of a real training.
class Regression : public Trainable {
 public:
  static constexpr size_t kInputs = 4, kBatch = 8;
  static constexpr uint64_t kSteps = 40;  // an epoch

  explicit Regression(float learning_rate = 0.01f)
      : rng_(7, 2),
        tower_({.input = kInputs, .widths = {6, 1}, .last_linear = true}, rng_),
        adam_(Parameters(), {.learning_rate = learning_rate}) {}

  uint64_t examples_per_epoch() const override { return kSteps * kBatch; }
  void StartEpoch(uint32_t epoch) override {
    data_ = base::Rng(1, epoch);
    left_ = kSteps;
  }
  size_t NextBatch() override {
    if (left_ == 0) return 0;
    --left_;
    for (size_t i = 0; i < kBatch; ++i) {
      double sum = 0;
      for (size_t j = 0; j < kInputs; ++j) {
        x_[i * kInputs + j] = static_cast<float>(data_.Normal());
        sum += static_cast<double>(x_[i * kInputs + j]) * (1.0 + static_cast<double>(j));
      }
      y_[i] = static_cast<float>(sum);
    }
    return kBatch;
  }
  void Step(double share_left, std::span<LossValue> losses,
            std::span<LossValue> guessing) override {
    if (decay_) adam_.set_learning_rate(static_cast<float>(0.01 * share_left));
    for (float& x : x_) x += static_cast<float>(0.1 * rng_.Normal());
    const float* out = tower_.Forward(x_.data(), kBatch, {});
    std::vector<float> d(kBatch), zeros(kBatch);
    losses[0] += SquaredLoss(std::span(out, kBatch), y_, {}, d.data());
    guessing[0] += SquaredLoss(zeros, y_, {}, nullptr);
    tower_.Backward(d.data(), nullptr, {});
    adam_.Step();
    std::vector<float> y(20);
    y[3] = 1;  // the others are dead
    dying_.Note({y.data(), nullptr}, 1);
    ++steps_;
    if (steps_ == poisoned_) tower_.layers()[0].weight()[0] = NAN;
  }
  Status Validate(EpochReport* report) override {
    report->validation = validation_.empty() ? NAN : validation_[report->epoch];
    return Ok();
  }
  double Total(std::span<const LossValue> losses) const override { return losses[0].mean(); }
  std::string Describe(const EpochReport&) const override { return "epoch"; }
  std::vector<Parameter> ModelParameters() override { return Parameters(); }
  void AppendOptimiserState(std::vector<Parameter>& state) override {
    adam_.AppendState("tower", state);
  }
  base::Rng& rng() override { return rng_; }
  std::vector<DeadUnits*> ReluLayers() override {
    return dead_ ? std::vector<DeadUnits*>{&dying_} : tower_.ReluLayers();
  }

  std::vector<float> Values() {
    std::vector<float> values;
    for (const Parameter& p : Parameters()) {
      values.insert(values.end(), p.value.begin(), p.value.end());
    }
    return values;
  }

  // Those of the model and of the optimiser.
  std::vector<float> AllValues() {
    std::vector<Parameter> parameters = Parameters();
    adam_.AppendState("tower", parameters);
    std::vector<float> values;
    for (const Parameter& p : parameters)
      values.insert(values.end(), p.value.begin(), p.value.end());
    return values;
  }

  std::vector<double> validation_;  // by epoch; empty: no validation part
  uint64_t steps_ = 0, poisoned_ = 0;
  bool decay_ = false, dead_ = false;

 private:
  DeadUnits dying_{20};
  std::vector<Parameter> Parameters() {
    std::vector<Parameter> parameters;
    tower_.AppendParameters("tower", parameters);
    return parameters;
  }

  base::Rng rng_, data_{0};
  Tower tower_;
  Adam adam_;
  uint64_t left_ = 0;
  std::vector<float> x_ = std::vector<float>(kBatch * kInputs), y_ = std::vector<float>(kBatch);
};

// Requests a stop after `asks` queries.
class StopAfter : public base::Progress {
 public:
  explicit StopAfter(uint64_t asks) : asks_(asks) {}
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { notes_.append(line).append("\n"); }
  bool stop_requested() const override { return asks_-- == 0; }
  std::string notes_;

 private:
  mutable uint64_t asks_;
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_TEST_REGRESSION_H_
