#include "retrieval/teacher.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "kernels/aligned_buffer.h"
#include "kernels/softmax.h"

namespace upnext::retrieval {

void Teacher::Begin(const features::FeatureBlock& batch, kernels::Precision precision) {
  constexpr size_t kBlockUsers = 64, kBlockClasses = 1024;
  const size_t dim = model_.dim();
  if (classes_ == 0) {
    classes_ = model_.shape().items - 1;
    items_.Reserve(classes_ * dim, precision);
    items_.Store(0, {model_.item_vectors().view().data + dim, classes_ * dim});
  }
  users_.resize(batch.rows * dim);
  model_.UserVectors(batch, users_.data(), scratch_, {kernels::Precision::kFp32, &pool_});
  operand_.Reserve(users_.size(), precision);
  operand_.Store(0, users_);
  log_sums_.resize(batch.rows);
  const size_t blocks = (batch.rows + kBlockUsers - 1) / kBlockUsers;
  pool_.ParallelFor(blocks, 1, [&](size_t from, size_t to) {
    kernels::AlignedBuffer<float> logits(kBlockUsers * kBlockClasses);
    for (size_t block = from; block < to; ++block) {
      const size_t begin = block * kBlockUsers, n = std::min(kBlockUsers, batch.rows - begin);
      std::vector<float> maxima(n, std::numeric_limits<float>::lowest());
      std::vector<double> totals(n, 0.0);
      for (size_t first = 0; first < classes_; first += kBlockClasses) {
        const size_t count = std::min(kBlockClasses, classes_ - first);
        Logits(begin, n, first, count, logits.data());
        for (size_t i = 0; i < n; ++i) {
          const kernels::SoftmaxSums sums =
              kernels::Exponentiate({logits.data() + i * count, count}, maxima[i]);
          totals[i] = totals[i] * std::exp(maxima[i] - sums.maximum) + sums.total;
          maxima[i] = sums.maximum;
        }
      }
      for (size_t i = 0; i < n; ++i) {
        log_sums_[begin + i] = static_cast<float>(maxima[i] + std::log(totals[i]));
      }
    }
  });
}

void Teacher::Logits(size_t begin, size_t n, size_t first, size_t count, float* logits) const {
  const size_t dim = model_.dim();
  kernels::Gemm({.m = n, .n = count, .k = dim, .transpose_b = true}, operand_.view() + begin * dim,
                items_.view() + first * dim, logits);
}

void Teacher::Shares(size_t begin, size_t n, size_t first, size_t count, float* shares) const {
  Logits(begin, n, first, count, shares);
  for (size_t i = 0; i < n; ++i) {
    kernels::Exponentiate({shares + i * count, count}, log_sums_[begin + i]);
  }
}

}  // namespace upnext::retrieval
