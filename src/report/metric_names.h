// The metrics of each stage in display order. Only this room includes it.
#ifndef UPNEXT_REPORT_METRIC_NAMES_H_
#define UPNEXT_REPORT_METRIC_NAMES_H_

#include <string>
#include <vector>

#include "evaluation/report.h"

namespace upnext::report {

// The keys that every JSON report has.
inline constexpr const char* kRetrievalKeys[] = {
    "hr@10", "ndcg@10",     "recall@100", "debiased_recall@100",
    "map",   "coverage@10", "gini@10",    "new@10"};
inline constexpr const char* kRankingKeys[] = {"weighted_user_loss", "watch_mae_s", "watch_rmse_s",
                                               "watch_xauc"};

// Columns of a table: these keys if any row has them, then those of single objectives, "auc.NAME".
inline std::vector<std::string> TableColumns(const evaluation::ModelMetrics& model,
                                             const std::vector<evaluation::ModelMetrics>& baselines,
                                             std::vector<std::string> keys) {
  std::vector<std::string> columns;
  const auto has = [](const evaluation::ModelMetrics& row, const std::string& key) {
    return row.metrics.contains(key);
  };
  for (std::string& key : keys) {
    bool any = has(model, key);
    for (const evaluation::ModelMetrics& row : baselines) any = any || has(row, key);
    if (any) columns.push_back(std::move(key));
  }
  for (const auto& [key, metric] : model.metrics) {
    if (key.find('.') != std::string::npos) columns.push_back(key);
  }
  return columns;
}

inline bool IsSeconds(const std::string& key) { return key.ends_with("_s"); }

}  // namespace upnext::report

#endif  // UPNEXT_REPORT_METRIC_NAMES_H_
