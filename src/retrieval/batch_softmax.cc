#include "retrieval/batch_softmax.h"

#include <algorithm>
#include <functional>

#include "kernels/vector_ops.h"

namespace upnext::retrieval {

void BatchSoftmax::Begin(const BatchSoftmaxArgs& args, base::Tasks& tasks) {
  constexpr size_t kRows = 256;  // per task
  args_ = args;
  const size_t dim = args.items->dim(), classes = args.classes.size();
  is_fused_ = !args.full && args.precision == kernels::Precision::kBf16 &&
              kernels::FusedSoftmax::Available();
  if (is_fused_) {
    class_corrections_.resize(args.class_log_expected.size());
    std::ranges::transform(args.class_log_expected, class_corrections_.begin(), std::negate<>());
    fused_.Begin({.batch = args.labels.size(),
                  .classes = classes,
                  .dim = dim,
                  .class_ids = args.classes,
                  .class_corrections = class_corrections_,
                  .gradient_scale = 1.0f / static_cast<float>(args.labels.size())});
  } else {
    class_rows_.Reserve(classes * dim, args.precision);
    d_logits_.Reserve(args.labels.size() * classes, args.precision);
  }
  d_classes_.Reserve(classes * dim);
  d_labels_.resize(args.full ? 0 : args.labels.size());
  for (size_t begin = 0; begin < classes; begin += kRows) {
    tasks.push_back([this, dim, begin, n = std::min(kRows, classes - begin)] {
      thread_local kernels::AlignedBuffer<float> rows;
      rows.Reserve(n * dim);
      args_.items->GatherRows(args_.classes.subspan(begin, n), rows.data(), dim);
      if (is_fused_) {
        fused_.StoreClasses(begin, n, rows.data());
      } else {
        class_rows_.Store(begin * dim, {rows.data(), n * dim});
      }
    });
  }
}

nn::LossValue BatchSoftmax::Block(size_t begin, size_t n, const float* users,
                                  kernels::OperandView user_operand, float* d_users) {
  const size_t dim = args_.items->dim(), classes = args_.classes.size();
  const std::span<const uint32_t> labels = args_.labels.subspan(begin, n);
  const std::span<const float> weights =
      args_.weights.empty() ? args_.weights : args_.weights.subspan(begin, n);
  thread_local kernels::AlignedBuffer<float> unrounded, label_rows;
  if (!args_.full) {
    label_rows.Reserve(n * dim);
    args_.items->GatherRows(labels, label_rows.data(), dim);
    for (size_t i = 0; i < n; ++i) {
      d_labels_[begin + i] = kernels::Dot(users + i * dim, label_rows.data() + i * dim, dim);
    }
  }
  if (is_fused_) return FusedBlock(begin, n, users, label_rows.data(), user_operand, d_users);
  float* logits = d_logits_.InPlace(begin * classes);
  const bool is_rounded = logits == nullptr;
  if (is_rounded) {
    unrounded.Reserve(n * classes);
    logits = unrounded.data();
  }
  kernels::Gemm({.m = n, .n = classes, .k = dim, .transpose_b = true}, user_operand,
                class_rows_.view(), logits);
  nn::LossValue loss;
  if (args_.full) {
    thread_local std::vector<uint32_t> targets;
    targets.resize(n);
    std::ranges::transform(labels, targets.begin(), [](uint32_t row) { return row - 1; });
    loss = nn::FullSoftmaxLoss(n, classes, targets, logits, weights, nullptr, args_.labels.size());
  } else {
    nn::SampledSoftmaxBatch softmax;
    softmax.batch = n;
    softmax.negatives = classes;
    softmax.mean_over = args_.labels.size();
    softmax.target_logits = std::span(d_labels_).subspan(begin, n);
    softmax.targets = labels;
    softmax.negative_ids = args_.classes;
    softmax.weights = weights;
    if (!args_.label_log_expected.empty()) {
      softmax.target_log_expected = args_.label_log_expected.subspan(begin, n);
    }
    softmax.negative_log_expected = args_.class_log_expected;
    loss = nn::SampledSoftmaxLoss(softmax, logits);
  }
  if (is_rounded) d_logits_.Store(begin * classes, {logits, n * classes});
  kernels::Gemm({.m = n, .n = dim, .k = classes}, d_logits_.view() + begin * classes,
                class_rows_.view(), d_users);
  if (!args_.full) {
    for (size_t i = 0; i < n; ++i) {
      kernels::Axpy(d_labels_[begin + i], label_rows.data() + i * dim, d_users + i * dim, dim);
    }
  }
  return loss;
}

nn::LossValue BatchSoftmax::FusedBlock(size_t begin, size_t n, const float* users,
                                       const float* label_rows, kernels::OperandView user_operand,
                                       float* d_users) {
  const size_t dim = args_.items->dim();
  thread_local std::vector<float> targets;
  targets.resize(n);
  for (size_t i = 0; i < n; ++i) {
    targets[i] = d_labels_[begin + i];
    if (!args_.label_log_expected.empty()) targets[i] -= args_.label_log_expected[begin + i];
  }
  const double loss = fused_.Block(
      {.begin = begin,
       .n = n,
       .users = users,
       .rounded_users = user_operand.bf16,
       .target_ids = args_.labels.subspan(begin, n),
       .target_logits = targets,
       .weights = args_.weights.empty() ? args_.weights : args_.weights.subspan(begin, n)},
      d_users, d_labels_.data() + begin);
  for (size_t i = 0; i < n; ++i) {
    kernels::Axpy(d_labels_[begin + i], label_rows + i * dim, d_users + i * dim, dim);
  }
  return {loss, static_cast<double>(n)};
}

void BatchSoftmax::AppendGradients(size_t pieces, kernels::OperandView users, base::Tasks& tasks) {
  constexpr size_t kMultiple = kernels::FusedSoftmax::kMultiple;
  const size_t dim = args_.items->dim(), classes = args_.classes.size();
  const size_t rows = (classes + pieces * kMultiple - 1) / (pieces * kMultiple) * kMultiple;
  for (size_t begin = 0; begin < classes; begin += rows) {
    tasks.push_back([this, dim, classes, users, begin, n = std::min(rows, classes - begin)] {
      if (is_fused_) {
        fused_.ClassGradients(begin, n, d_classes_.data() + begin * dim);
        return;
      }
      kernels::Gemm(
          {.m = n, .n = dim, .k = args_.labels.size(), .transpose_a = true, .lda = classes},
          d_logits_.view() + begin, users, d_classes_.data() + begin * dim);
    });
  }
}

void BatchSoftmax::AddGradients(const float* users, nn::RowStep& items) {
  const size_t dim = args_.items->dim();
  items.AddRows(args_.classes, d_classes_.data(), dim);
  if (!args_.full) items.AddRows(args_.labels, users, dim, d_labels_);
}

}  // namespace upnext::retrieval
