// Evaluates the models of both stages on a held-out part, next to simple baselines.
//
//   UPNEXT_ASSIGN_OR_RETURN(Report report, Evaluate(subject, options, pool, progress));
//
// One evaluation at a time per pool. Same seed and data: same figures, whatever the number of
// threads.
#ifndef UPNEXT_EVALUATION_EVALUATE_H_
#define UPNEXT_EVALUATION_EVALUATE_H_

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/deciding_figures.h"
#include "evaluation/report.h"
#include "examples/holdout.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"
#include "features/feed_rule.h"
#include "features/trend_counts.h"
#include "ranking/ranking_model.h"
#include "retrieval/co_watch.h"
#include "retrieval/feed_order.h"
#include "retrieval/generator_registry.h"
#include "retrieval/user_item_model.h"

namespace upnext::evaluation {

// What is evaluated; null models are left out.
struct Subject {
  const examples::ReplaySource& source;
  const features::FeatureStatistics& tables;
  const retrieval::UserItemModel* candidate = nullptr;
  const ranking::RankingModel* ranker = nullptr;
};
// How feeds without a ranker are made, as serving reads it.
struct ServedOptions {
  retrieval::FeedOrder order = {};
  bool order_is_auto = false;  // the order was chosen among all there are
  retrieval::GeneratorBudgets budgets = {};
  retrieval::CoWatchOptions co_watch = {};
  features::LiveOptions live = {};  // of trending
};
// Whether what the generators reach is measured too (reach.h).
struct ReachOptions {
  std::vector<retrieval::ConfiguredLearner> learners = {};
  std::filesystem::path scratch = {};  // empty: it is not
};
// As many impressions are enough for the order of the features that matter.
inline constexpr size_t kImportanceSample = 20'000;
struct EvaluateOptions {
  examples::SplitPart part = examples::SplitPart::kTest;
  uint64_t seed = 1;
  // What is left out of the lists; a target among it is a miss.
  features::FeedRule feed = {};
  bool baselines = true;
  bool item2vec = false;  // with them, a row of item2vec, which is trained for it
  ServedOptions served = {};
  ReachOptions reach = {};
  // Of retrieval, at most, spread evenly over those of the part; the report says so. 0: as many as
  // keep users x items, the scores that each model computes, below five billion.
  uint32_t max_users = 0;
  // Of a split by time. With several lists of a user his figures are the means over them.
  examples::HoldoutTargets targets = examples::HoldoutTargets::kAll;
  // Of the ranker beyond its metrics (ranker_report.h).
  bool details = true;
  // The importance of its features too, on about this many impressions. 0: not.
  size_t importance_impressions = 0;
  // User state at each ranking example: live = everything before it, as served; frozen = only what
  // lies before the split, as a batch system would.
  bool frozen_state = false;
};
// `deciding`: receives what Difference() compares with another evaluation.
Result<Report> Evaluate(const Subject& subject, const EvaluateOptions& options,
                        base::ThreadPool& pool, base::Progress& progress,
                        DecidingFigures* deciding = nullptr);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_EVALUATE_H_
