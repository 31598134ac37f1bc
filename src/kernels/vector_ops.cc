#include "kernels/vector_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/isa.h"
#include "kernels/top_scored.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/vector_ops.cc"
#include "hwy/foreach_target.h"
// Must come after foreach_target.h.
#include "hwy/highway.h"
#include "kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace upnext::kernels {
namespace HWY_NAMESPACE {

const char* TargetName() { return hwy::TargetName(HWY_TARGET); }

float Dot(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  // Four sums hide the latency of the multiply-add.
  auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
  size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    sum0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
    sum1 = hn::MulAdd(hn::LoadU(d, a + i + lanes), hn::LoadU(d, b + i + lanes), sum1);
    sum2 = hn::MulAdd(hn::LoadU(d, a + i + 2 * lanes), hn::LoadU(d, b + i + 2 * lanes), sum2);
    sum3 = hn::MulAdd(hn::LoadU(d, a + i + 3 * lanes), hn::LoadU(d, b + i + 3 * lanes), sum3);
  }
  for (; i + lanes <= n; i += lanes) {
    sum0 = hn::MulAdd(hn::LoadU(d, a + i), hn::LoadU(d, b + i), sum0);
  }
  const auto sum = hn::Add(hn::Add(sum0, sum1), hn::Add(sum2, sum3));
  float total = hn::GetLane(hn::SumOfLanes(d, sum));
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

// Four rows at once share the loads of x.
void DotRows(const float* x, const float* rows, size_t stride, size_t count, size_t n, float* out) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  size_t row = 0;
  for (; row + 4 <= count; row += 4) {
    const float* r0 = rows + row * stride;
    const float *r1 = r0 + stride, *r2 = r1 + stride, *r3 = r2 + stride;
    auto sum0 = hn::Zero(d), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
      const auto v = hn::LoadU(d, x + i);
      sum0 = hn::MulAdd(v, hn::LoadU(d, r0 + i), sum0);
      sum1 = hn::MulAdd(v, hn::LoadU(d, r1 + i), sum1);
      sum2 = hn::MulAdd(v, hn::LoadU(d, r2 + i), sum2);
      sum3 = hn::MulAdd(v, hn::LoadU(d, r3 + i), sum3);
    }
    float total0 = hn::GetLane(hn::SumOfLanes(d, sum0)),
          total1 = hn::GetLane(hn::SumOfLanes(d, sum1));
    float total2 = hn::GetLane(hn::SumOfLanes(d, sum2)),
          total3 = hn::GetLane(hn::SumOfLanes(d, sum3));
    for (; i < n; ++i) {
      total0 += x[i] * r0[i];
      total1 += x[i] * r1[i];
      total2 += x[i] * r2[i];
      total3 += x[i] * r3[i];
    }
    out[row] = total0;
    out[row + 1] = total1;
    out[row + 2] = total2;
    out[row + 3] = total3;
  }
  for (; row < count; ++row) out[row] = Dot(x, rows + row * stride, n);
}

void AddScaled(float alpha, const float* x, float* y, size_t n) { Axpy(alpha, x, y, n); }

void Scale(float alpha, float* x, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto factor = hn::Set(d, alpha);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) hn::StoreU(hn::Mul(factor, hn::LoadU(d, x + i)), d, x + i);
  for (; i < n; ++i) x[i] *= alpha;
}

void ReluForward(float* x, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto v = hn::LoadU(d, x + i);
    // Not Max, which would replace a NaN: divergence must stay visible.
    hn::StoreU(hn::IfThenElse(hn::Lt(v, zero), zero, v), d, x + i);
  }
  for (; i < n; ++i) x[i] = x[i] < 0.0f ? 0.0f : x[i];
}

void ReluBackward(const float* y, const float* d_y, float* d_x, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(d);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto open = hn::Gt(hn::LoadU(d, y + i), zero);
    hn::StoreU(hn::IfThenElseZero(open, hn::LoadU(d, d_y + i)), d, d_x + i);
  }
  for (; i < n; ++i) d_x[i] = y[i] > 0.0f ? d_y[i] : 0.0f;
}

// Tests sign and "is not zero" of a bf16 on its bits as an integer.
void ReluBackwardBf16(const Bf16* y, const float* d_y, float* d_x, size_t n) {
  const Floats d;
  const hn::RebindToSigned<Floats> di;
  const hn::Rebind<int16_t, Floats> narrow;
  const size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(di);
  const auto* bits = reinterpret_cast<const int16_t*>(y);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto open = hn::Gt(hn::PromoteTo(di, hn::LoadU(narrow, bits + i)), zero);
    hn::StoreU(hn::IfThenElseZero(hn::RebindMask(d, open), hn::LoadU(d, d_y + i)), d, d_x + i);
  }
  for (; i < n; ++i) d_x[i] = bits[i] > 0 ? d_y[i] : 0.0f;
}

void AddBias(const float* bias, float* x, size_t rows, size_t columns) {
  for (size_t row = 0; row < rows; ++row) Axpy(1.0f, bias, x + row * columns, columns);
}

void AddBiasRelu(const float* bias, float* x, size_t rows, size_t columns) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto zero = hn::Zero(d);
  for (size_t row = 0; row < rows; ++row, x += columns) {
    size_t i = 0;
    for (; i + lanes <= columns; i += lanes) {
      const auto v = hn::Add(hn::LoadU(d, bias + i), hn::LoadU(d, x + i));
      hn::StoreU(hn::IfThenElse(hn::Lt(v, zero), zero, v), d, x + i);
    }
    for (; i < columns; ++i) {
      const float v = x[i] + bias[i];
      x[i] = v < 0.0f ? 0.0f : v;
    }
  }
}

void ColumnSums(const float* x, size_t rows, size_t columns, float* sums) {
  for (size_t row = 0; row < rows; ++row) Axpy(1.0f, x + row * columns, sums, columns);
}

bool AllFinite(const float* x, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto most = hn::Set(d, std::numeric_limits<float>::max());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    // False for infinity and, as every comparison with it, for NaN.
    if (!hn::AllTrue(d, hn::Le(hn::Abs(hn::LoadU(d, x + i)), most))) return false;
  }
  for (; i < n; ++i) {
    if (!(std::abs(x[i]) <= std::numeric_limits<float>::max())) return false;
  }
  return true;
}

void AdamStep(const AdamArgs& args, const float* HWY_RESTRICT gradient, float* HWY_RESTRICT first,
              float* HWY_RESTRICT second, float* HWY_RESTRICT value, size_t n) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto beta1 = hn::Set(d, args.beta1), rest1 = hn::Set(d, 1.0f - args.beta1);
  const auto beta2 = hn::Set(d, args.beta2), rest2 = hn::Set(d, 1.0f - args.beta2);
  const auto correction = hn::Set(d, args.second_correction), epsilon = hn::Set(d, args.epsilon);
  const auto step_size = hn::Set(d, args.step_size), keep = hn::Set(d, 1.0f - args.decay);
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto g = hn::LoadU(d, gradient + i);
    const auto m = hn::MulAdd(beta1, hn::LoadU(d, first + i), hn::Mul(rest1, g));
    const auto v = hn::MulAdd(beta2, hn::LoadU(d, second + i), hn::Mul(rest2, hn::Mul(g, g)));
    const auto root = hn::Add(hn::Sqrt(hn::Mul(v, correction)), epsilon);
    const auto kept = hn::Mul(keep, hn::LoadU(d, value + i));
    hn::StoreU(m, d, first + i);
    hn::StoreU(v, d, second + i);
    hn::StoreU(hn::Sub(kept, hn::Div(hn::Mul(step_size, m), root)), d, value + i);
  }
  for (; i < n; ++i) {
    const float g = gradient[i];
    first[i] = args.beta1 * first[i] + (1.0f - args.beta1) * g;
    second[i] = args.beta2 * second[i] + (1.0f - args.beta2) * g * g;
    const float root = __builtin_sqrtf(second[i] * args.second_correction) + args.epsilon;
    value[i] = (1.0f - args.decay) * value[i] - args.step_size * first[i] / root;
  }
}

// The first index >= begin whose score is above `threshold`, or n.
size_t FindAbove(const float* scores, size_t begin, size_t n, float threshold) {
  const Floats d;
  const size_t lanes = hn::Lanes(d);
  const auto bound = hn::Set(d, threshold);
  size_t i = begin;
  for (; i + lanes <= n; i += lanes) {
    const auto above = hn::Gt(hn::LoadU(d, scores + i), bound);
    const intptr_t found = hn::FindFirstTrue(d, above);
    if (found >= 0) return i + static_cast<size_t>(found);
  }
  for (; i < n; ++i) {
    if (scores[i] > threshold) return i;
  }
  return n;
}

}  // namespace HWY_NAMESPACE
}  // namespace upnext::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace upnext::kernels {

HWY_EXPORT(TargetName);
HWY_EXPORT(Dot);
HWY_EXPORT(DotRows);
HWY_EXPORT(AddScaled);
HWY_EXPORT(Scale);
HWY_EXPORT(ReluForward);
HWY_EXPORT(ReluBackward);
HWY_EXPORT(ReluBackwardBf16);
HWY_EXPORT(AddBias);
HWY_EXPORT(AddBiasRelu);
HWY_EXPORT(ColumnSums);
HWY_EXPORT(AllFinite);
HWY_EXPORT(AdamStep);
HWY_EXPORT(FindAbove);

[[maybe_unused]] const bool kLimited = LimitIsa();

std::string_view SimdName() { return HWY_DYNAMIC_DISPATCH(TargetName)(); }

float Dot(const float* a, const float* b, size_t n) { return HWY_DYNAMIC_DISPATCH(Dot)(a, b, n); }

void DotRows(const float* x, const float* rows, size_t stride, size_t count, size_t n, float* out) {
  HWY_DYNAMIC_DISPATCH(DotRows)(x, rows, stride, count, n, out);
}

void Axpy(float alpha, const float* x, float* y, size_t n) {
  HWY_DYNAMIC_DISPATCH(AddScaled)(alpha, x, y, n);
}

void Scale(float alpha, float* x, size_t n) { HWY_DYNAMIC_DISPATCH(Scale)(alpha, x, n); }

void ReluForward(float* x, size_t n) { HWY_DYNAMIC_DISPATCH(ReluForward)(x, n); }

void ReluBackward(const float* y, const float* d_y, float* d_x, size_t n) {
  HWY_DYNAMIC_DISPATCH(ReluBackward)(y, d_y, d_x, n);
}

void ReluBackward(const Bf16* y, const float* d_y, float* d_x, size_t n) {
  HWY_DYNAMIC_DISPATCH(ReluBackwardBf16)(y, d_y, d_x, n);
}

void AddBias(const float* bias, float* x, size_t rows, size_t columns) {
  HWY_DYNAMIC_DISPATCH(AddBias)(bias, x, rows, columns);
}

void AddBiasRelu(const float* bias, float* x, size_t rows, size_t columns) {
  HWY_DYNAMIC_DISPATCH(AddBiasRelu)(bias, x, rows, columns);
}

void ColumnSums(const float* x, size_t rows, size_t columns, float* sums) {
  HWY_DYNAMIC_DISPATCH(ColumnSums)(x, rows, columns, sums);
}

bool AllFinite(const float* x, size_t n) { return HWY_DYNAMIC_DISPATCH(AllFinite)(x, n); }

void AdamStep(const AdamArgs& args, const float* gradient, float* first, float* second,
              float* value, size_t n) {
  HWY_DYNAMIC_DISPATCH(AdamStep)(args, gradient, first, second, value, n);
}

std::vector<Scored> TopK(std::span<const float> scores, size_t k) {
  k = std::min(k, scores.size());
  std::vector<Scored> best;  // a heap whose front is the worst kept
  if (k == 0) return best;
  best.reserve(k);
  size_t i = 0;
  for (; i < scores.size() && best.size() < k; ++i) {
    if (std::isnan(scores[i])) continue;
    best.push_back({static_cast<uint32_t>(i), scores[i]});
    std::push_heap(best.begin(), best.end(), Better);
  }
  if (best.size() == k) {
    // Ties go to the smaller index, which comes first, so only a higher score is inserted.
    const auto find_above = HWY_DYNAMIC_DISPATCH(FindAbove);
    while ((i = find_above(scores.data(), i, scores.size(), best.front().score)) < scores.size()) {
      std::pop_heap(best.begin(), best.end(), Better);
      best.back() = {static_cast<uint32_t>(i), scores[i]};
      std::push_heap(best.begin(), best.end(), Better);
      ++i;
    }
  }
  std::sort(best.begin(), best.end(), Better);
  return best;
}

namespace reference {

float Dot(const float* a, const float* b, size_t n) {
  double sum = 0.0;
  for (size_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  return static_cast<float>(sum);
}

void DotRows(const float* x, const float* rows, size_t stride, size_t count, size_t n, float* out) {
  for (size_t row = 0; row < count; ++row) out[row] = Dot(x, rows + row * stride, n);
}

void Axpy(float alpha, const float* x, float* y, size_t n) {
  for (size_t i = 0; i < n; ++i) y[i] += alpha * x[i];
}

void Scale(float alpha, float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] *= alpha;
}

void ReluForward(float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = x[i] < 0.0f ? 0.0f : x[i];
}

void ReluBackward(const float* y, const float* d_y, float* d_x, size_t n) {
  for (size_t i = 0; i < n; ++i) d_x[i] = y[i] > 0.0f ? d_y[i] : 0.0f;
}

void AddBias(const float* bias, float* x, size_t rows, size_t columns) {
  for (size_t i = 0; i < rows * columns; ++i) x[i] += bias[i % columns];
}

void AddBiasRelu(const float* bias, float* x, size_t rows, size_t columns) {
  AddBias(bias, x, rows, columns);
  ReluForward(x, rows * columns);
}

void ColumnSums(const float* x, size_t rows, size_t columns, float* sums) {
  for (size_t column = 0; column < columns; ++column) {
    double sum = sums[column];
    for (size_t row = 0; row < rows; ++row) sum += x[row * columns + column];
    sums[column] = static_cast<float>(sum);
  }
}

bool AllFinite(const float* x, size_t n) {
  return std::all_of(x, x + n, [](float value) { return std::isfinite(value); });
}

void AdamStep(const AdamArgs& args, const float* gradient, float* first, float* second,
              float* value, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    const double g = gradient[i];
    const double m = args.beta1 * static_cast<double>(first[i]) + (1.0 - args.beta1) * g;
    const double v = args.beta2 * static_cast<double>(second[i]) + (1.0 - args.beta2) * g * g;
    first[i] = static_cast<float>(m);
    second[i] = static_cast<float>(v);
    value[i] = static_cast<float>((1.0 - args.decay) * value[i] -
                                  args.step_size * m /
                                      (std::sqrt(v * args.second_correction) + args.epsilon));
  }
}

std::vector<Scored> TopK(std::span<const float> scores, size_t k) {
  std::vector<Scored> all;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (!std::isnan(scores[i])) all.push_back({static_cast<uint32_t>(i), scores[i]});
  }
  std::sort(all.begin(), all.end(), Better);
  if (all.size() > k) all.resize(k);
  return all;
}

}  // namespace reference
}  // namespace upnext::kernels
#endif  // HWY_ONCE
