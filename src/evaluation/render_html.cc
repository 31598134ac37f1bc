// The report as one page: no scripts, no requests, light and dark.
#include <cmath>
#include <iterator>

#include "evaluation/figure_names.h"
#include "evaluation/report.h"
#include "evaluation/svg.h"

namespace upnext::evaluation {
namespace {

constexpr const char* kStyle = R"(<style>
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --line: #d5dae2; --page: #fff;
  --c0: #1f6feb; --c1: #9aa7b8; --c2: #d9822b; --c3: #2e9e6b; --c4: #a35bd0; --c5: #c94f5d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ef; --soft: #98a2b3; --line: #344054;
  --page: #12161d; --c0: #6ea8ff; --c1: #5f6d80; --c2: #f0a860; --c3: #5cc797; --c4: #c596e8;
  --c5: #ef8a95; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
  max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
p.soft, .legend, small { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
tr.model td { font-weight: 600; }
small { display: block; font-weight: 400; font-size: .78rem; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 1rem 2rem; }
figure { margin: 0; } figcaption { font-weight: 600; margin-bottom: .3rem; }
svg { width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); } svg .axis { fill: var(--soft); }
.grid { stroke: var(--line); } .whisker { stroke: var(--ink); stroke-width: 1.5; }
.diagonal { stroke: var(--soft); stroke-dasharray: 4 4; }
polyline { fill: none; stroke-width: 2; }
.s0 { fill: var(--c0); color: var(--c0); } polyline.s0 { fill: none; stroke: var(--c0); }
.s1 { fill: var(--c1); color: var(--c1); } polyline.s1 { fill: none; stroke: var(--c1); }
.s2 { fill: var(--c2); color: var(--c2); } polyline.s2 { fill: none; stroke: var(--c2); }
.s3 { fill: var(--c3); color: var(--c3); } polyline.s3 { fill: none; stroke: var(--c3); }
.s4 { fill: var(--c4); color: var(--c4); } polyline.s4 { fill: none; stroke: var(--c4); }
.s5 { fill: var(--c5); color: var(--c5); } polyline.s5 { fill: none; stroke: var(--c5); }
</style>
)";

template <typename... Args>
void Add(std::string* out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(*out), format, std::forward<Args>(args)...);
}

int Digits(const std::string& key) { return IsSeconds(key) ? 2 : 4; }

void AddRow(const ModelFigures& row, const std::vector<std::string>& columns, bool model,
            std::string* out) {
  Add(out, "<tr{}><td>{}</td>", model ? " class=\"model\"" : "", Escaped(row.name));
  for (const std::string& column : columns) {
    const auto found = row.figures.find(column);
    if (found == row.figures.end() || std::isnan(found->second.value)) {
      *out += "<td>&ndash;</td>";
      continue;
    }
    const auto& [value, interval] = found->second;
    Add(out, "<td>{:.{}f}", value, Digits(column));
    if (!std::isnan(interval.low)) {
      Add(out, "<small>{:.{}f} to {:.{}f}</small>", interval.low, Digits(column), interval.high,
          Digits(column));
    }
    *out += "</td>";
  }
  *out += "</tr>\n";
}

void AddTable(const ModelFigures& model, const std::vector<ModelFigures>& baselines,
              std::vector<std::string> keys, std::string* out) {
  const std::vector<std::string> columns = TableColumns(model, baselines, std::move(keys));
  *out += "<div class=\"scroll\"><table><thead><tr><th></th>";
  for (const std::string& column : columns) Add(out, "<th>{}</th>", Escaped(column));
  *out += "</tr></thead><tbody>\n";
  AddRow(model, columns, /*model=*/true, out);
  for (const ModelFigures& row : baselines) AddRow(row, columns, /*model=*/false, out);
  *out += "</tbody></table></div>\n";
}

void AddFigure(const std::string& caption, const std::string& plot, std::string* out) {
  if (plot.empty()) return;
  Add(out, "<figure><figcaption>{}</figcaption>\n{}</figure>\n", Escaped(caption), plot);
}

// One bar plot per key: the model first, then whoever has the figure.
void AddBars(const ModelFigures& model, const std::vector<ModelFigures>& baselines,
             const std::vector<std::string>& keys, std::string* out) {
  for (const std::string& key : keys) {
    BarPlotOptions plot{.title = key, .bars = {}, .digits = Digits(key)};
    const auto add = [&](const ModelFigures& row) {
      const auto found = row.figures.find(key);
      if (found == row.figures.end() || std::isnan(found->second.value)) return;
      const auto& [value, interval] = found->second;
      plot.bars.push_back({row.name, value, interval.low, interval.high});
    };
    add(model);
    if (plot.bars.empty()) continue;
    for (const ModelFigures& row : baselines) add(row);
    AddFigure(key, BarPlot(plot), out);
  }
}

Line RecallCurve(const ModelFigures& row) {
  Line line{row.name, {}};
  for (const size_t k : kRecallCurve) {
    const auto found = row.figures.find(fmt::format("recall@{}", k));
    if (found == row.figures.end() || std::isnan(found->second.value)) continue;
    line.points.emplace_back(static_cast<double>(k), found->second.value);
  }
  return line;
}

void AddRetrieval(const RetrievalReport& retrieval, std::string* out) {
  Add(out, "<h2>Retrieval</h2>\n<p class=\"soft\">{} users, {} items</p>\n", retrieval.users,
      retrieval.items);
  AddTable(retrieval.model, retrieval.baselines,
           {std::begin(kRetrievalKeys), std::end(kRetrievalKeys)}, out);
  *out += "<div class=\"plots\">\n";
  AddBars(retrieval.model, retrieval.baselines, {"hr@10", "ndcg@10", "map", "coverage@10"}, out);
  LinePlotOptions curve{.title = "recall at k",
                        .x_label = "k",
                        .y_label = "recall",
                        .lines = {RecallCurve(retrieval.model)},
                        .log_x = true};
  for (const ModelFigures& row : retrieval.baselines) curve.lines.push_back(RecallCurve(row));
  AddFigure("recall@k", LinePlot(curve), out);
  *out += "</div>\n";
}

void AddCalibration(std::span<const CalibrationBin> bins, std::string* out) {
  if (bins.empty()) return;
  Line line{"ranker", {}};
  for (const CalibrationBin& bin : bins) line.points.emplace_back(bin.predicted, bin.observed);
  AddFigure("watch time by decile of prediction, seconds",
            LinePlot({.title = "calibration of expected watch time",
                      .x_label = "expected",
                      .y_label = "watched",
                      .lines = {line},
                      .diagonal = true}),
            out);
  const double slope = CalibrationSlope(bins);
  if (!std::isnan(slope)) {
    Add(out, "<p class=\"soft\">Calibration slope {:.3f}; 1 is calibrated.</p>\n", slope);
  }
}

void AddRanking(const RankingReport& ranking, std::string* out) {
  Add(out, "<h2>Ranking</h2>\n<p class=\"soft\">{} impressions of {} users</p>\n",
      ranking.impressions, ranking.users);
  AddTable(ranking.model, ranking.baselines, {std::begin(kRankingKeys), std::end(kRankingKeys)},
           out);
  *out += "<div class=\"plots\">\n";
  AddBars(ranking.model, ranking.baselines,
          TableColumns(ranking.model, {}, {std::begin(kRankingKeys), std::end(kRankingKeys)}), out);
  AddCalibration(ranking.watch_calibration, out);
  *out += "</div>\n";
}

}  // namespace

std::string RenderHtml(const Report& report) {
  std::string out =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Evaluation</title>\n";
  out += kStyle;
  out += "</head><body>\n<h1>Evaluation</h1>\n<p class=\"soft\">";
  if (!report.version.empty()) Add(&out, "Bundle {}. ", Escaped(report.version));
  Add(&out,
      "Split {}. Small numbers and whiskers are 95 % bootstrap intervals over users, seed "
      "{}.<br>{}</p>\n",
      Escaped(report.split), report.seed, Escaped(report.machine));
  if (!report.notes.empty()) {
    out += "<ul>\n";
    for (const std::string& note : report.notes) Add(&out, "<li>{}</li>\n", Escaped(note));
    out += "</ul>\n";
  }
  if (report.retrieval) AddRetrieval(*report.retrieval, &out);
  if (report.ranking) AddRanking(*report.ranking, &out);
  return out + "</body></html>\n";
}

}  // namespace upnext::evaluation
