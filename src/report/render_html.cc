// The report as one HTML page: no scripts, no requests, light and dark mode.
#include <array>
#include <cmath>
#include <optional>
#include <span>

#include "evaluation/report.h"
#include "report/append_format.h"
#include "report/difference_text.h"
#include "report/metric_names.h"
#include "report/page.h"
#include "report/ranker_details.h"
#include "report/render.h"
#include "report/retrieval_details.h"
#include "report/svg.h"

namespace upnext::report {
namespace {

int Digits(const std::string& key) { return IsSeconds(key) ? 2 : 4; }

void AddRow(const evaluation::ModelMetrics& row, const std::vector<std::string>& columns,
            bool model, std::string* out) {
  AppendFormat(out, "<tr{}><td>{}</td>", model ? " class=\"model\"" : "", Escaped(row.name));
  for (const std::string& column : columns) {
    const auto found = row.metrics.find(column);
    if (found == row.metrics.end() || std::isnan(found->second.value)) {
      *out += "<td>&ndash;</td>";
      continue;
    }
    const auto& [value, interval] = found->second;
    AppendFormat(out, "<td>{:.{}f}", value, Digits(column));
    if (!std::isnan(interval.low)) {
      AppendFormat(out, "<small>{:.{}f} to {:.{}f}</small>", interval.low, Digits(column),
                   interval.high, Digits(column));
    }
    *out += "</td>";
  }
  *out += "</tr>\n";
}

void AddTable(const evaluation::ModelMetrics& model,
              std::span<const std::optional<evaluation::ModelMetrics>> beside,
              const std::vector<evaluation::ModelMetrics>& baselines, std::vector<std::string> keys,
              std::string* out) {
  const std::vector<std::string> columns = TableColumns(model, baselines, std::move(keys));
  *out += "<div class=\"scroll\"><table><thead><tr><th></th>";
  for (const std::string& column : columns) AppendFormat(out, "<th>{}</th>", Escaped(column));
  *out += "</tr></thead><tbody>\n";
  AddRow(model, columns, /*model=*/true, out);
  for (const auto& row : beside) {
    if (row) AddRow(*row, columns, /*model=*/false, out);
  }
  for (const evaluation::ModelMetrics& row : baselines) AddRow(row, columns, /*model=*/false, out);
  *out += "</tbody></table></div>\n";
}

// One bar plot per key: the model first, then all baselines with this metric.
void AddBars(const evaluation::ModelMetrics& model,
             const std::vector<evaluation::ModelMetrics>& baselines,
             const std::vector<std::string>& keys, std::string* out) {
  for (const std::string& key : keys) {
    BarPlotOptions plot{.title = key, .bars = {}, .digits = Digits(key)};
    const auto add = [&](const evaluation::ModelMetrics& row) {
      const auto found = row.metrics.find(key);
      if (found == row.metrics.end() || std::isnan(found->second.value)) return;
      const auto& [value, interval] = found->second;
      plot.bars.push_back({row.name, value, interval.low, interval.high});
    };
    add(model);
    if (plot.bars.empty()) continue;
    for (const evaluation::ModelMetrics& row : baselines) add(row);
    AddPlot(key, BarPlot(plot), out);
  }
}

Line RecallCurve(const evaluation::ModelMetrics& row) {
  Line line{row.name, {}};
  for (const size_t k : evaluation::kRecallCurve) {
    const auto found = row.metrics.find(fmt::format("recall@{}", k));
    if (found == row.metrics.end() || std::isnan(found->second.value)) continue;
    line.points.emplace_back(static_cast<double>(k), found->second.value);
  }
  return line;
}

void AddRetrieval(const evaluation::RetrievalReport& retrieval, std::string* out) {
  AppendFormat(out, "<h2>Retrieval</h2>\n<p class=\"soft\">{} users, {} items{}</p>\n",
               retrieval.users, retrieval.items, Escaped(NetworkText(retrieval)));
  AddTable(retrieval.model, std::array{retrieval.served, retrieval.ranked, retrieval.current},
           retrieval.baselines, {std::begin(kRetrievalKeys), std::end(kRetrievalKeys)}, out);
  *out += "<div class=\"plots\">\n";
  AddBars(retrieval.model, retrieval.baselines, {"hr@10", "ndcg@10", "map", "coverage@10"}, out);
  LinePlotOptions curve{.title = "recall at k",
                        .x_label = "k",
                        .y_label = "recall",
                        .lines = {RecallCurve(retrieval.model)},
                        .log_x = true};
  for (const evaluation::ModelMetrics& row : retrieval.baselines)
    curve.lines.push_back(RecallCurve(row));
  AddPlot("recall@k", LinePlot(curve), out);
  *out += "</div>\n";
  AddRetrievalDetailsHtml(retrieval, out);
}

void AddRanking(const evaluation::RankingReport& ranking, std::string* out) {
  AppendFormat(out, "<h2>Ranking</h2>\n<p class=\"soft\">{} impressions of {} users; {}</p>\n",
               ranking.impressions, ranking.users, Escaped(RankerText(ranking)));
  AddTable(ranking.model, std::array{ranking.current}, ranking.baselines,
           {std::begin(kRankingKeys), std::end(kRankingKeys)}, out);
  *out += "<div class=\"plots\">\n";
  AddBars(ranking.model, ranking.baselines,
          TableColumns(ranking.model, {}, {std::begin(kRankingKeys), std::end(kRankingKeys)}), out);
  *out += "</div>\n";
  AddRankerDetailsHtml(ranking, out);
}

}  // namespace

std::string RenderHtml(const evaluation::Report& report) {
  std::string out = PageHead("Evaluation");
  out += "<p class=\"soft\">";
  if (!report.version.empty()) AppendFormat(&out, "Bundle {}. ", Escaped(report.version));
  AppendFormat(&out,
               "Split {}. Small numbers and whiskers are 95 % bootstrap intervals over users, seed "
               "{}.<br>{}</p>\n",
               Escaped(report.split), report.seed, Escaped(report.machine));
  if (!report.notes.empty() || !report.differences.empty()) {
    out += "<ul>\n";
    for (const evaluation::PairedDifference& difference : report.differences) {
      AppendFormat(&out, "<li>{}</li>\n", Escaped(DifferenceText(difference)));
    }
    for (const std::string& note : report.notes) AppendFormat(&out, "<li>{}</li>\n", Escaped(note));
    out += "</ul>\n";
  }
  if (report.retrieval) AddRetrieval(*report.retrieval, &out);
  if (report.ranking) AddRanking(*report.ranking, &out);
  return out + std::string(kPageEnd);
}

}  // namespace upnext::report
