#include "retrieval/batch_softmax.h"

#include <algorithm>
#include <functional>

#include "kernels/vector_ops.h"

namespace upnext::retrieval {

void BatchSoftmax::Begin(const BatchSoftmaxArgs& args, base::Tasks& tasks) {
  constexpr size_t kRows = 256;  // per task
  args_ = args;
  const size_t dim = args.items->dim(), classes = args.classes.size();
  const float gradient_scale = 1.0f / static_cast<float>(args.labels.size());
  is_fused_ = !args.full && args.positive_weight == 0 &&
              args.precision == kernels::Precision::kBf16 && kernels::FusedSoftmax::Available();
  if (args.full) {
    blocked_.Begin({.batch = args.labels.size(),
                    .classes = classes,
                    .dim = dim,
                    .gradient_scale = gradient_scale,
                    .teacher = args.teacher,
                    .teacher_weight = args.teacher_weight},
                   args.precision);
  } else if (is_fused_) {
    class_corrections_.resize(args.class_log_expected.size());
    std::ranges::transform(args.class_log_expected, class_corrections_.begin(), std::negate<>());
    fused_.Begin({.batch = args.labels.size(),
                  .classes = classes,
                  .dim = dim,
                  .class_ids = args.classes,
                  .class_corrections = class_corrections_,
                  .gradient_scale = gradient_scale});
  } else {
    class_rows_.Reserve(classes * dim, args.precision);
    d_logits_.Reserve(args.labels.size() * classes, args.precision);
  }
  d_classes_.Reserve(classes * dim);
  d_labels_.resize(args.labels.size());
  for (size_t begin = 0; begin < classes; begin += kRows) {
    tasks.push_back([this, dim, begin, n = std::min(kRows, classes - begin)] {
      thread_local kernels::AlignedBuffer<float> rows;
      rows.Reserve(n * dim);
      args_.items->GatherRows(args_.classes.subspan(begin, n), rows.data(), dim);
      if (args_.full) {
        blocked_.StoreClasses(begin, n, rows.data());
      } else if (is_fused_) {
        fused_.StoreClasses(begin, n, rows.data());
      } else {
        class_rows_.Store(begin * dim, {rows.data(), n * dim});
      }
    });
  }
}

nn::LossValue BatchSoftmax::Block(size_t begin, size_t n, const float* users,
                                  kernels::OperandView user_operand, float* d_users) {
  thread_local kernels::AlignedBuffer<float> label_rows;
  const size_t dim = args_.items->dim();
  const std::span<const uint32_t> labels = args_.labels.subspan(begin, n);
  label_rows.Reserve(n * dim);
  args_.items->GatherRows(labels, label_rows.data(), dim);
  for (size_t i = 0; i < n; ++i) {
    d_labels_[begin + i] = kernels::Dot(users + i * dim, label_rows.data() + i * dim, dim);
  }
  const nn::LossValue loss = args_.full  ? FullBlock(begin, n, user_operand, d_users)
                             : is_fused_ ? FusedBlock(begin, n, users, user_operand, d_users)
                                         : SampledBlock(begin, n, user_operand, d_users);
  for (size_t i = 0; i < n; ++i) {
    kernels::Axpy(d_labels_[begin + i], label_rows.data() + i * dim, d_users + i * dim, dim);
  }
  return loss;
}

std::span<const float> BatchSoftmax::WeightsOf(size_t begin, size_t n) const {
  return args_.weights.empty() ? args_.weights : args_.weights.subspan(begin, n);
}

nn::LossValue BatchSoftmax::FullBlock(size_t begin, size_t n, kernels::OperandView user_operand,
                                      float* d_users) {
  thread_local std::vector<uint32_t> targets;
  thread_local std::vector<float> logits;
  targets.resize(n);
  std::ranges::transform(args_.labels.subspan(begin, n), targets.begin(),
                         [](uint32_t row) { return row - 1; });
  logits.assign(d_labels_.begin() + static_cast<long>(begin),
                d_labels_.begin() + static_cast<long>(begin + n));
  const double loss = blocked_.Block({.begin = begin,
                                      .n = n,
                                      .users = user_operand,
                                      .targets = targets,
                                      .target_logits = logits,
                                      .weights = WeightsOf(begin, n)},
                                     d_users, d_labels_.data() + begin);
  return {loss, static_cast<double>(n)};
}

nn::LossValue BatchSoftmax::SampledBlock(size_t begin, size_t n, kernels::OperandView user_operand,
                                         float* d_users) {
  thread_local kernels::AlignedBuffer<float> unrounded;
  const size_t dim = args_.items->dim(), classes = args_.classes.size();
  float* logits = d_logits_.InPlace(begin * classes);
  const bool is_rounded = logits == nullptr;
  if (is_rounded) {
    unrounded.Reserve(n * classes);
    logits = unrounded.data();
  }
  kernels::Gemm({.m = n, .n = classes, .k = dim, .transpose_b = true}, user_operand,
                class_rows_.view(), logits);
  nn::SampledSoftmaxBatch softmax;
  softmax.batch = n;
  softmax.negatives = classes;
  softmax.mean_over = args_.labels.size();
  softmax.target_logits = std::span(d_labels_).subspan(begin, n);
  softmax.targets = args_.labels.subspan(begin, n);
  softmax.negative_ids = args_.classes;
  softmax.weights = WeightsOf(begin, n);
  if (!args_.label_log_expected.empty()) {
    softmax.target_log_expected = args_.label_log_expected.subspan(begin, n);
  }
  softmax.negative_log_expected = args_.class_log_expected;
  const nn::LossValue loss = args_.positive_weight > 0
                                 ? nn::NegativeSamplingLoss(softmax, args_.positive_weight, logits)
                                 : nn::SampledSoftmaxLoss(softmax, logits);
  if (is_rounded) d_logits_.Store(begin * classes, {logits, n * classes});
  kernels::Gemm({.m = n, .n = dim, .k = classes}, d_logits_.view() + begin * classes,
                class_rows_.view(), d_users);
  return loss;
}

nn::LossValue BatchSoftmax::FusedBlock(size_t begin, size_t n, const float* users,
                                       kernels::OperandView user_operand, float* d_users) {
  thread_local std::vector<float> targets;
  targets.resize(n);
  for (size_t i = 0; i < n; ++i) {
    targets[i] = d_labels_[begin + i];
    if (!args_.label_log_expected.empty()) targets[i] -= args_.label_log_expected[begin + i];
  }
  const double loss = fused_.Block({.begin = begin,
                                    .n = n,
                                    .users = users,
                                    .rounded_users = user_operand.bf16,
                                    .target_ids = args_.labels.subspan(begin, n),
                                    .target_logits = targets,
                                    .weights = WeightsOf(begin, n)},
                                   d_users, d_labels_.data() + begin);
  return {loss, static_cast<double>(n)};
}

void BatchSoftmax::AppendGradients(size_t pieces, kernels::OperandView users, base::Tasks& tasks) {
  constexpr size_t kMultiple = kernels::FusedSoftmax::kMultiple;
  const size_t dim = args_.items->dim(), classes = args_.classes.size();
  size_t rows = (classes + pieces * kMultiple - 1) / (pieces * kMultiple) * kMultiple;
  if (args_.full) rows = std::min(rows, BlockedSoftmax::kClasses);
  for (size_t begin = 0; begin < classes; begin += rows) {
    tasks.push_back([this, dim, classes, users, begin, n = std::min(rows, classes - begin)] {
      float* const d_classes = d_classes_.data() + begin * dim;
      if (args_.full) return blocked_.ClassGradients(begin, n, users, d_classes);
      if (is_fused_) return fused_.ClassGradients(begin, n, d_classes);
      kernels::Gemm(
          {.m = n, .n = dim, .k = args_.labels.size(), .transpose_a = true, .lda = classes},
          d_logits_.view() + begin, users, d_classes);
    });
  }
}

void BatchSoftmax::AddGradients(const float* users, nn::RowStep& items) {
  const size_t dim = args_.items->dim();
  items.AddRows(args_.classes, d_classes_.data(), dim);
  items.AddRows(args_.labels, users, dim, d_labels_);
}

}  // namespace upnext::retrieval
