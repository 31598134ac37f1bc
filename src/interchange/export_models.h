// Writes the models of a bundle into a folder for ONNX Runtime and what else reads ONNX
// (docs/guides/export.md):
//
//   manifest.json  ranker.onnx  candidate.onnx  items.npy  vocabulary.NAME.txt
//   ranker.quantiles.json  ranker.example.json ...
//   reference/manifest.json ...                             the candidate model that the ranker reads
//
//   UPNEXT_RETURN_IF_ERROR(ExportModels(models, source, folder, pool));
//
// Reads only what it is given: any number of threads, one folder each.
#ifndef UPNEXT_INTERCHANGE_EXPORT_MODELS_H_
#define UPNEXT_INTERCHANGE_EXPORT_MODELS_H_

#include <filesystem>
#include <string>

#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"
#include "ranking/ranker.h"
#include "retrieval/candidate_model.h"

namespace upnext::interchange {

struct Models {
  const features::FeatureStatistics& tables;
  const retrieval::CandidateModel* candidate = nullptr;  // null: not exported
  const ranking::Ranker* ranker = nullptr;
  std::string version;  // of the bundle
  uint64_t seed = 1;    // of the choice of examples
};

// Examples are of the training part of `source`. Makes the folder; files of the same names are
// replaced, manifest.json last. kFailedPrecondition when there is neither model.
Status ExportModels(const Models& models, const examples::ReplaySource& source,
                    const std::filesystem::path& folder, base::ThreadPool& pool);

}  // namespace upnext::interchange

#endif  // UPNEXT_INTERCHANGE_EXPORT_MODELS_H_
