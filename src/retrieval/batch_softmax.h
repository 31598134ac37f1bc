// The output side of a training step: the loss of a batch's user vectors against rows of the item
// table, sampled or all of them. It works block by block, so that all values of a block except its
// part of the gradient of sampled logits stay in a core's cache. Only candidate_trainer.cc includes
// it.
//
//   softmax.Begin({.items = table, .labels = rows, .classes = negatives, ...}, tasks);
//   RunAll(tasks, pool);                                          // reads the classes' rows
//   loss += softmax.Block(begin, n, users, operand, d_users);     // of all blocks, on any threads
//   softmax.AppendGradients(pieces, operand_of_all, more_tasks);  // after the last block
//   RunAll(more_tasks, pool);
//   softmax.AddGradients(users_of_all, adagrad);
//
// The arguments of Begin() must stay valid until the gradients have been applied.
#ifndef UPNEXT_RETRIEVAL_BATCH_SOFTMAX_H_
#define UPNEXT_RETRIEVAL_BATCH_SOFTMAX_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/aligned_buffer.h"
#include "kernels/fused_softmax.h"
#include "kernels/gemm.h"
#include "kernels/operand.h"
#include "nn/embedding_table.h"
#include "nn/losses.h"
#include "nn/optimizer.h"
#include "retrieval/blocked_softmax.h"
#include "retrieval/teacher.h"

namespace upnext::retrieval {

struct BatchSoftmaxArgs {
  const nn::EmbeddingTable* items = nullptr;
  std::span<const uint32_t> labels = {};   // [batch] rows of the table
  std::span<const float> weights = {};     // [batch] of the examples in the loss; empty: 1 each
  std::span<const uint32_t> classes = {};  // rows that all examples are scored against
  // True: `classes` are all rows but row 0, in order, and the labels are among them. False: they
  // are a sample, and each example's own label is an additional class.
  bool full = false;
  // For the softmax of a sample: logs of the expected counts of labels and classes in it (logQ), or
  // empty.
  std::span<const float> label_log_expected = {}, class_log_expected = {};
  // Above 0, and for a sample: nn::NegativeSamplingLoss with this weight instead of the softmax.
  double positive_weight = 0;
  kernels::Precision precision = kernels::Precision::kFp32;
  // Of all rows: as in BlockedSoftmaxArgs.
  const Teacher* teacher = nullptr;
  double teacher_weight = 0;
};

class BatchSoftmax {
 public:
  // Appends tasks that read the classes' rows.
  void Begin(const BatchSoftmaxArgs& args, base::Tasks& tasks);
  // Examples [begin, begin + n), begin a multiple of 32. users [n, dim], as floats and as an
  // operand. Returns their part of the batch's mean loss and overwrites d_users [n, dim].
  nn::LossValue Block(size_t begin, size_t n, const float* users, kernels::OperandView user_operand,
                      float* d_users);
  // After all blocks: appends tasks that compute the gradient of the classes' rows, divided into at
  // least `pieces`. users [batch, dim].
  void AppendGradients(size_t pieces, kernels::OperandView users, base::Tasks& tasks);
  // After these tasks: adds the gradients of the rows to `items`. users [batch, dim].
  void AddGradients(const float* users, nn::RowStep& items);

 private:
  std::span<const float> WeightsOf(size_t begin, size_t n) const;
  // Parts of Block(): losses, gradients of the labels' own logits, and of users but for the part from
  // these. Of all rows.
  nn::LossValue FullBlock(size_t begin, size_t n, kernels::OperandView user_operand,
                          float* d_users);
  // Of a sample, by products of its own.
  nn::LossValue SampledBlock(size_t begin, size_t n, kernels::OperandView user_operand,
                             float* d_users);
  // The same by the fused kernel, on processors that support it.
  nn::LossValue FusedBlock(size_t begin, size_t n, const float* users,
                           kernels::OperandView user_operand, float* d_users);

  BatchSoftmaxArgs args_;
  bool is_fused_ = false;
  kernels::FusedSoftmax fused_;
  BlockedSoftmax blocked_;                   // of all rows
  std::vector<float> class_corrections_;     // minus the logs of expected counts, or empty
  kernels::Operand class_rows_;              // [classes, dim]
  kernels::Operand d_logits_;                // [batch, classes]
  kernels::AlignedBuffer<float> d_classes_;  // [classes, dim]
  std::vector<float> d_labels_;  // [batch] gradients of the labels' own logits; times the user's
                                 // vector they are the gradients of the labels' rows
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_BATCH_SOFTMAX_H_
