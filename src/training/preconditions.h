// What a log must have for a training to mean something, found out before the training begins.
//
//   UPNEXT_RETURN_IF_ERROR(CheckTestPart(*dataset, options.dataset.split));
//   UPNEXT_ASSIGN_OR_RETURN(options.train.objectives,
//                           TrainableObjectives(*dataset, options.train.objectives,
//                                               /*are_defaults=*/false, pool, progress));
//
// Functions of their arguments: any thread.
#ifndef UPNEXT_TRAINING_PRECONDITIONS_H_
#define UPNEXT_TRAINING_PRECONDITIONS_H_

#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/split.h"
#include "ranking/objectives.h"
#include "training/dataset.h"

namespace upnext::training {

// kFailedPrecondition when a test part is asked for and holds no event. kind = "none" and
// test_days = 0 ask for none.
Status CheckTestPart(const Dataset& dataset, const examples::SplitOptions& options);

// Those of the objectives whose labels differ between impressions of the training part. One that
// does not orders nothing: kFailedPrecondition, with the labels that the log has, when the feed is
// ordered by it (score_weight); otherwise it is left out with a note to `progress`. All of them when
// the training part has no impressions. If they are defaults and no impression was watched, the
// positive types of [labels] that impressions led to take their place, and clicks: the strongest
// orders the feed.
Result<std::vector<ranking::Objective>> TrainableObjectives(
    const Dataset& dataset, const std::vector<ranking::Objective>& given, bool are_defaults,
    base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_PRECONDITIONS_H_
