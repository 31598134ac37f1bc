// What a log must have for a training to mean something, found out before the training begins.
//
//   UPNEXT_RETURN_IF_ERROR(CheckTestPart(*dataset, options.dataset.split));
//   UPNEXT_ASSIGN_OR_RETURN(options.train.objectives,
//                           TrainableObjectives(*dataset, options.train.objectives,
//                                               {.are_defaults = false}, pool, progress));
//
// Functions of their arguments: any thread.
#ifndef UPNEXT_TRAINING_PRECONDITIONS_H_
#define UPNEXT_TRAINING_PRECONDITIONS_H_

#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/split.h"
#include "features/feed_rule.h"
#include "ranking/objectives.h"
#include "ranking/ranker.h"
#include "training/dataset.h"
#include "training/options.h"

namespace upnext::training {

// kFailedPrecondition when a test part is asked for and holds no event, or positive events of fewer
// than two users in a log of at least twenty. kind = "none" and test_days = 0 ask for none.
Status CheckTestPart(const Dataset& dataset, const examples::SplitOptions& options);

// Says that all epochs are run, when there is nothing to validate on; else "".
std::string WhyNothingStopsEarly(const Dataset& dataset);

// Says which setting means nothing with [split] kind = "leave-one-out"; else "": that the state of a
// training is kept, which no other continues, and [evaluation] targets, of which each user has one.
std::string WhyStateHasNoUse(const Options& options);
std::string WhyTargetsAreTheSame(const Options& options);

// Those of the objectives whose labels differ between impressions of the training part. One that
// does not orders nothing: kFailedPrecondition, with the labels that the log has, when the feed is
// ordered by it (score_weight); otherwise it is left out with a note to `progress`. All of them when
// the training part has no impressions. The label "unwanted" gets its event types and low ratings
// from the log. If they are defaults:
// - and no impression was watched, the positive types of [labels] that impressions led to take their
//   place, and clicks: the strongest orders the feed;
// - and at least features::kEnoughEvents impressions were unwanted, the score is lowered by how
//   likely that is, unless [serving] says that dislikes change nothing.
struct ObjectiveRules {
  bool are_defaults = false;     // not of the project file
  features::FeedRule feed = {};  // which ratings are low
};
Result<std::vector<ranking::Objective>> TrainableObjectives(
    const Dataset& dataset, const std::vector<ranking::Objective>& given,
    const ObjectiveRules& rules, base::ThreadPool& pool, base::Progress& progress);

// Whether a ranker of these options can be made for this log: kInvalidArgument for sizes that
// [ranking.match] cannot reach and for a [ranking.bias] that does not fit, as Ranker::Make;
// kFailedPrecondition for objectives with nothing to learn targets from.
Status CheckRanker(const Dataset& dataset, const ranking::RankerOptions& options,
                   const std::vector<ranking::Objective>& objectives, base::ThreadPool& pool);

// What the models that are published have learned from, for the report; `dataset` is what they were
// fitted on.
std::string WhatWasSeen(const Dataset& dataset, bool fitted_on_all);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_PRECONDITIONS_H_
