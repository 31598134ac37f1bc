// What an evaluation found (evaluate.h): a value. report/render.h prints it as a table, JSON or a
// page.
#ifndef UPNEXT_EVALUATION_REPORT_H_
#define UPNEXT_EVALUATION_REPORT_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "evaluation/metrics.h"
#include "evaluation/ranker_report.h"
#include "retrieval/feed_order.h"

namespace upnext::evaluation {

struct Metric {
  double value;
  Interval interval;  // 95 %, bootstrap over users; NaN where none is computed
};
// Metrics of retrieval: hr@10, ndcg@10, hr@20, ndcg@20, map, coverage@10 (share of the log's items
// in the first ten of any user), recall@k for k of kRecallCurve, and those of list_figures.h.
inline constexpr size_t kRecallCurve[] = {1, 2, 5, 10, 20, 50, 100};
using Metrics = std::map<std::string, Metric>;  // "hr@10" -> ...

struct ModelMetrics {
  std::string name;  // "candidate model", "popularity", "markov", "item-knn"
  Metrics metrics;
};

// The figures of all models on a part of the cases, or of the targets: recall@10 and recall@100.
struct RetrievalSlice {
  std::string by, name;  // "events of the user before the list", "3 to 12"
  std::string of;        // what `size` counts: "users", "targets"
  uint64_t size = 0;
  std::vector<ModelMetrics> rows;  // the model first
};

// Held-out targets, and those among them that the feed leaves out (features/feed_rule.h): misses.
struct TargetCounts {
  uint64_t all = 0, seen = 0, disliked = 0, removed = 0;
};

// The new model's metric less that of the current bundle's model, on the same events.
struct PairedDifference {
  std::string stage, metric;  // "retrieval", "ndcg@10"
  bool less_is_better = false;
  double next = 0, current = 0;     // over the users in whom both are measured
  Interval interval = kNoInterval;  // of next - current: 95 %, bootstrap over pairs
  uint64_t users = 0;
};

// A baseline that is clearly better: `current` of the difference is the baseline's figure.
struct BaselineLoss {
  std::string baseline,
      ours;  // "item-knn", "candidate model", "served order", "ranked feed" or "ranker"
  PairedDifference difference;
};

// A choice of the order of feeds without a ranker, on the validation part (order_choice.h).
struct TriedOrder {
  std::string order;                  // "0.7 candidate-model + 0.3 co-watch"
  double ndcg = 0;                    // ndcg@10
  Interval difference = kNoInterval;  // to the first one: 95 %, paired by user
};
struct OrderChoice {
  retrieval::FeedOrder order;
  std::vector<TriedOrder> tried;  // none: there was nothing to choose from, or to measure it on
  uint64_t users = 0;
};

struct RetrievalReport {
  ModelMetrics model;
  std::optional<ModelMetrics> served;  // the served order, where that is not the model's
  // Feeds from end to end, where there is a ranker and reach was measured: of ranked_users.
  std::optional<ModelMetrics> ranked;
  std::optional<ModelMetrics> current;  // the current bundle's, on the same events
  std::vector<ModelMetrics> baselines;
  std::vector<ModelMetrics> reach;  // of the generators (reach.h); empty where it was not measured
  std::vector<RetrievalSlice> slices;
  uint64_t users = 0, items = 0;  // test users, items of the log
  std::string network;            // of others, that is the candidate model; "": upnext's own is
  uint64_t ranked_users = 0;
  TargetCounts targets;
  // Of what is served, the worst first. With a ranker that is the ranked feed: rows above it are among
  // the baselines then.
  std::vector<BaselineLoss> losses;
};
struct RankingReport {
  ModelMetrics
      model;  // "weighted_user_loss", "watch_mae_s", "watch_rmse_s", "watch_xauc", "auc.click", ...
  std::optional<ModelMetrics> current;  // the current bundle's, on the same events
  std::vector<ModelMetrics> baselines;
  std::vector<BaselineLoss> losses;  // of the ranker, metric by metric, the worst first
  std::string architecture;          // of the ranker, with its sizes
  uint64_t multiplications = 0;      // of the ranker per impression (MT-05; Zhao 2019, section 5.2)
  uint64_t users = 0, impressions = 0;
  std::vector<TaskCalibration> calibration;  // by objective
  std::vector<Contribution> contributions;   // of the objectives of the score
  ExpertUse experts;
  BiasByPosition bias;
  std::optional<Importance> importance;  // where it was asked for
};

struct Report {
  std::optional<RetrievalReport> retrieval;
  std::optional<RankingReport> ranking;
  std::optional<OrderChoice> order;           // made by the training that the report is of
  std::vector<PairedDifference> differences;  // to the current bundle, one for each stage at most
  std::string split;                          // Split::Describe()
  uint64_t seed = 0;
  std::string machine, version;    // processor and threads; bundle version or ""
  std::vector<std::string> notes;  // remarks needed to interpret the metrics
};

}  // namespace upnext::evaluation

#endif  // UPNEXT_EVALUATION_REPORT_H_
