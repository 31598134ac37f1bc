// What the ranker predicts on average, for comparison with what it predicts when serving.
//
//   manifest.prediction_means = PredictionMeans(report);
//
// A pure function.
#ifndef UPNEXT_TRAINING_PREDICTION_MEANS_H_
#define UPNEXT_TRAINING_PREDICTION_MEANS_H_

#include <map>
#include <string>

#include "evaluation/report.h"

namespace upnext::training {

// By objective, over the impressions where it is observed; those without any are left out.
std::map<std::string, double> PredictionMeans(const evaluation::Report& report);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_PREDICTION_MEANS_H_
