#include "retrieval/blocked_softmax.h"

#include <algorithm>
#include <cmath>

#include "kernels/aligned_buffer.h"
#include "kernels/softmax.h"
#include "kernels/vector_ops.h"

namespace upnext::retrieval {
namespace {

// The logit of a class that is excluded: its exponential is 0.
constexpr float kExcluded = -1e30f;

// A matrix of logits that becomes an operand of the next product: in place in fp32, rounded in bf16.
class LogitMatrix {
 public:
  float* Reserve(size_t size, kernels::Precision precision) {
    operand_.Reserve(size, precision);
    values_ = operand_.InPlace(0);
    if (values_ != nullptr) return values_;
    unrounded_.Reserve(size);
    return unrounded_.data();
  }
  kernels::OperandView Finish(size_t size) {
    if (values_ == nullptr) operand_.Store(0, {unrounded_.data(), size});
    return operand_.view();
  }

 private:
  kernels::Operand operand_;
  kernels::AlignedBuffer<float> unrounded_;
  float* values_ = nullptr;
};

}  // namespace

void BlockedSoftmax::Begin(const BlockedSoftmaxArgs& args, kernels::Precision precision) {
  args_ = args;
  precision_ = precision;
  rows_.Reserve(args.classes * args.dim, precision);
  targets_.resize(args.batch);
  log_sums_.resize(args.batch);
  scales_.resize(args.batch);
}

void BlockedSoftmax::StoreClasses(size_t begin, size_t n, const float* rows) {
  rows_.Store(begin * args_.dim, {rows, n * args_.dim});
}

// The targets are left out of the sums over classes and added at the end, which keeps the digits of
// 1 - share where the share of a target is near 1. Sums are relative to the largest logit so far, as
// is the gradient of users.
double BlockedSoftmax::Block(const SoftmaxBlock& block, float* d_users, float* d_targets) {
  thread_local LogitMatrix matrix, taught;
  thread_local std::vector<float> maxima;
  thread_local std::vector<double> others;
  // By example, under the teacher's probabilities: the mean of the logits, and of the rows.
  thread_local std::vector<double> taught_logits;
  thread_local std::vector<float> taught_rows;
  const size_t n = block.n, dim = args_.dim;
  taught_logits.assign(n, 0.0);
  taught_rows.resize(args_.teacher != nullptr ? n * dim : 0);
  maxima.assign(block.target_logits.begin(), block.target_logits.end());
  others.assign(n, 0.0);
  for (size_t first = 0; first < args_.classes; first += kClasses) {
    const size_t count = std::min(kClasses, args_.classes - first);
    float* const logits = matrix.Reserve(n * count, precision_);
    const kernels::OperandView rows = rows_.view() + first * dim;
    kernels::Gemm({.m = n, .n = count, .k = dim, .transpose_b = true}, block.users, rows, logits);
    if (args_.teacher != nullptr) {
      float* const shares = taught.Reserve(n * count, precision_);
      args_.teacher->Shares(block.begin, n, first, count, shares);
      for (size_t i = 0; i < n; ++i) {
        taught_logits[i] += kernels::Dot(shares + i * count, logits + i * count, count);
      }
      kernels::Gemm({.m = n, .n = dim, .k = count, .beta = first > 0 ? 1.0f : 0.0f},
                    taught.Finish(n * count), rows, taught_rows.data());
    }
    for (size_t i = 0; i < n; ++i) {
      const std::span<float> row(logits + i * count, count);
      if (const size_t target = block.targets[i] - first; target < count) row[target] = kExcluded;
      const kernels::SoftmaxSums sums = kernels::Exponentiate(row, maxima[i]);
      if (sums.maximum > maxima[i]) {
        const float rescale = std::exp(maxima[i] - sums.maximum);
        others[i] *= rescale;
        if (first > 0) kernels::Scale(rescale, d_users + i * dim, dim);
        maxima[i] = sums.maximum;
      }
      others[i] += sums.total;
    }
    kernels::Gemm({.m = n, .n = dim, .k = count, .beta = first > 0 ? 1.0f : 0.0f},
                  matrix.Finish(n * count), rows, d_users);
  }
  double loss = 0;
  for (size_t i = 0; i < n; ++i) {
    const double above = static_cast<double>(block.target_logits[i]) - maxima[i];
    const double total = others[i] + std::exp(above);
    const double weight = block.weights.empty() ? 1.0 : block.weights[i];
    const double gradient = args_.gradient_scale * weight;
    kernels::Scale(static_cast<float>(gradient / total), d_users + i * dim, dim);
    d_targets[i] = static_cast<float>(gradient * (args_.teacher_weight - others[i] / total));
    targets_[block.begin + i] = block.targets[i];
    log_sums_[block.begin + i] = static_cast<float>(maxima[i] + std::log(total));
    scales_[block.begin + i] = static_cast<float>(gradient);
    loss += weight * (std::log(total) - above);
    if (args_.teacher == nullptr) continue;
    // Instead of a part of the target's logit, what the teacher expects.
    loss += weight * args_.teacher_weight * (block.target_logits[i] - taught_logits[i]);
    kernels::Axpy(static_cast<float>(-gradient * args_.teacher_weight),
                  taught_rows.data() + i * dim, d_users + i * dim, dim);
  }
  return loss;
}

void BlockedSoftmax::ClassGradients(size_t begin, size_t n, kernels::OperandView users,
                                    float* d_classes) const {
  constexpr size_t kUsers = 128;
  thread_local LogitMatrix matrix;
  thread_local std::vector<float> shares;
  const size_t dim = args_.dim;
  const kernels::OperandView rows = rows_.view() + begin * dim;
  for (size_t first = 0; first < args_.batch; first += kUsers) {
    const size_t count = std::min(kUsers, args_.batch - first);
    float* const logits = matrix.Reserve(count * n, precision_);
    const kernels::OperandView some = users + first * dim;
    kernels::Gemm({.m = count, .n = n, .k = dim, .transpose_b = true}, some, rows, logits);
    for (size_t i = 0; i < count; ++i) {
      const std::span<float> row(logits + i * n, n);
      if (const size_t target = targets_[first + i] - begin; target < n) row[target] = kExcluded;
      kernels::Exponentiate(row, log_sums_[first + i]);
      kernels::Scale(scales_[first + i], row.data(), n);
    }
    if (args_.teacher != nullptr) {
      shares.resize(count * n);
      args_.teacher->Shares(first, count, begin, n, shares.data());
      for (size_t i = 0; i < count; ++i) {
        kernels::Axpy(static_cast<float>(-scales_[first + i] * args_.teacher_weight),
                      shares.data() + i * n, logits + i * n, n);
      }
    }
    kernels::Gemm({.m = n,
                   .n = dim,
                   .k = count,
                   .transpose_a = true,
                   .lda = n,
                   .beta = first > 0 ? 1.0f : 0.0f},
                  matrix.Finish(count * n), some, d_classes);
  }
}

}  // namespace upnext::retrieval
