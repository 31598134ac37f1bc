// Everything that the project file says about training.
//
//   training::Options options = training::Options::FromConfig(config);
//   options.SetSeed(7);
#ifndef UPNEXT_TRAINING_OPTIONS_H_
#define UPNEXT_TRAINING_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "ann/index.h"
#include "base/config.h"
#include "evaluation/evaluate.h"
#include "examples/split.h"
#include "features/feature_plan.h"
#include "features/feature_spec.h"
#include "features/signal_options.h"
#include "log/event_log.h"
#include "ranking/objectives.h"
#include "ranking/ranker.h"
#include "ranking/ranker_training.h"
#include "retrieval/candidate_model.h"
#include "retrieval/candidate_training.h"
#include "retrieval/feed_order.h"
#include "retrieval/generator_registry.h"
#include "retrieval/presets.h"

namespace upnext::training {

// [labels], [history], [features], [split]: what is learned from, the same for every model.
struct DatasetOptions {
  features::SignalOptions signals;
  features::FeatureSpec features;
  examples::SplitOptions split;
  features::PositiveRule RuleFor(const log::EventLog& log) const {
    return signals.Resolve(log.schema(), log.stats().by_type);
  }
  static DatasetOptions FromConfig(const base::Config& config);
};

// [retrieval], [generators] and [ranking]: the models, and what is made of them for serving.
struct TrainOptions {
  bool train_retrieval = true, train_ranking = true;
  retrieval::PresetOptions presets;            // to choose the next two from
  retrieval::CandidateModelOptions candidate;  // of the first of them, until one is chosen
  retrieval::CandidateTrainOptions candidate_train;
  ann::IndexOptions index;
  std::vector<retrieval::ConfiguredLearner> generators = retrieval::LearnersFromConfig({});
  ranking::RankerOptions ranker;
  std::vector<ranking::Objective> objectives;
  bool default_objectives = false;  // `objectives` are not of the project file
  ranking::RankerTrainOptions ranker_train;
  // [retrieval] onnx and [ranking] onnx: networks of others that are the candidate model and the ranker,
  // as files next to the project file. Empty: none, the model is trained.
  std::string retrieval_onnx = "", ranking_onnx = "";
  // [ranking] reference_share: of the days with impressions, from the first on, that the reference
  // candidate model learns from, where a feature reads one (reference.h); the ranker has the rest.
  double reference_share = 0.5;
  uint64_t seed = 1;
  // What the project file says that trained models depend on, as checkpoints are bound to it:
  // "retrieval.dim = 64" ... Learning rates are left out, so that a training that diverged can
  // continue with lower ones, and so is what does not change the model.
  std::vector<std::string> settings;
  // `plan` of the features that the models read.
  static TrainOptions FromConfig(const base::Config& config, const features::FeaturePlan& plan);
};

// The settings of TrainOptions.
std::vector<std::string> SettingsOf(const base::Config& config);

struct Options {
  DatasetOptions dataset;
  TrainOptions train;
  evaluation::EvaluateOptions evaluate;
  // [retrieval] order: what the order of feeds without a ranker is chosen from.
  retrieval::OrderRule order = retrieval::OrderRule::kAuto;
  // [train] margin: the loss, relative to the current bundle's figure, that a new bundle may have for
  // certain and is published all the same.
  double margin = 0.05;
  // [train] final_fit: what is published is fitted on the whole log, after it was measured without
  // the held-out part.
  bool final_fit = true;

  void SetSeed(uint64_t seed);  // of everything that draws random numbers
  // Reads its tables; mistakes wait in config.Check().
  static Options FromConfig(const base::Config& config);
};

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_OPTIONS_H_
