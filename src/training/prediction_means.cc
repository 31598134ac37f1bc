#include "training/prediction_means.h"

#include <cmath>
#include <cstdint>

namespace upnext::training {

std::map<std::string, double> PredictionMeans(const evaluation::Report& report) {
  std::map<std::string, double> means;
  if (!report.ranking) return means;
  for (const evaluation::TaskCalibration& one : report.ranking->calibration) {
    double sum = 0;
    uint64_t examples = 0;
    for (const evaluation::CalibrationBin& bin : one.bins) {
      sum += bin.predicted * static_cast<double>(bin.examples);
      examples += bin.examples;
    }
    const double mean = sum / static_cast<double>(examples);
    if (std::isfinite(mean)) means[one.objective] = mean;
  }
  return means;
}

}  // namespace upnext::training
