// Networks of others, trained on exported examples, in the place of what a training would learn:
// [retrieval] onnx is its candidate model, [ranking] onnx its ranker (decisions 0094 and 0096).
//
//   UPNEXT_ASSIGN_OR_RETURN(OnnxModels given, OnnxModels::Read(project, options, log));
//   Dataset::Prepare(log, options.dataset, pool, progress, given.examples()) ...
//   UPNEXT_RETURN_IF_ERROR(given.OpenEncoder(dataset->statistics()));
//   UPNEXT_RETURN_IF_ERROR(given.OpenRanker(objectives, dataset->statistics()));
//
// A value; one thread at a time.
#ifndef UPNEXT_TRAINING_ONNX_MODELS_H_
#define UPNEXT_TRAINING_ONNX_MODELS_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "features/feature_statistics.h"
#include "log/event_log.h"
#include "project/project.h"
#include "ranking/objectives.h"
#include "ranking/onnx_ranker.h"
#include "retrieval/onnx_encoder.h"
#include "training/options.h"

namespace upnext::training {

// The file of the statistics that examples were exported with, next to theirs.
std::filesystem::path StatisticsOfExamples(const std::filesystem::path& examples);
// The file of a network's manifest, next to it.
std::filesystem::path ManifestOfNetwork(const std::filesystem::path& network);

class OnnxModels {
 public:
  // The networks that the options name, if any, their manifests, which are the files of their names that
  // end in .json, and what the manifests name. kNotFound or kInvalidArgument with the file that is wrong;
  // kFailedPrecondition when the examples are of another log, when they or the features of now read a
  // reference model, and when those of both networks differ.
  static Result<OnnxModels> Read(const project::Project& project, const Options& options,
                                 const log::EventLog& log);

  // Of the examples: the statistics of the training grow from them, so that their rows and quantiles
  // are those that the networks have learned. Null: there is no network.
  const features::FeatureStatistics* examples() const { return examples_ ? &*examples_ : nullptr; }
  // kFailedPrecondition unless these statistics grew from those of the examples.
  Status CheckGrew(const features::FeatureStatistics& tables) const;

  // Whether the bundle in this folder has the same networks, with the same manifests and vectors.
  bool AreThoseOf(const std::filesystem::path& folder) const;
  // kFailedPrecondition: they are not, of a training that continues that bundle with nothing to learn.
  static Error OthersThanContinued();

  bool has_encoder() const { return encoder_parts_.has_value(); }
  bool has_ranker() const { return ranker_parts_.has_value(); }
  // With the statistics of the training, in place of one that was opened with others; no effect without
  // a network. Fails as OnnxEncoder::Open and CheckGrew.
  Status OpenEncoder(const features::FeatureStatistics& tables);
  // With the objectives that it may predict. Fails as OnnxRanker::Open and CheckGrew.
  Status OpenRanker(const std::vector<ranking::Objective>& objectives,
                    const features::FeatureStatistics& tables);
  // Null until they are opened.
  const retrieval::OnnxEncoder* encoder() const { return encoder_.get(); }
  const ranking::OnnxRanker* ranker() const { return ranker_.get(); }

  // kFailedPrecondition: a ranker for a log without impressions. Ok without a ranker.
  Status CheckImpressions(bool has_impressions) const;
  // For the report; "" without a network.
  std::string EncoderNote() const;
  std::string RankerNote() const;

 private:
  std::optional<features::FeatureStatistics> examples_;
  std::optional<retrieval::OnnxEncoderParts> encoder_parts_;
  std::optional<ranking::OnnxRankerParts> ranker_parts_;  // without objectives
  std::unique_ptr<retrieval::OnnxEncoder> encoder_;
  std::unique_ptr<ranking::OnnxRanker> ranker_;
};

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_ONNX_MODELS_H_
