// The bundle that `upnext train --continue` starts from (TR-02): its statistics, which grow, and its
// rankers with the state of their optimisers. There are two chains, each of which continues exactly:
// the validated ranker has learned from the training part, the published one from the whole log.
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
#include "training/dataset.h"
#include "training/options.h"

namespace upnext::training {

class Continued {
 public:
  enum class Models : uint8_t { kValidated, kPublished };  // the same if there was no final fit
  struct Chain {
    features::FeatureStatistics statistics;
    std::unique_ptr<ranking::Ranker> ranker;
    std::unique_ptr<ranking::RankerTrainer> trainer;
    ranking::RankerStart start() const {
      return {ranker.get(), trainer.get(), statistics.train_end_ms};
    }
  };

  // The current bundle, without its models. kNotFound without one; kFailedPrecondition, with what to
  // do, when a training with these options on this log cannot continue from it.
  static Result<Continued> Open(const project::Project& project, const Options& options,
                                const log::EventLog& log);
  // kFailedPrecondition when the ranker has other objectives than `objectives`.
  Status CheckObjectives(const std::vector<ranking::Objective>& objectives,
                         const ranking::Ranker& ranker) const;
  Result<Chain> Load(Models models, const TrainOptions& train, base::ThreadPool& pool) const;
  // Why there is nothing to learn: no impression of the training part is later than what the
  // validated ranker has seen, or none at all than what the published one has. "" otherwise.
  std::string WhyNothingNew(const Dataset& dataset, bool fits_on_all) const;

  // "v000003 (features 0123456789abcdef)": binds checkpoints to it.
  std::string Name() const;
  std::string Describe() const;  // for the report

 private:
  Status Check(const project::Project& project, const Options& options,
               const log::EventLog& log) const;
  bool Has(const bundle::PartType& part) const;
  bundle::PartType FeaturesOf(Models models) const;

  std::filesystem::path folder_;
  bundle::Manifest manifest_;
  int64_t seen_ms_[2] = {};  // by Models: their last training event
};

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_CONTINUED_H_
