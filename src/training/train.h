// Trains the models of both stages on a dataset, and evaluates them. `upnext train` and every study
// call it, so what a study measures is what users train.
//
//   UPNEXT_ASSIGN_OR_RETURN(const TrainedModels trained,
//                           Train(*dataset, options.train, pool, progress));
//   UPNEXT_ASSIGN_OR_RETURN(const evaluation::Report report,
//                           Evaluate(*dataset, trained.models(), options.evaluate, pool, progress));
//
// One training at a time per pool. Same seed, data and number of threads: same bytes.
#ifndef UPNEXT_TRAINING_TRAIN_H_
#define UPNEXT_TRAINING_TRAIN_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/evaluate.h"
#include "evaluation/report.h"
#include "ranking/ranker_training.h"
#include "retrieval/candidate_training.h"
#include "training/dataset.h"
#include "training/options.h"

namespace upnext::training {

// Views; a stage without a model is null.
struct Models {
  const retrieval::UserItemModel* candidate = nullptr;
  const ranking::RankingModel* ranker = nullptr;
};

struct TrainedModels {
  retrieval::TrainedCandidate candidate;
  ranking::TrainedRanker ranker;
  Models models() const { return {candidate.model.get(), ranker.ranker.get()}; }
};

// What the trainings of the stages continue from; without, they are new ones.
struct Start {
  retrieval::CandidateStart candidate;
  ranking::RankerStart ranker;
};

// For a fit on data that leaves none to validate on: as many epochs as validation chose.
TrainOptions FitOptions(TrainOptions options, const TrainedModels& trained);

// Where training keeps its checkpoints, so that it can be resumed.
struct CheckpointFolder {
  std::filesystem::path path;  // empty: none are kept
  bool resume = false;         // continue from those that are there
  uint64_t features_digest = 0;
  std::string prefix = "";     // of their names: several trainings may share the folder
  std::string continued = "";  // Continued::Name of what the stages continue from
};

// Trains the stages that the options ask for, each from its `start` if there is one; a log without
// impressions has no ranker. The checkpoints of a stage stay, also when it is done, until RemoveCheckpoints; a
// training that is not resumed removes those of models that it does not train, as of a larger ensemble. Fails as
// retrieval::TrainCandidateModel and ranking::TrainRanker do.
Result<TrainedModels> Train(const Dataset& dataset, const TrainOptions& options,
                            base::ThreadPool& pool, base::Progress& progress,
                            const CheckpointFolder& checkpoints = {}, const Start& start = {});
// All of the stages that the options ask for, with this prefix, and of however many models.
Status RemoveCheckpoints(const TrainOptions& options, const CheckpointFolder& checkpoints);

// As evaluation::Evaluate; also of models that were trained earlier on the same statistics.
Result<evaluation::Report> Evaluate(const Dataset& dataset, const Models& models,
                                    const evaluation::EvaluateOptions& options,
                                    base::ThreadPool& pool, base::Progress& progress,
                                    evaluation::DecidingFigures* deciding = nullptr);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_TRAIN_H_
