// The table for a terminal.
#include <cmath>
#include <iterator>

#include "base/numbers.h"
#include "evaluation/report.h"
#include "report/metric_names.h"
#include "report/render.h"

namespace upnext::report {
namespace {

// "0.2144 ±.0103": the value and half the width of its interval. The sign is one column wide and
// two bytes long, so cells carry their width.
struct Cell {
  std::string text;
  size_t width;
};

Cell CellOf(const evaluation::ModelMetrics& row, const std::string& key) {
  const auto found = row.metrics.find(key);
  if (found == row.metrics.end() || std::isnan(found->second.value)) return {"-", 1};
  const int digits = IsSeconds(key) ? 2 : 4;
  Cell cell{fmt::format("{:.{}f}", found->second.value, digits), 0};
  cell.width = cell.text.size();
  const evaluation::Interval& interval = found->second.interval;
  if (std::isnan(interval.low)) return cell;
  const std::string half = fmt::format("{:.{}f}", (interval.high - interval.low) / 2, digits);
  cell.text += " ±" + half;
  cell.width += 2 + half.size();
  return cell;
}

void AppendRow(const std::vector<Cell>& cells, const std::vector<size_t>& widths,
               std::string* out) {
  *out += " ";
  for (size_t c = 0; c < cells.size(); ++c) {
    const std::string padding(widths[c] - cells[c].width, ' ');
    *out += " ";
    // Names stand left, numbers right.
    *out += c == 0 ? cells[c].text + padding : " " + padding + cells[c].text;
  }
  out->erase(out->find_last_not_of(' ') + 1);
  *out += "\n";
}

void AppendTable(const evaluation::ModelMetrics& model,
                 const std::vector<evaluation::ModelMetrics>& baselines,
                 std::vector<std::string> keys, std::string* out) {
  const std::vector<std::string> columns = TableColumns(model, baselines, std::move(keys));
  std::vector<std::vector<Cell>> rows(1, {Cell{"", 0}});
  for (const std::string& column : columns) rows[0].push_back({column, column.size()});
  const auto add = [&](const evaluation::ModelMetrics& metrics) {
    std::vector<Cell>& row = rows.emplace_back(1, Cell{metrics.name, metrics.name.size()});
    for (const std::string& column : columns) row.push_back(CellOf(metrics, column));
  };
  add(model);
  for (const evaluation::ModelMetrics& baseline : baselines) add(baseline);
  std::vector<size_t> widths(columns.size() + 1, 0);
  for (const std::vector<Cell>& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].width);
  }
  for (const std::vector<Cell>& row : rows) AppendRow(row, widths, out);
}

}  // namespace

std::string RenderTable(const evaluation::Report& report) {
  std::string out;
  if (report.retrieval) {
    fmt::format_to(std::back_inserter(out), "retrieval: {} users, {} items\n",
                   base::WithThousands(report.retrieval->users),
                   base::WithThousands(report.retrieval->items));
    AppendTable(report.retrieval->model, report.retrieval->baselines,
                {std::begin(kRetrievalKeys), std::end(kRetrievalKeys)}, &out);
    out += "\n";
  }
  if (report.ranking) {
    fmt::format_to(std::back_inserter(out), "ranking: {} impressions of {} users\n",
                   base::WithThousands(report.ranking->impressions),
                   base::WithThousands(report.ranking->users));
    AppendTable(report.ranking->model, report.ranking->baselines,
                {std::begin(kRankingKeys), std::end(kRankingKeys)}, &out);
    out += "\n";
  }
  for (const std::string& note : report.notes) out += "note: " + note + "\n";
  if (!report.version.empty()) out += "bundle: " + report.version + "\n";
  fmt::format_to(std::back_inserter(out),
                 "split: {}\n± is half of a 95 % bootstrap interval over users, seed {}\n"
                 "machine: {}\n",
                 report.split, report.seed, report.machine);
  return out;
}

}  // namespace upnext::report
