// A mean over seeds with its uncertainty.
//
//   Estimate e = MeanWithInterval(values);        // "0.412, 95 % interval 0.398 to 0.426"
//
// Pure function: any thread.
#ifndef UPNEXT_STUDIES_ESTIMATE_H_
#define UPNEXT_STUDIES_ESTIMATE_H_

#include <cstddef>
#include <span>

namespace upnext::studies {

struct Estimate {
  double mean, low, high;  // low and high NaN with fewer than two values
  size_t values;
};

// The mean of independent values and its 95 % interval by Student's t: mean -+ t(0.975, n - 1) * s
// / sqrt(n). Values that are not finite are ignored; without values everything is NaN.
Estimate MeanWithInterval(std::span<const double> values);

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_ESTIMATE_H_
