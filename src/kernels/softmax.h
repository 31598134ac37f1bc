// Softmax cross-entropy, full and sampled, fused: logits are replaced by their gradient.
//
//   // logits [batch, 1 + negatives]: column 0 is the true class of each row, then the negatives
//   double loss = SampledSoftmax({.batch = b, .negatives = n, .target_ids = targets, ...},
//                                logits, pool);
//
// The log-sum-exp subtracts the row's maximum, so any finite logits are safe. Safe from many
// threads on disjoint logits; the result does not depend on the number of threads.
#ifndef UPNEXT_KERNELS_SOFTMAX_H_
#define UPNEXT_KERNELS_SOFTMAX_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/thread_pool.h"

namespace upnext::kernels {

// Adjusted logit = logit + correction. For importance-weighted sampling (Covington 2016, section
// 3.1) the correction is -log of the class's expected count in the sample, also for the true class.
struct SampledSoftmaxArgs {
  size_t batch = 0, negatives = 0;
  size_t stride = 0;  // floats from row to row, at least the row's length; 0 means exactly that
  // [batch], or empty. When given, the true classes' logits are read from here and their gradient
  // is written here; a row of the matrix then holds only the negatives, which lets the caller
  // choose a row length and alignment that suit the matrix product.
  std::span<float> target_logits = {};
  std::span<const uint32_t> target_ids = {};         // [batch]
  std::span<const uint32_t> negative_ids = {};       // [negatives], may repeat
  std::span<const float> target_corrections = {};    // [batch], empty: none
  std::span<const float> negative_corrections = {};  // [negatives], empty: none
  std::span<const float> weights = {};  // [batch] weight of each example's loss, empty: 1
  float gradient_scale = 1.0f;          // multiplies the gradient, e.g. 1 / batch
};

// A negative equal to the row's target (an accidental hit) is excluded in that row. logits [batch,
// 1 + negatives], or [batch, negatives] with target_logits; on return, gradient_scale * weight *
// (softmax - one hot). Returns the weighted sum of the rows' losses.
double SampledSoftmax(const SampledSoftmaxArgs& args, float* logits,
                      base::ThreadPool* pool = nullptr);

struct FullSoftmaxArgs {
  size_t batch = 0, classes = 0;
  size_t stride = 0;                        // floats from row to row; 0 means classes
  std::span<const uint32_t> targets = {};   // [batch], each below classes
  std::span<const float> corrections = {};  // [classes], added to the logits, empty: none
  std::span<const float> weights = {};      // [batch], empty: 1
  float gradient_scale = 1.0f;
};

// logits [batch, classes]; on return, the gradient. Returns the weighted sum of the rows' losses.
double FullSoftmax(const FullSoftmaxArgs& args, float* logits, base::ThreadPool* pool = nullptr);

// One piece of a row whose other pieces are elsewhere. Logits are replaced by exp(logit - maximum),
// `maximum` being the largest of them and `floor`, the maximum of the pieces so far or the log of the
// whole row's sum.
struct SoftmaxSums {
  float maximum;
  double total;  // of the exponentials of the piece; NaN when a logit is not finite
};
SoftmaxSums Exponentiate(std::span<float> logits, float floor);

// Softmax of each row in place (gates, probabilities). x [batch, classes].
void SoftmaxRows(size_t batch, size_t classes, float* x);

namespace reference {
double SampledSoftmax(const SampledSoftmaxArgs& args, float* logits);
double FullSoftmax(const FullSoftmaxArgs& args, float* logits);
SoftmaxSums Exponentiate(std::span<float> logits, float floor);
void SoftmaxRows(size_t batch, size_t classes, float* x);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_SOFTMAX_H_
