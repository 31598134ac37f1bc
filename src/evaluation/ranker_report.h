// What an evaluation says of the ranker beyond its metrics: values, as report.h.
#ifndef UPNEXT_EVALUATION_RANKER_REPORT_H_
#define UPNEXT_EVALUATION_RANKER_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "evaluation/metrics.h"

namespace upnext::evaluation {

// Of the impressions where the objective is observed (calibration.h; EV-05).
struct TaskCalibration {
  std::string objective = {};
  std::vector<CalibrationBin> bins = {};  // deciles of the prediction, ascending
  double slope = 0;                       // CalibrationSlope(bins)
  double error = 0;                       // CalibrationError(bins), in the unit of the objective
};

// How much a task relies on each expert (expert_use.h; MT-06).
struct ExpertUse {
  std::vector<std::string> experts = {};
  struct Task {
    std::string objective = {};
    std::vector<double> weights =
        {};  // [experts], mean over impressions, sum 1; NaN: it has no access
  };
  std::vector<Task> tasks = {};  // none: the architecture has no experts
  uint64_t impressions = 0;
};

// Click rate and learned bias by position and device (bias_by_position.h; MT-10).
struct BiasByPosition {
  std::vector<size_t> positions = {};  // ascending; none: the impressions have no positions
  struct Rates {
    std::string device = {};
    std::vector<uint64_t> impressions = {};  // [positions]
    std::vector<double> click_rate = {};     // [positions]; NaN without impressions
  };
  std::vector<Rates> rates = {};  // the device with the most impressions first
  struct Learned {
    std::string objective = {}, device = {};
    std::vector<double> logit = {};  // [positions], less that of the first position
  };
  std::vector<Learned> learned = {};  // none: the ranker has no bias tower
};

// What a feature is worth to the ranker: what is lost if it is permuted (importance.h).
struct FeatureImportance {
  std::string feature = {};
  bool of_request = false;              // permuted among requests, else among impressions
  double loss_rise = 0;                 // of the training loss, mean over the permutations
  double error = 0;                     // standard error of loss_rise over the permutations
  std::vector<double> pairs_fall = {};  // by objective, of AUC or XAUC; NaN: not measured
};
struct Importance {
  std::vector<std::string> objectives = {};
  uint64_t impressions = 0, requests = 0;        // of the sample
  double loss = 0;                               // with all features as they are
  std::vector<FeatureImportance> features = {};  // the largest loss_rise first
};

// What an objective of the score contributes to the order of pages (contributions.h).
struct Contribution {
  std::string objective = {};
  double exponent = 0;
  double variance_share = 0;  // of the variance of the log score within pages; all sum to 1
  double correlation = 0;     // Kendall's tau of the orders with and without its factor
  // Of its label, as PageValues; 0.5 is about a random order. NaN: not measured.
  double value = 0, value_without = 0;
};

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_RANKER_REPORT_H_
