// The table for a terminal.
#include <array>
#include <cmath>
#include <iterator>
#include <optional>
#include <span>

#include "base/numbers.h"
#include "evaluation/report.h"
#include "report/difference_text.h"
#include "report/metric_names.h"
#include "report/ranker_details.h"
#include "report/render.h"
#include "report/retrieval_details.h"
#include "report/text_table.h"

namespace upnext::report {
namespace {

void AppendTable(const evaluation::ModelMetrics& model,
                 std::span<const std::optional<evaluation::ModelMetrics>> beside,
                 const std::vector<evaluation::ModelMetrics>& baselines,
                 std::vector<std::string> keys, std::string* out) {
  const std::vector<std::string> columns = TableColumns(model, baselines, std::move(keys));
  std::vector<std::vector<std::string>> rows(1, {""});
  rows[0].insert(rows[0].end(), columns.begin(), columns.end());
  const auto add = [&](const evaluation::ModelMetrics& metrics) {
    std::vector<std::string>& row = rows.emplace_back(1, metrics.name);
    for (const std::string& column : columns) row.push_back(CellOf(metrics, column));
  };
  add(model);
  for (const auto& row : beside) {
    if (row) add(*row);
  }
  for (const evaluation::ModelMetrics& baseline : baselines) add(baseline);
  AppendTextTable(rows, out);
}

// "order of feeds without a ranker: co-watch, chosen on 1,234 validation users" and a line for each
// order that was tried.
std::string OrderText(const evaluation::OrderChoice& choice) {
  std::string text =
      fmt::format("order of feeds without a ranker: {}, chosen by ndcg@10 on {} validation users\n",
                  choice.order.ToText(), base::WithThousands(choice.users));
  for (const evaluation::TriedOrder& one : choice.tried) {
    text += fmt::format("  {:.4f}  {}", one.ndcg, one.order);
    if (!std::isnan(one.difference.low)) {
      text += fmt::format("  (less the first: {:+.4f} to {:+.4f})", one.difference.low,
                          one.difference.high);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string RenderTable(const evaluation::Report& report) {
  std::string out;
  if (report.retrieval) {
    fmt::format_to(std::back_inserter(out), "retrieval: {} users, {} items{}\n",
                   base::WithThousands(report.retrieval->users),
                   base::WithThousands(report.retrieval->items), NetworkText(*report.retrieval));
    AppendTable(
        report.retrieval->model,
        std::array{report.retrieval->served, report.retrieval->ranked, report.retrieval->current},
        report.retrieval->baselines, {std::begin(kRetrievalKeys), std::end(kRetrievalKeys)}, &out);
    out += "\n" + RetrievalDetailsTable(*report.retrieval);
  }
  if (report.ranking) {
    fmt::format_to(std::back_inserter(out), "ranking: {} impressions of {} users; {}\n",
                   base::WithThousands(report.ranking->impressions),
                   base::WithThousands(report.ranking->users), RankerText(*report.ranking));
    AppendTable(report.ranking->model, std::array{report.ranking->current},
                report.ranking->baselines, {std::begin(kRankingKeys), std::end(kRankingKeys)},
                &out);
    out += "\n" + RankerDetailsTable(*report.ranking);
  }
  const bool intervals = out.find("±") != std::string::npos;
  for (const evaluation::PairedDifference& difference : report.differences) {
    out += DifferenceText(difference) + "\n";
  }
  if (report.order) out += OrderText(*report.order);
  for (const std::string& note : report.notes) out += "note: " + note + "\n";
  if (!report.version.empty()) out += "bundle: " + report.version + "\n";
  fmt::format_to(std::back_inserter(out), "split: {}\n", report.split);
  if (intervals) {
    fmt::format_to(std::back_inserter(out),
                   "± is half of a 95 % bootstrap interval over users, seed {}\n", report.seed);
  }
  fmt::format_to(std::back_inserter(out), "machine: {}\n", report.machine);
  return out;
}

}  // namespace upnext::report
