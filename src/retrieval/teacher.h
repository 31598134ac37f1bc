// A trained candidate model whose scores another one learns from (Hinton et al. 2015): the
// probabilities that it gives to all items, for a batch, in pieces. Only the training's own files include it.
//
//   Teacher teacher(&model, pool);
//   teacher.Begin(batch.features, precision);               // before each batch
//   teacher.Shares(begin, n, first, count, shares);         // on any threads
//
// The model must outlive it and have tables in fp32.
#ifndef UPNEXT_RETRIEVAL_TEACHER_H_
#define UPNEXT_RETRIEVAL_TEACHER_H_

#include <cstddef>
#include <vector>

#include "base/thread_pool.h"
#include "features/feature_block.h"
#include "kernels/gemm.h"
#include "kernels/operand.h"
#include "retrieval/candidate_model.h"

namespace upnext::retrieval {

class Teacher {
 public:
  Teacher(const CandidateModel* model, base::ThreadPool& pool) : model_(*model), pool_(pool) {}
  void Begin(const features::FeatureBlock& batch, kernels::Precision precision);
  // Softmax over all items but row 0, class c being row c + 1: of examples [begin, begin + n) and classes
  // [first, first + count). shares [n, count].
  void Shares(size_t begin, size_t n, size_t first, size_t count, float* shares) const;

 private:
  void Logits(size_t begin, size_t n, size_t first, size_t count, float* logits) const;

  const CandidateModel& model_;
  base::ThreadPool& pool_;
  CandidateModel::Scratch scratch_;
  kernels::Operand items_;       // [classes, dim], after the first Begin
  size_t classes_ = 0;           // in it
  std::vector<float> users_;     // [batch, dim]
  kernels::Operand operand_;     // of users_
  std::vector<float> log_sums_;  // [batch] of the exponentials of logits
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEACHER_H_
