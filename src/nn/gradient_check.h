// Compares an analytic gradient with finite differences, for the tests of every room with layers.
//
//   auto worst = CheckGradient(weights, weight_gradient, [&] { return Loss(); });
//   EXPECT_LT(worst.relative_error, 1e-2) << worst;
//
// For tests only: it calls the loss twice per checked value. One thread.
#ifndef UPNEXT_NN_GRADIENT_CHECK_H_
#define UPNEXT_NN_GRADIENT_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <ostream>
#include <span>

namespace upnext::nn {

struct GradientCheckOptions {
  float step = 1e-2f;  // central difference; fp32 losses need a large step
  size_t samples = 0;  // number of values to check, drawn at random; 0: all
  uint64_t seed = 1;
  // Below this gradients are compared by absolute error / floor, which hides the rounding of sums.
  double floor = 1e-2;
};

struct GradientCheckResult {  // of the worst value
  double relative_error = 0.0;
  size_t index = 0;
  double analytic = 0.0, numeric = 0.0;
};
std::ostream& operator<<(std::ostream& out, const GradientCheckResult& result);

// Changes each value by +-step, calls `loss` and restores the value. `loss` must return its value
// in double and depend on nothing else that changes between calls. `analytic` has the size of
// `values` and is copied first, so `loss` may overwrite it. A NaN on either side counts as an
// infinite error.
GradientCheckResult CheckGradient(std::span<float> values, std::span<const float> analytic,
                                  const std::function<double()>& loss,
                                  const GradientCheckOptions& options = {});

}  // namespace upnext::nn

#endif  // UPNEXT_NN_GRADIENT_CHECK_H_
