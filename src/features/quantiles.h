// A number -> its empirical cumulative share, by linear interpolation between quantiles, so that
// every continuous feature reaches the model spread evenly over [0, 1) (RK-05; paper 2.3).
//
//   Quantiles q = Quantiles::Learn(sample);
//   float share = q.Normalize(x);
//
// Immutable after Learn or Load: any number of threads.
#ifndef UPNEXT_FEATURES_QUANTILES_H_
#define UPNEXT_FEATURES_QUANTILES_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/section_file.h"
#include "base/status.h"

namespace upnext::features {

class Quantiles {
 public:
  static constexpr size_t kBoundaries = 1000;
  Quantiles() = default;
  // Values that are not finite are left out; the sample may be empty.
  static Quantiles Learn(std::vector<float> sample);
  // In [0, 1), never falling as x rises. A value that many examples share gets the middle of the
  // share they take (0 in a field that is 0 for 60 % of examples: 0.3). NaN stays NaN, and so does
  // everything when nothing was learned: a field without values in training is missing at serving.
  float Normalize(float x) const;
  bool empty() const { return boundaries_.empty(); }
  std::span<const float> boundaries() const {  // [kBoundaries], ascending, or empty
    return std::span(boundaries_).first(empty() ? 0 : kBoundaries);
  }

  Status Save(base::SectionWriter& writer, std::string_view name) const;
  static Result<Quantiles> Load(const base::SectionFile& file, std::string_view name);

  friend bool operator==(const Quantiles&, const Quantiles&) = default;

 private:
  void Index();

  std::vector<float> boundaries_;  // empty, or kBoundaries ascending and padding after them
  std::vector<float> ends_;        // every 32nd boundary
};

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_QUANTILES_H_
