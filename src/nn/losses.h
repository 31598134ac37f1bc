// Losses: each returns its value and writes the gradient of the mean loss with respect to the
// logits.
//
//   LossValue loss = LogisticLoss(logits, labels, {.mask = observed}, d_logits);
//   progress << loss.mean();
//
// Free functions on the caller's memory, safe from any thread on disjoint outputs.
#ifndef UPNEXT_NN_LOSSES_H_
#define UPNEXT_NN_LOSSES_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/thread_pool.h"

namespace upnext::nn {

struct LossValue {
  double sum = 0.0;    // of the weighted losses of all examples that count
  double count = 0.0;  // number of those examples, without weights: the mean is sum / count
  double mean() const { return count > 0 ? sum / count : 0.0; }
  LossValue& operator+=(const LossValue& other) {
    sum += other.sum;
    count += other.count;
    return *this;
  }
};

// Softmax over all classes. logits [batch, classes]; on return, the gradient of the mean loss.
// targets [batch], each below classes; weights [batch] or empty. `mean_over`: the number of
// examples over which the mean is taken, when these are a part of a batch; 0 means just these.
LossValue FullSoftmaxLoss(size_t batch, size_t classes, std::span<const uint32_t> targets,
                          float* logits, std::span<const float> weights = {},
                          base::ThreadPool* pool = nullptr, size_t mean_over = 0);

// Covington 2016, section 3.1: the true class of each row against negatives shared by the batch.
// From each logit the log of its class's expected count in the sample is subtracted; accidental
// hits are excluded. With every class sampled once (expected count 1) this is the full softmax.
// When the expected counts of the targets are given too, the true scores are the optimum for any
// number of negatives. Without them the target counts as certain to be in its row (Jean et al.
// 2015), and the gradient approaches the full one as the number of negatives grows.
struct SampledSoftmaxBatch {
  size_t batch = 0, negatives = 0;
  size_t mean_over = 0;                 // as for FullSoftmaxLoss
  size_t stride = 0;                    // floats from row to row of the logits; 0: contiguous rows
  std::span<float> target_logits = {};  // as kernels::SampledSoftmaxArgs: [batch] or empty
  std::span<const uint32_t> targets = {};             // [batch] class ids
  std::span<const uint32_t> negative_ids = {};        // [negatives], may repeat
  std::span<const float> target_log_expected = {};    // [batch] log E[count], empty: 0
  std::span<const float> negative_log_expected = {};  // [negatives], empty: 0
  std::span<const float> weights = {};                // [batch] or empty
};
// logits [batch, 1 + negatives], column 0 the true class, or [batch, negatives] when target_logits
// is given; on return, the gradient of the mean loss.
LossValue SampledSoftmaxLoss(const SampledSoftmaxBatch& batch, float* logits,
                             base::ThreadPool* pool = nullptr);

// The same classes as independent classifiers: the sum of -positive_weight log s(z) of the true class
// and -log(1 - s(z)) of each negative, accidental hits left out; expected counts are not read. A
// positive_weight of 1 is negative sampling (Mikolov et al. 2013). With k negatives of n other classes
// drawn uniformly, 1 - t (1 - k / n) is the gBCE of Petrov and Macdonald 2023: the true class's
// probability comes out as in the full softmax for t = 1, as without a correction for t = 0.
LossValue NegativeSamplingLoss(const SampledSoftmaxBatch& batch, double positive_weight,
                               float* logits);

// Which examples count, and their weights.
struct ExampleWeights {
  std::span<const float> weights = {};  // [n], empty: 1 each
  // [n], 0 excludes an example (its gradient is 0); empty: all count.
  std::span<const uint8_t> mask = {};
  float gradient_scale = 1.0f;  // the task's weight in a sum of losses; not applied to the value
};

// Binary cross-entropy on logits. labels [n] in [0, 1]. d_logits may be null.
LossValue LogisticLoss(std::span<const float> logits, std::span<const float> labels,
                       const ExampleWeights& examples, float* d_logits);

// Ordinal classifiers: the sum over k of the cross-entropy of [value > thresholds[k]], so that the
// logit of k tends to that of P(value > thresholds[k]). logits and d_logits [n, thresholds].
LossValue OrdinalLoss(std::span<const float> logits, std::span<const float> values,
                      std::span<const float> thresholds, const ExampleWeights& examples,
                      float* d_logits);

// (prediction - target)^2.
LossValue SquaredLoss(std::span<const float> predictions, std::span<const float> targets,
                      const ExampleWeights& examples, float* d_predictions);

// With e = prediction - target: e^2 up to |e| = delta, then the tangent 2 delta |e| - delta^2, so
// that single far targets do not dominate (Huber 1964, times two).
LossValue HuberLoss(std::span<const float> predictions, std::span<const float> targets, float delta,
                    const ExampleWeights& examples, float* d_predictions);

// Weighted logistic regression for watch time (Covington 2016, section 4.2). With click y and watch
// time T:
//   kPaper: -[y T log s(z) + (1 - y) log(1 - s(z))]    e^z tends to E[T] / (1 - P(click))
//   kExact: -[y T log s(z) +           log(1 - s(z))]  e^z tends to E[T]: every impression counts
//                                                      once as a negative
enum class WatchTimeForm : uint8_t { kPaper, kExact };
struct WatchTimeOptions {
  WatchTimeForm form = WatchTimeForm::kPaper;
  // Logits are clipped to [-clip, clip]. A logit outside gets a gradient only if that moves it back
  // inside.
  float clip = 15.0f;
};
// clicked [n] is 0 or 1; watch_time [n] >= 0, in the unit of the prediction, is read where clicked
// is 1.
LossValue WatchTimeLoss(std::span<const float> logits, std::span<const float> clicked,
                        std::span<const float> watch_time, const WatchTimeOptions& options,
                        const ExampleWeights& examples, float* d_logits);
// e^z with z clipped: the expected watch time of an impression, in the unit of training.
float ExpectedWatchTime(float logit, const WatchTimeOptions& options);

float Sigmoid(float x);

}  // namespace upnext::nn

#endif  // UPNEXT_NN_LOSSES_H_
