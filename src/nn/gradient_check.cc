#include "nn/gradient_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "base/rng.h"

namespace upnext::nn {

std::ostream& operator<<(std::ostream& out, const GradientCheckResult& result) {
  return out << fmt::format("at {}: analytic {:.6g}, numeric {:.6g}, relative error {:.3g}",
                            result.index, result.analytic, result.numeric, result.relative_error);
}

GradientCheckResult CheckGradient(std::span<float> values, std::span<const float> analytic,
                                  const std::function<double()>& loss,
                                  const GradientCheckOptions& options) {
  const std::vector<float> expected(analytic.begin(), analytic.end());
  std::vector<size_t> indices;
  if (options.samples == 0 || options.samples >= values.size()) {
    indices.resize(values.size());
    std::iota(indices.begin(), indices.end(), size_t{0});
  } else {
    base::Rng rng(options.seed);
    for (size_t i = 0; i < options.samples; ++i) indices.push_back(rng.Below(values.size()));
  }
  GradientCheckResult worst;
  for (size_t index : indices) {
    const float original = values[index];
    const float above = original + options.step, below = original - options.step;
    values[index] = above;
    const double loss_above = loss();
    values[index] = below;
    const double loss_below = loss();
    values[index] = original;
    // Divided by the step after rounding to float.
    const double numeric = (loss_above - loss_below) / (static_cast<double>(above) - below);
    const double exact = expected[index];
    const double size = std::max({std::abs(numeric), std::abs(exact), options.floor});
    double error = std::abs(numeric - exact) / size;
    if (std::isnan(error)) error = std::numeric_limits<double>::infinity();
    if (error >= worst.relative_error) worst = {error, index, exact, numeric};
  }
  return worst;
}

}  // namespace upnext::nn
