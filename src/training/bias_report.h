// What a ranker has learned of position bias, next to what the log shows (MT-10): lines for the
// report of a training.
//
//   for (const std::string& line : DescribeBias(ranker, statistics, catalogue, overlap)) ...
//
// Pure functions: any thread.
#ifndef UPNEXT_TRAINING_BIAS_REPORT_H_
#define UPNEXT_TRAINING_BIAS_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "catalogue/catalogue.h"
#include "evaluation/position_overlap.h"
#include "features/feature_statistics.h"
#include "ranking/ranker.h"

namespace upnext::training {

// The bias tower's logits of an objective at positions 1 to `positions`, in a request of this device
// (a row of its vocabulary) of which nothing else is known.
std::vector<float> LearnedBias(const ranking::Ranker& ranker, size_t objective, uint32_t device,
                               size_t positions);

struct NamedRow {
  std::string name;
  uint32_t row;  // of the vocabulary of devices
};

// None unless the ranker has a bias tower: the click rate of each position of the overlap; then, for
// each objective with a bias and each device, the learned bias less that of the first position.
std::vector<std::string> DescribeBias(const ranking::Ranker& ranker,
                                      std::span<const NamedRow> devices,
                                      const evaluation::PositionOverlap& overlap);
// With the devices of the log, at most eight.
std::vector<std::string> DescribeBias(const ranking::Ranker& ranker,
                                      const features::FeatureStatistics& statistics,
                                      const catalogue::Catalogue& catalogue,
                                      const evaluation::PositionOverlap& overlap);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_BIAS_REPORT_H_
