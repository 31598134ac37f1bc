// Runs an evaluation, stores its metrics, and decides whether a bundle may be published.
// report/render.h writes a Report as a table, JSON or a page.
//
//   UPNEXT_ASSIGN_OR_RETURN(Report report, Evaluate(subject, options, pool, progress));
#ifndef UPNEXT_EVALUATION_REPORT_H_
#define UPNEXT_EVALUATION_REPORT_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/metrics.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"
#include "ranking/ranker.h"
#include "retrieval/candidate_model.h"

namespace upnext::evaluation {

struct Metric {
  double value;
  Interval interval;  // 95 %, bootstrap over users; NaN where none is computed
};
// Metrics of retrieval: hr@10, ndcg@10, hr@20, ndcg@20, map, coverage@10 (share of the log's items
// in the first ten of any user), recall@k for k of kRecallCurve.
inline constexpr size_t kRecallCurve[] = {1, 2, 5, 10, 20, 50, 100};
using Metrics = std::map<std::string, Metric>;  // "hr@10" -> ...

struct ModelMetrics {
  std::string name;  // "candidate model", "popularity", "markov", "item-knn"
  Metrics metrics;
};

struct RetrievalReport {
  ModelMetrics model;
  std::vector<ModelMetrics> baselines;
  uint64_t users = 0, items = 0;  // test users, items of the log
};
struct RankingReport {
  ModelMetrics
      model;  // "weighted_user_loss", "watch_mae_s", "watch_rmse_s", "watch_xauc", "auc.click", ...
  std::vector<ModelMetrics> baselines;
  uint64_t users = 0, impressions = 0;
  std::vector<CalibrationBin> watch_calibration;  // deciles of expected watch seconds (EV-05)
};

struct Report {
  std::optional<RetrievalReport> retrieval;
  std::optional<RankingReport> ranking;
  std::string split;  // Split::Describe()
  uint64_t seed = 0;
  std::string machine, version;    // processor and threads; bundle version or ""
  std::vector<std::string> notes;  // remarks needed to interpret the metrics
};

// What is evaluated; models that are null are skipped.
struct Subject {
  const examples::ReplaySource& source;
  const features::FeatureStatistics& tables;
  const retrieval::CandidateModel* candidate = nullptr;
  const ranking::Ranker* ranker = nullptr;
};
struct EvaluateOptions {
  examples::SplitPart part = examples::SplitPart::kTest;
  uint64_t seed = 1;
  bool filter_seen = true;  // items watched before are not ranked
  bool baselines = true;
  // Most users of retrieval, spread evenly over those of the part; the report mentions it. 0: as
  // many as keep users x items, the number of scores of each model, below five billion.
  uint32_t max_users = 0;
  // User state of a ranking example: live = all events before it, as when serving; frozen = only
  // events before the split, as in a batch system.
  bool frozen_state = false;
};
Result<Report> Evaluate(const Subject& subject, const EvaluateOptions& options,
                        base::ThreadPool& pool, base::Progress& progress);

// The gate before publishing: whether the main metric of a stage (retrieval: ndcg@10, ranking:
// weighted_user_loss, else watch_rmse_s) is worse in `next` than in `current` beyond `margin`
// (relative), or a stage of `current` is missing. "" when the bundle may be published, else the
// reason, with both splits when they differ.
std::string WorseThan(const Report& next, const Report& current, double margin);

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_REPORT_H_
