// The output side of a training step: the softmax of a batch's user vectors against rows of the
// item table, sampled or full, block by block; every number of a block stays in a core's cache but
// its share of the gradient of the logits. Only candidate_step.cc includes it.
//
//   softmax.Begin({.items = table, .labels = rows, .classes = negatives, ...}, tasks);  run the
//   tasks loss += softmax.Block(begin, n, users, operand, d_users);                blocks, on any
//   threads softmax.AppendGradients(pieces, operand_of_all, tasks);                  run the tasks
//   softmax.AddGradients(users_of_all, adagrad);
//
// What Begin() gets must stay until the gradients were applied.
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

namespace upnext::retrieval {

struct BatchSoftmaxArgs {
  const nn::EmbeddingTable* items = nullptr;
  std::span<const uint32_t> labels = {};   // [batch] rows of the table
  std::span<const uint32_t> classes = {};  // rows that all examples are scored against
  // True: `classes` are all rows but row 0, in order, and the labels are among them. False: they
  // are a sample, and each example has its own label beside it.
  bool full = false;
  // Of a sample: logs of the expected counts of labels and classes in it (logQ), or empty.
  std::span<const float> label_log_expected = {}, class_log_expected = {};
  kernels::Precision precision = kernels::Precision::kFp32;
};

class BatchSoftmax {
 public:
  // Appends the reading of the classes' rows.
  void Begin(const BatchSoftmaxArgs& args, base::Tasks& tasks);
  // Examples [begin, begin + n), begin a multiple of 32. users [n, dim], as floats and as an
  // operand. Returns their part of the batch's mean loss; d_users [n, dim] is overwritten.
  nn::LossValue Block(size_t begin, size_t n, const float* users, kernels::OperandView user_operand,
                      float* d_users);
  // After all blocks: the products that make the gradient of the classes' rows, cut in about
  // `pieces`. users [batch, dim].
  void AppendGradients(size_t pieces, kernels::OperandView users, base::Tasks& tasks);
  // After these: hands the rows' gradients on. users [batch, dim].
  void AddGradients(const float* users, nn::RowwiseAdagrad& items);

 private:
  // Block() by the kernel that does all of it at once, where the chip has it.
  nn::LossValue FusedBlock(size_t begin, size_t n, const float* users, const float* label_rows,
                           kernels::OperandView user_operand, float* d_users);

  BatchSoftmaxArgs args_;
  bool is_fused_ = false;
  kernels::FusedSoftmax fused_;
  std::vector<float> class_corrections_;     // minus the logs of expected counts, or empty
  kernels::Operand class_rows_;              // [classes, dim]
  kernels::Operand d_logits_;                // [batch, classes]
  kernels::AlignedBuffer<float> d_classes_;  // [classes, dim]
  std::vector<float> d_labels_;  // [batch] of the labels' own logits; the rest of their gradient is
                                 // the user's vector
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_BATCH_SOFTMAX_H_
