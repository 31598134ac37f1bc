// The full softmax of a batch against all items without a matrix [batch, items]: logits exist for
// 1,024 classes of a block of examples at a time and are computed twice, once for the gradients of
// users, once for those of classes. Only batch_softmax.cc includes it.
//
//   BlockedSoftmax softmax;
//   softmax.Begin({.batch = b, .classes = n, .dim = d, .gradient_scale = 1.0f / b}, precision);
//   softmax.StoreClasses(first, count, rows);           // of all classes, on any threads
//   loss += softmax.Block(block, d_users, d_targets);   // of all examples, on any threads
//   softmax.ClassGradients(first, count, users, d_classes);  // of all classes, on any threads
//
// Buffers are kept from batch to batch. Results do not depend on how the work is divided among
// threads.
#ifndef UPNEXT_RETRIEVAL_BLOCKED_SOFTMAX_H_
#define UPNEXT_RETRIEVAL_BLOCKED_SOFTMAX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/gemm.h"
#include "kernels/operand.h"
#include "retrieval/teacher.h"

namespace upnext::retrieval {

struct BlockedSoftmaxArgs {
  size_t batch = 0, classes = 0, dim = 0;
  float gradient_scale = 1.0f;
  // With a teacher: the loss is (1 - teacher_weight) times that of the targets plus teacher_weight times
  // the cross-entropy to the teacher's probabilities.
  const Teacher* teacher = nullptr;
  double teacher_weight = 0;
};

// Examples [begin, begin + n) of the batch.
struct SoftmaxBlock {
  size_t begin = 0, n = 0;
  kernels::OperandView users = {};            // [n, dim]
  std::span<const uint32_t> targets = {};     // [n], each below classes
  std::span<const float> target_logits = {};  // [n]
  std::span<const float> weights = {};        // [n] of the examples in the loss; empty: 1 each
};

class BlockedSoftmax {
 public:
  static constexpr size_t kClasses = 1024;  // whose logits exist at a time

  void Begin(const BlockedSoftmaxArgs& args, kernels::Precision precision);
  // rows [n, dim] of classes [begin, begin + n).
  void StoreClasses(size_t begin, size_t n, const float* rows);
  // Returns the block's summed loss. d_users [n, dim] is set to the part of the gradient that comes
  // from the other classes' logits, d_targets [n] to the gradient of the targets' logits.
  double Block(const SoftmaxBlock& block, float* d_users, float* d_targets);
  // After all blocks: the gradient [n, dim] of classes [begin, begin + n), n at most kClasses, without
  // the part that comes from their logits as targets. users [batch, dim].
  void ClassGradients(size_t begin, size_t n, kernels::OperandView users, float* d_classes) const;

 private:
  BlockedSoftmaxArgs args_;
  kernels::Precision precision_ = kernels::Precision::kFp32;
  kernels::Operand rows_;  // [classes, dim]
  // By example, from Block: the target, the log of the sum of exponentials, and the factor of shares
  // in gradients.
  std::vector<uint32_t> targets_;
  std::vector<float> log_sums_, scales_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_BLOCKED_SOFTMAX_H_
