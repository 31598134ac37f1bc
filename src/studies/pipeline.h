// One run of the main job: log -> features -> models -> report. `upnext train` and every study call
// it, so what a study measures is what users train.
//
//   UPNEXT_ASSIGN_OR_RETURN(PipelineOptions options, PipelineOptions::FromConfig(config));
//   UPNEXT_ASSIGN_OR_RETURN(auto run, Pipeline::Prepare(log, options, pool, progress));
//   UPNEXT_RETURN_IF_ERROR(run->Train(progress));
//   UPNEXT_ASSIGN_OR_RETURN(evaluation::Report report, run->Evaluate(options.evaluate, progress));
//
// One thread at a time; the pool works beside it.
#ifndef UPNEXT_STUDIES_PIPELINE_H_
#define UPNEXT_STUDIES_PIPELINE_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/bundle.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "evaluation/report.h"
#include "examples/replay.h"
#include "examples/split.h"
#include "log/event_log.h"
#include "nn/training_checkpoint.h"
#include "ranking/ranker_trainer.h"
#include "retrieval/candidate_trainer.h"
#include "retrieval/co_watch.h"
#include "retrieval/generators.h"
#include "retrieval/index.h"

namespace upnext::studies {

// Everything the project file says about training, with `seed` of [train] handed to all of it.
struct PipelineOptions {
  features::PositiveRule rule;
  features::FeatureSpec features;
  examples::SplitOptions split;
  retrieval::CandidateModelOptions candidate;
  retrieval::CandidateTrainOptions candidate_train;
  retrieval::IndexOptions index;
  retrieval::CoWatchOptions co_watch;
  ranking::RankerOptions ranker;
  std::vector<ranking::Objective> objectives;
  ranking::RankerTrainOptions ranker_train;
  evaluation::EvaluateOptions evaluate;
  bool train_retrieval = true, train_ranking = true;
  uint64_t seed = 1;
  // What the project file says that trained models depend on, as checkpoints are bound to it:
  // "retrieval.dim = 64" ... Learning rates are left out, so that a training that diverged can go
  // on with lower ones, and so is what does not change the model.
  std::vector<std::string> settings;

  void SetSeed(uint64_t value);
  // Reads its tables; mistakes wait in config.Check().
  static PipelineOptions FromConfig(const base::Config& config);
};

// The split that a bundle was trained with, of the log that it was trained on; kFailedPrecondition
// when `options` describe another one.
Result<examples::Split> SplitOf(const examples::SplitOptions& options,
                                const features::PositiveRule& rule,
                                const bundle::OpenedBundle& opened);

// Where training keeps its checkpoints, for `upnext train --resume`.
struct CheckpointFolder {
  std::filesystem::path path;  // empty: none are kept
  bool resume = false;         // go on from those that are there
  uint64_t features_digest = 0;
};

class Pipeline {
 public:
  // Splits the log and learns the feature tables.
  static Result<std::unique_ptr<Pipeline>> Prepare(const log::EventLog& log,
                                                   const PipelineOptions& options,
                                                   base::ThreadPool& pool,
                                                   base::Progress& progress);
  // Trains the stages that the options ask for. A log without impressions has no ranker. The
  // checkpoints of a stage stay, also when it is done, until RemoveCheckpoints().
  Status Train(base::Progress& progress, const CheckpointFolder& checkpoints = {});
  Status RemoveCheckpoints(const CheckpointFolder& checkpoints) const;
  // Takes models that were trained earlier, to evaluate them on this split.
  Result<evaluation::Report> Evaluate(const evaluation::EvaluateOptions& options,
                                      const retrieval::CandidateModel* candidate,
                                      const ranking::Ranker* ranker,
                                      base::Progress& progress) const;
  Result<evaluation::Report> Evaluate(const evaluation::EvaluateOptions& options,
                                      base::Progress& progress) const;

  // What a bundle is written from; views into this object. The first call builds the index and
  // learns what items are popular and who watched what: a training that is not published does not
  // wait for it, and its memory is not wanted beside a training or an evaluation.
  Result<bundle::Parts> MakeParts(base::Progress& progress);
  const examples::ReplaySource& source() const { return source_; }
  const features::FeatureStatistics& tables() const { return tables_; }
  const retrieval::TrainedCandidate& candidate() const { return candidate_; }
  const ranking::TrainedRanker& ranker() const { return ranker_; }

 private:
  // The options' checkpoints of one stage, whose settings begin with `table`, in this folder.
  nn::CheckpointOptions CheckpointsOf(nn::CheckpointOptions options, std::string_view table,
                                      const CheckpointFolder& folder) const;
  Status BuildIndex(base::Progress& progress);
  Pipeline(const log::EventLog& log, const PipelineOptions& options, examples::Split split,
           base::ThreadPool& pool);

  PipelineOptions options_;
  catalogue::Catalogue catalogue_;
  examples::Split split_;
  base::ThreadPool& pool_;
  examples::ReplaySource source_;
  features::FeatureStatistics tables_;
  retrieval::TrainedCandidate candidate_;
  std::unique_ptr<retrieval::Index> index_;
  std::optional<retrieval::PopularItems> popular_;
  std::optional<retrieval::CoWatchLearner> co_watch_;
  ranking::TrainedRanker ranker_;
};

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_PIPELINE_H_
