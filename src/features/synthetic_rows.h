// Rows of tables as benchmarks draw them.
//
//   bags.ids.push_back(DrawSkewedRow(rng, 1'000'000));
//   size_t written = CountDistinct(bags.ids);
//
// Pure functions.
#ifndef UPNEXT_FEATURES_SYNTHETIC_ROWS_H_
#define UPNEXT_FEATURES_SYNTHETIC_ROWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/rng.h"

namespace upnext::features {

// From 1 to `rows`: floor(rows * u^3) with u uniform, so that a thousandth of the rows gets a tenth
// of the draws.
inline uint32_t DrawSkewedRow(base::Rng& rng, uint32_t rows) {
  const double u = rng.Uniform();
  return 1 + std::min(rows - 1, static_cast<uint32_t>(u * u * u * rows));
}

inline size_t CountDistinct(std::vector<uint32_t> rows) {
  std::ranges::sort(rows);
  return static_cast<size_t>(std::ranges::unique(rows).begin() - rows.begin());
}

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_SYNTHETIC_ROWS_H_
