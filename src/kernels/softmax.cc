#include "kernels/softmax.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "kernels/isa.h"

// Shared by all targets; foreach_target.h includes this file once for each.
#ifndef UPNEXT_KERNELS_SOFTMAX_TYPES_
#define UPNEXT_KERNELS_SOFTMAX_TYPES_
namespace upnext::kernels {
// One row of logits while it becomes exp(logit + correction - maximum).
struct SoftmaxRow {
  float* x;
  size_t n;
  const float* corrections;  // [n] or null
  const uint32_t* ids;       // [n] or null: classes of the columns
  uint32_t hit = 0;          // the class to exclude, if ids are given
  float floor;               // a logit outside the row that is included in the maximum
};
}  // namespace upnext::kernels
#endif  // UPNEXT_KERNELS_SOFTMAX_TYPES_

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax.cc"
#include "hwy/foreach_target.h"
// Must come after foreach_target.h.
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace upnext::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;

// The logit of an excluded class: its exponential is 0 relative to any finite logit.
constexpr float kMasked = -1e30f;

SoftmaxSums ExponentiateRow(const SoftmaxRow& row) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> du;
  const size_t lanes = hn::Lanes(d);
  float* x = row.x;
  const auto masked = hn::Set(d, kMasked);
  const auto hit = hn::Set(du, row.hit);
  auto maxima = hn::Set(d, row.floor);
  float maximum = row.floor;
  // Zero unless a logit is infinite or NaN. Exp() and Max() would hide a NaN, and divergence has to
  // be detected.
  auto poison = hn::Zero(d);
  float tail_poison = 0.0f;
  const size_t whole = row.n / lanes * lanes;
  size_t i = 0;
  for (; i < whole; i += lanes) {
    auto v = hn::LoadU(d, x + i);
    if (row.corrections != nullptr) v = hn::Add(v, hn::LoadU(d, row.corrections + i));
    poison = hn::Add(poison, hn::Sub(v, v));
    if (row.ids != nullptr) {
      const auto same = hn::Eq(hn::LoadU(du, row.ids + i), hit);
      v = hn::IfThenElse(hn::RebindMask(d, same), masked, v);
    }
    if (row.corrections != nullptr || row.ids != nullptr) hn::StoreU(v, d, x + i);
    maxima = hn::Max(maxima, v);
  }
  for (; i < row.n; ++i) {
    if (row.corrections != nullptr) x[i] += row.corrections[i];
    if (row.ids != nullptr && row.ids[i] == row.hit) x[i] = kMasked;
    tail_poison += x[i] - x[i];
    if (x[i] > maximum) maximum = x[i];
  }
  const float widest = hn::GetLane(hn::MaxOfLanes(d, maxima));
  const float poisoned = hn::GetLane(hn::SumOfLanes(d, poison));
  if (widest > maximum) maximum = widest;

  const auto shift = hn::Set(d, maximum);
  auto sums = hn::Zero(d);
  for (i = 0; i < whole; i += lanes) {
    const auto e = hn::Exp(d, hn::Sub(hn::LoadU(d, x + i), shift));
    hn::StoreU(e, d, x + i);
    sums = hn::Add(sums, e);
  }
  double total = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; i < row.n; ++i) {
    x[i] = hn::GetLane(hn::Exp(d, hn::Set(d, x[i] - maximum)));
    total += x[i];
  }
  total += poisoned + tail_poison;
  return {maximum, total};
}

void ScaleRow(float factor, float* x, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto factors = hn::Set(d, factor);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(factors, hn::LoadU(d, x + i)), d, x + i);
  for (; i < n; ++i) x[i] *= factor;
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upnext::kernels {

HWY_EXPORT(ExponentiateRow);
HWY_EXPORT(ScaleRow);

[[maybe_unused]] const bool kLimited = LimitIsa();

namespace {

constexpr size_t kGrain = 8;
constexpr float kLowest = -1e30f;

// The sum of row_loss(row) over all rows, in row order, so that it does not depend on threads.
double SumRows(size_t batch, base::ThreadPool* pool,
               const std::function<double(size_t)>& row_loss) {
  std::vector<double> losses(batch);
  const auto rows = [&](size_t begin, size_t end) {
    for (size_t row = begin; row < end; ++row) losses[row] = row_loss(row);
  };
  if (pool == nullptr) {
    rows(0, batch);
  } else if (batch > 0) {
    pool->ParallelFor(batch, kGrain, rows);
  }
  double sum = 0.0;
  for (double loss : losses) sum += loss;
  return sum;
}

float At(std::span<const float> values, size_t i, float absent) {
  return values.empty() ? absent : values[i];
}

// Where the logits of a row are: the target before the negatives, or in a separate array.
struct RowLayout {
  explicit RowLayout(const SampledSoftmaxArgs& args)
      : first(args.target_logits.empty() ? 1 : 0),
        stride(args.stride == 0 ? args.negatives + first : args.stride) {}
  float* Negatives(float* logits, size_t row) const { return logits + row * stride + first; }
  float& Target(const SampledSoftmaxArgs& args, float* logits, size_t row) const {
    return first == 0 ? args.target_logits[row] : logits[row * stride];
  }
  size_t first, stride;
};

}  // namespace

double SampledSoftmax(const SampledSoftmaxArgs& args, float* logits, base::ThreadPool* pool) {
  const RowLayout layout(args);
  const auto exponentiate = HWY_DYNAMIC_DISPATCH(ExponentiateRow);
  const auto scale = HWY_DYNAMIC_DISPATCH(ScaleRow);
  return SumRows(args.batch, pool, [&](size_t row) {
    float* x = layout.Negatives(logits, row);
    float& target_logit = layout.Target(args, logits, row);
    const float target = target_logit + At(args.target_corrections, row, 0.0f);
    const float weight = At(args.weights, row, 1.0f);
    const SoftmaxSums sums = exponentiate({.x = x,
                                           .n = args.negatives,
                                           .corrections = args.negative_corrections.empty()
                                                              ? nullptr
                                                              : args.negative_corrections.data(),
                                           .ids = args.negative_ids.data(),
                                           .hit = args.target_ids[row],
                                           .floor = target});
    const double own = std::exp(static_cast<double>(target) - sums.maximum);
    const double total = sums.total + own;
    const double gradient = static_cast<double>(weight) * args.gradient_scale;
    scale(static_cast<float>(gradient / total), x, args.negatives);
    // -(share of all others) instead of own / total - 1, which loses digits near a share of 1.
    target_logit = static_cast<float>(-gradient * (sums.total / total));
    return weight * (std::log(total) - (static_cast<double>(target) - sums.maximum));
  });
}

double FullSoftmax(const FullSoftmaxArgs& args, float* logits, base::ThreadPool* pool) {
  const size_t stride = args.stride == 0 ? args.classes : args.stride;
  const auto exponentiate = HWY_DYNAMIC_DISPATCH(ExponentiateRow);
  const auto scale = HWY_DYNAMIC_DISPATCH(ScaleRow);
  return SumRows(args.batch, pool, [&](size_t row) {
    float* x = logits + row * stride;
    const size_t column = args.targets[row];
    const float target = x[column] + At(args.corrections, column, 0.0f);
    const float weight = At(args.weights, row, 1.0f);
    const SoftmaxSums sums =
        exponentiate({.x = x,
                      .n = args.classes,
                      .corrections = args.corrections.empty() ? nullptr : args.corrections.data(),
                      .ids = nullptr,
                      .floor = kLowest});
    const double gradient = static_cast<double>(weight) * args.gradient_scale;
    const double others = sums.total - x[column];
    scale(static_cast<float>(gradient / sums.total), x, args.classes);
    x[column] = static_cast<float>(-gradient * (others / sums.total));
    return weight * (std::log(sums.total) - (static_cast<double>(target) - sums.maximum));
  });
}

SoftmaxSums Exponentiate(std::span<float> logits, float floor) {
  return HWY_DYNAMIC_DISPATCH(ExponentiateRow)({.x = logits.data(),
                                                .n = logits.size(),
                                                .corrections = nullptr,
                                                .ids = nullptr,
                                                .floor = floor});
}

void SoftmaxRows(size_t batch, size_t classes, float* x) {
  const auto exponentiate = HWY_DYNAMIC_DISPATCH(ExponentiateRow);
  const auto scale = HWY_DYNAMIC_DISPATCH(ScaleRow);
  for (size_t row = 0; row < batch; ++row, x += classes) {
    const SoftmaxSums sums = exponentiate(
        {.x = x, .n = classes, .corrections = nullptr, .ids = nullptr, .floor = kLowest});
    scale(static_cast<float>(1.0 / sums.total), x, classes);
  }
}

namespace reference {

double SampledSoftmax(const SampledSoftmaxArgs& args, float* logits) {
  const RowLayout layout(args);
  double loss = 0.0;
  for (size_t row = 0; row < args.batch; ++row) {
    float* x = layout.Negatives(logits, row);
    float& target_logit = layout.Target(args, logits, row);
    std::vector<double> z(args.negatives + 1);
    z[0] = static_cast<double>(target_logit) + At(args.target_corrections, row, 0.0f);
    for (size_t i = 0; i < args.negatives; ++i) {
      z[i + 1] = args.negative_ids[i] == args.target_ids[row]
                     ? -1e30
                     : static_cast<double>(x[i]) + At(args.negative_corrections, i, 0.0f);
    }
    const double maximum = *std::max_element(z.begin(), z.end());
    double total = 0.0;
    for (double value : z) total += std::exp(value - maximum);
    const double weight = At(args.weights, row, 1.0f);
    const double scale = args.gradient_scale * weight;
    for (size_t i = 0; i < args.negatives; ++i) {
      x[i] = static_cast<float>(scale * std::exp(z[i + 1] - maximum) / total);
    }
    target_logit = static_cast<float>(scale * (std::exp(z[0] - maximum) / total - 1.0));
    loss += weight * (std::log(total) + maximum - z[0]);
  }
  return loss;
}

double FullSoftmax(const FullSoftmaxArgs& args, float* logits) {
  const size_t stride = args.stride == 0 ? args.classes : args.stride;
  double loss = 0.0;
  for (size_t row = 0; row < args.batch; ++row) {
    float* x = logits + row * stride;
    std::vector<double> z(args.classes);
    for (size_t i = 0; i < args.classes; ++i) {
      z[i] = static_cast<double>(x[i]) + At(args.corrections, i, 0.0f);
    }
    const double maximum = *std::max_element(z.begin(), z.end());
    double total = 0.0;
    for (double value : z) total += std::exp(value - maximum);
    const double weight = At(args.weights, row, 1.0f);
    for (size_t i = 0; i < args.classes; ++i) {
      const double share = std::exp(z[i] - maximum) / total;
      const double hot = i == args.targets[row] ? 1.0 : 0.0;
      x[i] = static_cast<float>(args.gradient_scale * weight * (share - hot));
    }
    loss += weight * (std::log(total) + maximum - z[args.targets[row]]);
  }
  return loss;
}

SoftmaxSums Exponentiate(std::span<float> logits, float floor) {
  SoftmaxSums sums{floor, 0.0};
  for (const float x : logits) sums.maximum = std::max(sums.maximum, x);
  for (float& x : logits) sums.total += x = std::exp(x - sums.maximum);
  return sums;
}

void SoftmaxRows(size_t batch, size_t classes, float* x) {
  for (size_t row = 0; row < batch; ++row, x += classes) {
    const double maximum = *std::max_element(x, x + classes);
    double total = 0.0;
    for (size_t i = 0; i < classes; ++i) total += std::exp(x[i] - maximum);
    for (size_t i = 0; i < classes; ++i)
      x[i] = static_cast<float>(std::exp(x[i] - maximum) / total);
  }
}

}  // namespace reference
}  // namespace upnext::kernels
#endif  // HWY_ONCE
