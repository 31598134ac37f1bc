#include "nn/losses.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/softmax.h"

namespace upnext::nn {
namespace {

double Softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }

double PreciseSigmoid(double z) {
  if (z >= 0.0) return 1.0 / (1.0 + std::exp(-z));
  const double e = std::exp(z);
  return e / (1.0 + e);
}

float ScaleOfMean(size_t mean_over, size_t batch) {
  return 1.0f / static_cast<float>(mean_over == 0 ? batch : mean_over);
}

struct Term {
  double loss, gradient;
};

// The mean of term(i), times their weights, over the examples that count.
template <typename TermOf>
LossValue MeanLoss(size_t n, const ExampleWeights& examples, float* gradients, TermOf term_of) {
  LossValue value;
  for (size_t i = 0; i < n; ++i) {
    if (examples.mask.empty() || examples.mask[i] != 0) value.count += 1.0;
  }
  const double scale = value.count > 0 ? examples.gradient_scale / value.count : 0.0;
  for (size_t i = 0; i < n; ++i) {
    if (!examples.mask.empty() && examples.mask[i] == 0) {
      if (gradients != nullptr) gradients[i] = 0.0f;
      continue;
    }
    const double weight = examples.weights.empty() ? 1.0 : examples.weights[i];
    const Term term = term_of(i);
    value.sum += weight * term.loss;
    if (gradients != nullptr) gradients[i] = static_cast<float>(scale * weight * term.gradient);
  }
  return value;
}

}  // namespace

float Sigmoid(float x) { return static_cast<float>(PreciseSigmoid(x)); }

LossValue FullSoftmaxLoss(size_t batch, size_t classes, std::span<const uint32_t> targets,
                          float* logits, std::span<const float> weights, base::ThreadPool* pool,
                          size_t mean_over) {
  const kernels::FullSoftmaxArgs args{.batch = batch,
                                      .classes = classes,
                                      .targets = targets,
                                      .corrections = {},
                                      .weights = weights,
                                      .gradient_scale = ScaleOfMean(mean_over, batch)};
  return {kernels::FullSoftmax(args, logits, pool), static_cast<double>(batch)};
}

LossValue SampledSoftmaxLoss(const SampledSoftmaxBatch& batch, float* logits,
                             base::ThreadPool* pool) {
  std::vector<float> target_corrections(batch.target_log_expected.size());
  std::vector<float> negative_corrections(batch.negative_log_expected.size());
  std::transform(batch.target_log_expected.begin(), batch.target_log_expected.end(),
                 target_corrections.begin(), std::negate<float>());
  std::transform(batch.negative_log_expected.begin(), batch.negative_log_expected.end(),
                 negative_corrections.begin(), std::negate<float>());
  const kernels::SampledSoftmaxArgs args{
      .batch = batch.batch,
      .negatives = batch.negatives,
      .stride = batch.stride,
      .target_logits = batch.target_logits,
      .target_ids = batch.targets,
      .negative_ids = batch.negative_ids,
      .target_corrections = target_corrections,
      .negative_corrections = negative_corrections,
      .weights = batch.weights,
      .gradient_scale = ScaleOfMean(batch.mean_over, batch.batch)};
  return {kernels::SampledSoftmax(args, logits, pool), static_cast<double>(batch.batch)};
}

LossValue NegativeSamplingLoss(const SampledSoftmaxBatch& batch, double positive_weight,
                               float* logits) {
  const bool apart = !batch.target_logits.empty();
  const size_t first = apart ? 0 : 1;
  const size_t stride = batch.stride == 0 ? batch.negatives + first : batch.stride;
  LossValue value{0.0, static_cast<double>(batch.batch)};
  for (size_t row = 0; row < batch.batch; ++row) {
    float* const z = logits + row * stride + first;
    const double weight = batch.weights.empty() ? 1.0 : batch.weights[row];
    const double scale = weight * ScaleOfMean(batch.mean_over, batch.batch);
    float& target = apart ? batch.target_logits[row] : z[-1];
    double loss = positive_weight * Softplus(-target);
    target = static_cast<float>(-scale * positive_weight * PreciseSigmoid(-target));
    for (size_t i = 0; i < batch.negatives; ++i) {
      if (batch.negative_ids[i] == batch.targets[row]) {
        z[i] = 0.0f;
        continue;
      }
      loss += Softplus(z[i]);
      z[i] = static_cast<float>(scale * PreciseSigmoid(z[i]));
    }
    value.sum += weight * loss;
  }
  return value;
}

LossValue LogisticLoss(std::span<const float> logits, std::span<const float> labels,
                       const ExampleWeights& examples, float* d_logits) {
  return MeanLoss(logits.size(), examples, d_logits, [&](size_t i) -> Term {
    const double z = logits[i], y = labels[i];
    return {Softplus(z) - z * y, PreciseSigmoid(z) - y};
  });
}

LossValue OrdinalLoss(std::span<const float> logits, std::span<const float> values,
                      std::span<const float> thresholds, const ExampleWeights& examples,
                      float* d_logits) {
  const size_t outputs = thresholds.size();
  LossValue value;
  std::vector<float> column(values.size()), above(values.size()), gradient(values.size());
  for (size_t k = 0; k < outputs; ++k) {
    for (size_t i = 0; i < values.size(); ++i) {
      column[i] = logits[i * outputs + k];
      above[i] = values[i] > thresholds[k] ? 1.0f : 0.0f;
    }
    const LossValue one =
        LogisticLoss(column, above, examples, d_logits != nullptr ? gradient.data() : nullptr);
    value.sum += one.sum;
    value.count = one.count;
    if (d_logits == nullptr) continue;
    for (size_t i = 0; i < values.size(); ++i) d_logits[i * outputs + k] = gradient[i];
  }
  return value;
}

LossValue SquaredLoss(std::span<const float> predictions, std::span<const float> targets,
                      const ExampleWeights& examples, float* d_predictions) {
  return MeanLoss(predictions.size(), examples, d_predictions, [&](size_t i) -> Term {
    const double difference = static_cast<double>(predictions[i]) - targets[i];
    return {difference * difference, 2.0 * difference};
  });
}

LossValue HuberLoss(std::span<const float> predictions, std::span<const float> targets, float delta,
                    const ExampleWeights& examples, float* d_predictions) {
  const double limit = delta;
  return MeanLoss(predictions.size(), examples, d_predictions, [&](size_t i) -> Term {
    const double difference = static_cast<double>(predictions[i]) - targets[i];
    const double size = std::abs(difference);
    if (!(size > limit)) return {difference * difference, 2.0 * difference};
    return {limit * (2.0 * size - limit), std::copysign(2.0 * limit, difference)};
  });
}

LossValue WatchTimeLoss(std::span<const float> logits, std::span<const float> clicked,
                        std::span<const float> watch_time, const WatchTimeOptions& options,
                        const ExampleWeights& examples, float* d_logits) {
  return MeanLoss(logits.size(), examples, d_logits, [&](size_t i) -> Term {
    const double raw = logits[i];
    // Written so that a NaN stays NaN.
    const double z = raw > options.clip ? options.clip : raw < -options.clip ? -options.clip : raw;
    const bool positive = clicked[i] != 0.0f;
    const double positive_weight = positive ? watch_time[i] : 0.0;
    const double negative_weight = positive && options.form == WatchTimeForm::kPaper ? 0.0 : 1.0;
    const double share = PreciseSigmoid(z);
    Term term{positive_weight * Softplus(-z) + negative_weight * Softplus(z),
              positive_weight * (share - 1.0) + negative_weight * share};
    const bool leads_out =
        (raw > options.clip && term.gradient < 0.0) || (raw < -options.clip && term.gradient > 0.0);
    if (leads_out) term.gradient = 0.0;
    return term;
  });
}

float ExpectedWatchTime(float logit, const WatchTimeOptions& options) {
  return std::exp(std::clamp(logit, -options.clip, options.clip));
}

}  // namespace upnext::nn
