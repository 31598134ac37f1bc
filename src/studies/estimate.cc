#include "studies/estimate.h"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

namespace upnext::studies {

Estimate MeanWithInterval(std::span<const double> values) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  Estimate estimate{kNan, kNan, kNan, 0};
  double sum = 0, squares = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    ++estimate.values;
    sum += value;
  }
  if (estimate.values == 0) return estimate;
  const auto n = static_cast<double>(estimate.values);
  estimate.mean = sum / n;
  if (estimate.values < 2) return estimate;
  for (const double value : values) {
    if (std::isfinite(value)) squares += (value - estimate.mean) * (value - estimate.mean);
  }
  const double t = boost::math::quantile(boost::math::students_t(n - 1), 0.975);
  const double half = t * std::sqrt(squares / (n - 1) / n);
  estimate.low = estimate.mean - half;
  estimate.high = estimate.mean + half;
  return estimate;
}

}  // namespace upnext::studies
