// [ranking] onnx: a network of others, trained on exported examples, is the ranker of a training
// (decision 0094).
//
//   UPNEXT_ASSIGN_OR_RETURN(OnnxStage stage, OnnxStage::Read(project, options.train.onnx, log));
//   Dataset::Prepare(log, options.dataset, pool, progress, &stage.examples) ...
//   UPNEXT_ASSIGN_OR_RETURN(stage.ranker, stage.Open(objectives, dataset->statistics()));
//
// A value; one thread at a time.
#ifndef UPNEXT_TRAINING_ONNX_STAGE_H_
#define UPNEXT_TRAINING_ONNX_STAGE_H_

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "features/feature_statistics.h"
#include "log/event_log.h"
#include "project/project.h"
#include "ranking/objectives.h"
#include "ranking/onnx_ranker.h"

namespace upnext::training {

// The file of the statistics that examples were exported with, next to theirs.
std::filesystem::path StatisticsOfExamples(const std::filesystem::path& examples);
// The file of a network's manifest, next to it.
std::filesystem::path ManifestOfNetwork(const std::filesystem::path& network);

struct OnnxStage {
  ranking::OnnxRankerParts parts;  // without objectives
  // Of the examples: the statistics of the training grow from them, so that their rows and quantiles
  // are those that the network has learned.
  features::FeatureStatistics examples;
  std::unique_ptr<ranking::OnnxRanker> ranker;  // once it is opened

  // The network `onnx` of the project file, its manifest, which is the file of its name that ends in
  // .json, and the statistics that the manifest names. kNotFound or kInvalidArgument with the file that
  // is wrong; kFailedPrecondition when the examples are of another log, or read a reference model.
  static Result<OnnxStage> Read(const project::Project& project, const std::string& onnx,
                                const log::EventLog& log);
  // With the objectives that it may predict. `tables`: of the training. Fails as OnnxRanker::Open;
  // kFailedPrecondition when the tables did not grow from those of the examples.
  Status Open(const std::vector<ranking::Objective>& objectives,
              const features::FeatureStatistics& tables);
  // kFailedPrecondition: of a log without impressions.
  Status NothingToRank() const;
  // For the report.
  std::string Note() const;
};

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_ONNX_STAGE_H_
