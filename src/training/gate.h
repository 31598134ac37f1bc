// The gate before publishing: a new bundle replaces the current one only when its figures are not
// clearly worse.
//
//   UPNEXT_ASSIGN_OR_RETURN(const auto current, CurrentReport(project));
//   const std::string why = current ? WorseThan(report, *current, options.margin) : "";
//
// Functions of their arguments and of the project's folder: any thread.
#ifndef UPNEXT_TRAINING_GATE_H_
#define UPNEXT_TRAINING_GATE_H_

#include <optional>
#include <string>

#include "base/status.h"
#include "evaluation/report.h"
#include "project/project.h"

namespace upnext::training {

// The report of the current bundle; nothing when there is no bundle yet.
Result<std::optional<evaluation::Report>> CurrentReport(const project::Project& project);

// Is `next` worse than `current` beyond `margin` (relative) on the main figure of a stage
// (retrieval: ndcg@10, ranking: weighted_user_loss, else watch_rmse_s), or without a stage that
// `current` has figures of? "" when it may be published, else why not, with both test sets when
// they differ.
std::string WorseThan(const evaluation::Report& next, const evaluation::Report& current,
                      double margin);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_GATE_H_
