// The bundle that `upnext train --continue` starts from (TR-02): its statistics, which grow, and those
// of its models that have the state of their training: the ranker, the candidate model or both. There
// are two chains, each of which continues exactly: the validated models have learned from the training
// part, the published ones from the whole log.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Continued from, Continued::Open(project, options, log));
//   UPNEXT_ASSIGN_OR_RETURN(Continued::Chain chain,
//                           from.Load(Continued::Models::kValidated, options.train, pool));
//   Dataset::Prepare(log, options.dataset, pool, progress, &chain.statistics) ...
//
// One thread, with the project's lock held.
#ifndef UPNEXT_TRAINING_CONTINUED_H_
#define UPNEXT_TRAINING_CONTINUED_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/manifest.h"
#include "bundle/part.h"
#include "features/feature_statistics.h"
#include "log/event_log.h"
#include "project/project.h"
#include "ranking/ranker.h"
#include "ranking/ranker_trainer.h"
#include "ranking/ranker_training.h"
#include "retrieval/candidate_model.h"
#include "retrieval/candidate_state.h"
#include "retrieval/presets.h"
#include "training/choose_preset.h"
#include "training/dataset.h"
#include "training/options.h"
#include "training/train.h"

namespace upnext::training {

class Continued {
 public:
  enum class Models : uint8_t { kValidated, kPublished };  // the same if there was no final fit
  struct Chain {
    features::FeatureStatistics statistics;
    // Null where a stage does not continue.
    std::unique_ptr<ranking::Ranker> ranker;
    std::unique_ptr<ranking::RankerTrainer> trainer;
    std::unique_ptr<retrieval::CandidateModel> candidate;
    retrieval::CandidateState state;
    Start start() const {
      Start from;
      if (candidate) from.candidate = {candidate.get(), &state, statistics.train_end_ms};
      if (ranker) from.ranker = {ranker.get(), trainer.get(), statistics.train_end_ms};
      return from;
    }
  };

  // The current bundle, without its models. kNotFound without one; kFailedPrecondition, with what to
  // do, when a training with these options on this log cannot continue from it.
  static Result<Continued> Open(const project::Project& project, const Options& options,
                                const log::EventLog& log);
  // kFailedPrecondition when the ranker has other objectives than `objectives`.
  Status CheckObjectives(const std::vector<ranking::Objective>& objectives,
                         const ranking::Ranker& ranker) const;
  // The preset of the candidate model that continues.
  Result<PresetChoice> PresetOf(const Chain& chain, const retrieval::PresetOptions& options) const;
  Result<Chain> Load(Models models, const TrainOptions& train, base::ThreadPool& pool) const;
  // Why there is nothing to learn: neither an impression for a ranker that continues nor a positive
  // event for a candidate model that does is, in the training part, later than what the validated
  // models have seen, or in the whole log than what the published ones have. "" otherwise.
  std::string WhyNothingNew(const Dataset& dataset, bool fits_on_all) const;

  // "v000003 (features 0123456789abcdef)": binds checkpoints to it.
  std::string Name() const;
  // For the report; whether networks of others take the place of what does not continue.
  std::string Describe(bool encoder_given, bool ranker_given) const;
  const std::filesystem::path& folder() const { return folder_; }  // of the bundle

 private:
  Status Check(const project::Project& project, const Options& options,
               const log::EventLog& log) const;
  bool Has(const bundle::PartType& part) const;
  bool HasState(const bundle::PartType& published, const bundle::PartType& validated) const;
  Status LoadRanker(Models models, const TrainOptions& train, uint64_t digest,
                    base::ThreadPool& pool, Chain& chain) const;
  Status LoadCandidate(Models models, uint64_t digest, Chain& chain) const;
  // The part of that kind that the models have.
  Result<bundle::PartType> PartOf(Models models, const bundle::PartType& published,
                                  const bundle::PartType& validated) const;
  bundle::PartType FeaturesOf(Models models) const;

  std::filesystem::path folder_;
  bundle::Manifest manifest_;
  bool ranker_ = false, candidate_ = false;  // which of them continue
  int64_t seen_ms_[2] = {};                  // by Models: their last training event
};

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_CONTINUED_H_
