// Shared by several studies: settings of models that train in seconds, and small statistics.
#ifndef UPNEXT_STUDIES_MODELS_H_
#define UPNEXT_STUDIES_MODELS_H_

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "evaluation/evaluate.h"
#include "evaluation/report.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"
#include "log/event_log.h"
#include "ranking/objectives.h"
#include "retrieval/candidate_model.h"
#include "simulator/world_options.h"
#include "studies/study.h"
#include "training/dataset.h"
#include "training/options.h"
#include "training/train.h"

namespace upnext::studies {

using Settings = std::vector<std::pair<std::string, std::string>>;

// Expected watch time by weighted logistic regression; it orders the feed.
ranking::Objective WatchObjective();
// The defaults of the project file with full softmax, small models, expected watch time and
// clicks, and time splits of one day to validate and one to test; `seed` for everything.
training::Options TrainingOf(Scale scale, uint64_t seed);

// A dataset and the models that were trained on it.
struct Trained {
  std::unique_ptr<training::Dataset> dataset;
  training::TrainedModels models;
  const examples::ReplaySource& source() const { return dataset->source(); }
  const features::FeatureStatistics& statistics() const { return dataset->statistics(); }
  const retrieval::CandidateModel& candidate() const { return *models.candidate.model; }
};
Result<Trained> TrainOn(const log::EventLog& log, const training::Options& options,
                        base::ThreadPool& pool, base::Progress& progress);

// Of the candidate model on the held-out part; kFailedPrecondition when no user has a watch in it.
Result<evaluation::Metrics> RetrievalMetrics(const Trained& trained,
                                             const evaluation::EvaluateOptions& options,
                                             base::ThreadPool& pool, base::Progress& progress);

// users, items and days of a world, for people.
Settings WorldSettings(const simulator::WorldOptions& world);

// Pearson's correlation; NaN without variance.
double Correlation(std::span<const double> x, std::span<const double> y);
// Least-squares slope of y on x, with an intercept; NaN without variance in x.
double Slope(std::span<const double> x, std::span<const double> y);

// Area under the ROC curve of targets that are probabilities, or estimates of them beyond [0, 1]:
// sum over pairs i != j of t_i (1 - t_j) [s_i > s_j], a tie one half, over the sum of all t_i (1 -
// t_j). For targets of 0 and 1 it is the usual AUC; for probabilities it is the expected AUC of
// targets drawn from them. O(n log n); NaN without pairs.
double ExpectedAuc(std::span<const double> scores, std::span<const double> targets);

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_MODELS_H_
