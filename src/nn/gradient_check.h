// Finite differences against an analytic gradient, for the tests of every room that has layers.
//
//   auto worst = CheckGradient(weights, weight_gradient, [&] { return Loss(); });
//   EXPECT_LT(worst.relative_error, 1e-2) << worst;
//
// Not for production: it calls the loss twice per value checked. One thread.
#ifndef UPNEXT_NN_GRADIENT_CHECK_H_
#define UPNEXT_NN_GRADIENT_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <span>

namespace upnext::nn {

struct GradientCheckOptions {
  float step = 1e-2f;  // central difference; fp32 losses want it large
  size_t samples = 0;  // values checked, drawn at random; 0: all
  uint64_t seed = 1;
  // Gradients below this compare by absolute error / floor. It hides the rounding of fp32 sums.
  double floor = 1e-2;
};

struct GradientCheckResult {  // of the worst value
  double relative_error = 0.0;
  size_t index = 0;
  double analytic = 0.0, numeric = 0.0;
};
std::ostream& operator<<(std::ostream& out, const GradientCheckResult& result);

// Moves each value by +-step, calls `loss` (which must return its value in double and depend on
// nothing that changes between calls) and restores the value. `analytic` has the size of `values`
// and is copied first, so `loss` may overwrite it. A NaN on either side counts as an infinite
// error.
GradientCheckResult CheckGradient(std::span<float> values, std::span<const float> analytic,
                                  const std::function<double()>& loss,
                                  const GradientCheckOptions& options = {});

}  // namespace upnext::nn

#endif  // UPNEXT_NN_GRADIENT_CHECK_H_
