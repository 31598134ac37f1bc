// What is done with the models of a project: what a training came to, their evaluation, their export.
//
//   UPNEXT_ASSIGN_OR_RETURN(const evaluation::Report report, EvaluateProject(settings, {}, pool, progress));
//
// Functions without state.
#ifndef UPNEXT_API_MODELS_H_
#define UPNEXT_API_MODELS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/settings.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/report.h"
#include "examples/split.h"
#include "training/job.h"

namespace upnext::api {

// The report, unless there was nothing to train, and what became of the bundle.
nlohmann::json TrainJson(const training::JobResult& result);

struct EvaluateRequest {
  examples::SplitPart part = examples::SplitPart::kTest;
  bool frozen = false;      // user states as of the split
  bool importance = false;  // of the features of the ranker
  std::optional<uint64_t> seed = {};
};
// Of the models that were validated with the current bundle.
Result<evaluation::Report> EvaluateProject(const Settings& settings, const EvaluateRequest& request,
                                           base::ThreadPool& pool, base::Progress& progress);

// Writes the models of the current bundle as ONNX into `folder`. Returns the version of the bundle.
Result<std::string> ExportModels(const Settings& settings, const std::string& folder,
                                 base::ThreadPool& pool);

struct ExamplesRequest {
  std::string file = {};
  bool ranking = true;       // examples of the ranker, else of the candidate model
  std::string part = "all";  // one of kExampleParts
  uint64_t limit = 0;        // examples at most, of users chosen at random; 0: all
};
inline constexpr std::string_view kExampleParts[] = {"train", "validation", "test", "all"};
// Writes training examples as Parquet, and their feature statistics next to them (training/onnx_models.h). Returns how many.
Result<uint64_t> ExportExamples(const Settings& settings, const ExamplesRequest& request,
                                base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::api

#endif  // UPNEXT_API_MODELS_H_
