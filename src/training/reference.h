// The candidate model that features of the ranker read (RK-16, decision 0058). It is trained before the
// ranker on the first of the days with impressions, and the ranker learns from the others, so that no
// example reads a model that has seen its label.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto reference,
//                           PrepareReference(project, log, options, {.folder = staged}, pool, progress));
//   Dataset::Prepare(log, options.dataset, pool, progress, nullptr, reference) ...
//
// One thread at a time, with the project's lock held.
#ifndef UPNEXT_TRAINING_REFERENCE_H_
#define UPNEXT_TRAINING_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/split.h"
#include "features/feature_statistics.h"
#include "features/retrieval_reference.h"
#include "log/event_log.h"
#include "project/project.h"
#include "training/options.h"
#include "training/other_stage.h"

namespace upnext::training {

using ReferencePtr = std::shared_ptr<const features::RetrievalReference>;

// It learns from the events before `validation_ms`, validates on those up to `end_ms`, and sees none
// from then on. Both are beginnings of UTC days.
struct ReferenceDays {
  int64_t validation_ms, end_ms;
};
// `share` of the days of the training part that have impressions; a tenth of these validates, and at
// least one if there are two. kFailedPrecondition for fewer than two days with impressions, and for a
// split whose parts are not of days.
Result<ReferenceDays> ReferenceDaysOf(const log::EventLog& log, const examples::Split& split,
                                      double share);

struct ReferenceRequest {
  std::optional<Stage> only = {};     // the current bundle's is kept
  bool resume = false;                // from its checkpoints
  std::filesystem::path folder = {};  // where it is written
};
// Null when no feature of `options` reads one, and when the log has no impressions to rank. Otherwise
// it is trained with [retrieval]; or, with `only` and a bundle, it is that of the bundle:
// kFailedPrecondition if that has none, or one of other days.
Result<ReferencePtr> PrepareReference(const project::Project& project, const log::EventLog& log,
                                      const Options& options, const ReferenceRequest& request,
                                      base::ThreadPool& pool, base::Progress& progress);
// Its checkpoints stay until then.
Status RemoveReferenceCheckpoints(const project::Project& project);

// Of the validated models of the current bundle, for reading features of `log` outside of a training;
// null when `options` have none that read one. kNotFound without a bundle, kFailedPrecondition when its reference is of
// other features or ids.
Result<ReferencePtr> ReferenceOfCurrent(const project::Project& project, const log::EventLog& log,
                                        const DatasetOptions& options);

// For the report; "" without one.
std::string DescribeReference(const features::FeatureStatistics& statistics);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_REFERENCE_H_
