// The main job on a project: dataset -> train -> evaluate -> gate -> fit on the whole log -> publish.
//
//   UPNEXT_ASSIGN_OR_RETURN(const JobResult result,
//                           RunJob(project, options, {.resume = true}, pool, progress));
//   if (!result.published) ...                           result.manifest.gate says why
//
// Holds the project's lock while it runs. What happens on the way is reported to `progress`.
#ifndef UPNEXT_TRAINING_JOB_H_
#define UPNEXT_TRAINING_JOB_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/manifest.h"
#include "evaluation/report.h"
#include "project/project.h"
#include "training/options.h"
#include "training/other_stage.h"

namespace upnext::training {

// Whether models continue from the current bundle (continued.h).
enum class Continue : uint8_t {
  kNo,
  kIfPossible,  // otherwise the training is a new one, with a note that says why
  kYes
};

struct JobRequest {
  // Train this stage alone and keep the other's model of the current bundle. Without a bundle there
  // is none: the first one may hold a single stage.
  std::optional<Stage> only = {};
  std::optional<uint32_t> shard = {};  // learn from, and evaluate on, one shard of the log alone
  bool resume = false;                 // continue from the checkpoints of an earlier run
  bool force = false;                  // publish although the gate refuses
  Continue continues = Continue::kNo;  // neither with `only` nor with `shard`
};

struct JobResult {
  evaluation::Report report;
  // What was published; of a bundle that was refused, what was going to be. `gate` says why.
  bundle::Manifest manifest;
  bool published = false;
  std::string nothing_new = "";  // why nothing was trained: the log has nothing that is new
  int64_t seen_until_ms = 0;     // of what was published: the last event that it has learned from
};

// On error, and when the gate refuses, the current bundle stays and the checkpoints too, so that a
// run with `resume` does not train again. kAborted when another process holds the project,
// kFailedPrecondition when the current bundle cannot be compared with (unless `force`), does not fit
// `only` or cannot be continued, else as Dataset::Prepare, Train and Evaluate.
Result<JobResult> RunJob(const project::Project& project, const Options& options,
                         const JobRequest& request, base::ThreadPool& pool,
                         base::Progress& progress);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_JOB_H_
