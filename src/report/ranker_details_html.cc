// The details of a ranker as sections of an HTML page.
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "evaluation/ranker_report.h"
#include "report/append_format.h"
#include "report/page.h"
#include "report/ranker_details.h"
#include "report/svg.h"

namespace upnext::report {
namespace {

constexpr std::string_view kMissingCell = "<td>&ndash;</td>";

void OpenTable(const std::vector<std::string>& columns, std::string* page) {
  *page += "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string& column : columns) AppendFormat(page, "<th>{}</th>", Escaped(column));
  *page += "</tr></thead><tbody>\n";
}
constexpr std::string_view kTableEnd = "</tbody></table></div>\n";

void AddCell(double value, int digits, std::string* page) {
  if (std::isnan(value)) {
    *page += kMissingCell;
  } else {
    AppendFormat(page, "<td>{:.{}f}</td>", value, digits);
  }
}

// The darker, the larger its share of the largest value.
void AddHeatCell(double value, double largest, const std::string& text, std::string* page) {
  if (std::isnan(value)) {
    *page += kMissingCell;
    return;
  }
  const double share = largest > 0 ? std::clamp(value / largest, 0.0, 1.0) : 0;
  AppendFormat(page,
               "<td style=\"background: color-mix(in srgb, var(--c0) {:.0f}%, transparent)\">{}"
               "</td>",
               60 * share, text);
}

void AddCalibration(const std::vector<evaluation::TaskCalibration>& tasks, std::string* page) {
  *page +=
      "<h3>Calibration</h3>\n<p class=\"soft\">Impressions in ten groups by prediction: the mean "
      "prediction of each and what was observed, in the unit of the objective. On the dashed line "
      "both are equal; a slope of 1 is calibrated. Error: the mean distance from the line.</p>\n"
      "<div class=\"plots\">\n";
  for (const evaluation::TaskCalibration& task : tasks) {
    Line line{task.objective, {}};
    for (const auto& bin : task.bins) line.points.emplace_back(bin.predicted, bin.observed);
    std::string caption = fmt::format("{}: error {:.4g}", task.objective, task.error);
    if (!std::isnan(task.slope)) caption += fmt::format(", slope {:.3f}", task.slope);
    AddPlot(caption,
            LinePlot({.title = fmt::format("calibration of {}", task.objective),
                      .x_label = "predicted",
                      .y_label = "observed",
                      .lines = {std::move(line)},
                      .diagonal = true}),
            page);
  }
  *page += "</div>\n";
}

void AddContributions(const std::vector<evaluation::Contribution>& contributions,
                      std::string* page) {
  *page +=
      "<h3>Contribution of the objectives to the order</h3>\n<p class=\"soft\">Share of the "
      "variance of the log score within pages; Kendall's tau of the orders with and without the "
      "factor (1: it changes nothing); how well the order puts the objective's own labels on top, "
      "with and without the factor (0: the worst order, 1: the best, about 0.5: a random one).</p>\n";
  OpenTable({"", "exponent", "share of variance", "tau without", "value", "value without"}, page);
  for (const evaluation::Contribution& one : contributions) {
    AppendFormat(page, "<tr><td>{}</td><td>{:.4g}</td>", Escaped(one.objective), one.exponent);
    AddHeatCell(one.variance_share, 1, fmt::format("{:.3f}", one.variance_share), page);
    AddCell(one.correlation, 3, page);
    AddCell(one.value, 4, page);
    AddCell(one.value_without, 4, page);
    *page += "</tr>\n";
  }
  *page += kTableEnd;
}

void AddExperts(const evaluation::ExpertUse& use, std::string* page) {
  AppendFormat(page,
               "<h3>Use of the experts</h3>\n<p class=\"soft\">Weights that the gate of each task "
               "gives the experts, means over {} impressions; a row adds up to 1.</p>\n",
               use.impressions);
  std::vector<std::string> columns = {""};
  columns.insert(columns.end(), use.experts.begin(), use.experts.end());
  OpenTable(columns, page);
  for (const evaluation::ExpertUse::Task& task : use.tasks) {
    AppendFormat(page, "<tr><td>{}</td>", Escaped(task.objective));
    for (const double weight : task.weights) {
      AddHeatCell(weight, 1, fmt::format("{:.2f}", weight), page);
    }
    *page += "</tr>\n";
  }
  *page += kTableEnd;
}

// Points of positions that have a value.
Line LineOf(std::string label, const std::vector<size_t>& positions,
            const std::vector<double>& values) {
  Line line{std::move(label), {}};
  for (size_t p = 0; p < positions.size(); ++p) {
    if (std::isnan(values[p])) continue;
    line.points.emplace_back(static_cast<double>(positions[p]), values[p]);
  }
  return line;
}

void AddBiasTable(const evaluation::BiasByPosition& bias, std::string* page) {
  std::vector<std::string> columns = {"position"};
  for (const size_t position : bias.positions) columns.push_back(std::to_string(position));
  OpenTable(columns, page);
  for (const auto& rates : bias.rates) {
    AppendFormat(page, "<tr><td>click rate, {}</td>", Escaped(rates.device));
    for (const double rate : rates.click_rate) AddCell(rate, 3, page);
    *page += "</tr>\n";
  }
  for (const auto& learned : bias.learned) {
    AppendFormat(page, "<tr><td>bias of {}, {}</td>", Escaped(learned.objective),
                 Escaped(learned.device));
    for (const double logit : learned.logit) AddCell(logit, 2, page);
    *page += "</tr>\n";
  }
  *page += kTableEnd;
}

void AddBias(const evaluation::BiasByPosition& bias, std::string* page) {
  *page += "<h3>Position</h3>\n<div class=\"plots\">\n";
  LinePlotOptions clicks{.title = "click rate by position",
                         .x_label = "position",
                         .y_label = "clicks per impression",
                         .lines = {}};
  for (const auto& rates : bias.rates) {
    clicks.lines.push_back(LineOf(rates.device, bias.positions, rates.click_rate));
  }
  AddPlot("click rate", LinePlot(clicks), page);
  std::vector<std::string> objectives;
  for (const auto& learned : bias.learned) {
    if (std::ranges::count(objectives, learned.objective) > 0) continue;
    objectives.push_back(learned.objective);
  }
  for (const std::string& objective : objectives) {
    LinePlotOptions plot{.title = fmt::format("learned bias of {}", objective),
                         .x_label = "position",
                         .y_label = "logit",
                         .lines = {},
                         .from_zero = false};
    for (const auto& learned : bias.learned) {
      if (learned.objective != objective) continue;
      plot.lines.push_back(LineOf(learned.device, bias.positions, learned.logit));
    }
    AddPlot(fmt::format("learned bias of {}, in the logit, less that of position {}", objective,
                        bias.positions.front()),
            LinePlot(plot), page);
  }
  *page += "</div>\n";
  AddBiasTable(bias, page);
}

void AddImportance(const evaluation::Importance& importance, std::string* page) {
  AppendFormat(page,
               "<h3>Importance of the features</h3>\n<p class=\"soft\">Rise of the loss, {:.5f}, "
               "and fall of AUC or XAUC by objective when the values of one feature are permuted "
               "among {} impressions (of a request: among {} requests). Features that say the same "
               "share their importance.</p>\n",
               importance.loss, importance.impressions, importance.requests);
  std::vector<std::string> columns = {"", "of each", "loss rise"};
  columns.insert(columns.end(), importance.objectives.begin(), importance.objectives.end());
  OpenTable(columns, page);
  std::vector<double> largest(importance.objectives.size(), 0.0);
  double largest_rise = 0;
  for (const evaluation::FeatureImportance& one : importance.features) {
    largest_rise = std::max(largest_rise, one.loss_rise);
    for (size_t k = 0; k < largest.size(); ++k) {
      if (one.pairs_fall[k] > largest[k]) largest[k] = one.pairs_fall[k];
    }
  }
  for (const evaluation::FeatureImportance& one : importance.features) {
    AppendFormat(page, "<tr><td>{}</td><td>{}</td>", Escaped(one.feature),
                 one.of_request ? "request" : "impression");
    AddHeatCell(one.loss_rise, largest_rise,
                fmt::format("{:+.5f} &plusmn;{:.5f}", one.loss_rise, one.error), page);
    for (size_t k = 0; k < largest.size(); ++k) {
      AddHeatCell(one.pairs_fall[k], largest[k], fmt::format("{:+.4f}", one.pairs_fall[k]), page);
    }
    *page += "</tr>\n";
  }
  *page += kTableEnd;
}

}  // namespace

void AddRankerDetailsHtml(const evaluation::RankingReport& ranking, std::string* page) {
  if (!ranking.calibration.empty()) AddCalibration(ranking.calibration, page);
  if (!ranking.contributions.empty()) AddContributions(ranking.contributions, page);
  if (!ranking.experts.tasks.empty()) AddExperts(ranking.experts, page);
  if (!ranking.bias.positions.empty()) AddBias(ranking.bias, page);
  if (ranking.importance) AddImportance(*ranking.importance, page);
}

}  // namespace upnext::report
