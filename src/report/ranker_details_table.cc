// The details of a ranker as text.
#include <fmt/format.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "base/numbers.h"
#include "evaluation/ranker_report.h"
#include "report/ranker_details.h"
#include "report/text_table.h"

namespace upnext::report {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string Figure(double value, int digits = 4) {
  return std::isnan(value) ? "-" : fmt::format("{:.{}f}", value, digits);
}
// In a unit of any size.
std::string Amount(double value) { return std::isnan(value) ? "-" : fmt::format("{:.4g}", value); }

std::string Section(std::string heading, const Rows& rows) {
  std::string out = std::move(heading) + "\n";
  AppendTextTable(rows, &out);
  return out + "\n";
}

std::string CalibrationText(const std::vector<evaluation::TaskCalibration>& tasks) {
  Rows rows = {{"", "slope", "error", "lowest tenth", "observed", "highest tenth", "observed"}};
  for (const evaluation::TaskCalibration& task : tasks) {
    rows.push_back({task.objective, Figure(task.slope, 3), Amount(task.error),
                    Amount(task.bins.front().predicted), Amount(task.bins.front().observed),
                    Amount(task.bins.back().predicted), Amount(task.bins.back().observed)});
  }
  return Section("calibration, by tenths of the impressions ordered by prediction", rows);
}

std::string ContributionText(const std::vector<evaluation::Contribution>& contributions) {
  Rows rows = {{"", "exponent", "share of variance", "tau without", "value", "value without"}};
  for (const evaluation::Contribution& one : contributions) {
    rows.push_back({one.objective, Amount(one.exponent), Figure(one.variance_share, 3),
                    Figure(one.correlation, 3), Figure(one.value), Figure(one.value_without)});
  }
  return Section("what each objective of the score contributes to the order of pages", rows);
}

std::string ExpertText(const evaluation::ExpertUse& use) {
  Rows rows(1, {""});
  rows[0].insert(rows[0].end(), use.experts.begin(), use.experts.end());
  for (const evaluation::ExpertUse::Task& task : use.tasks) {
    std::vector<std::string>& row = rows.emplace_back(1, task.objective);
    for (const double weight : task.weights) row.push_back(Figure(weight, 3));
  }
  return Section(fmt::format("weights of the experts, means over {} impressions",
                             base::WithThousands(use.impressions)),
                 rows);
}

std::string BiasText(const evaluation::BiasByPosition& bias) {
  Rows rows(1, {"position"});
  for (const size_t position : bias.positions) rows[0].push_back(std::to_string(position));
  for (const evaluation::BiasByPosition::Rates& rates : bias.rates) {
    std::vector<std::string>& row =
        rows.emplace_back(1, fmt::format("click rate, {}", rates.device));
    for (const double rate : rates.click_rate) row.push_back(Figure(rate, 3));
  }
  for (const evaluation::BiasByPosition::Learned& learned : bias.learned) {
    std::vector<std::string>& row =
        rows.emplace_back(1, fmt::format("bias of {}, {}", learned.objective, learned.device));
    for (const double logit : learned.logit) row.push_back(Figure(logit, 2));
  }
  return Section(bias.learned.empty()
                     ? "click rate by position"
                     : fmt::format("click rate by position, and learned bias in the logit, less "
                                   "that of position {}",
                                   bias.positions.front()),
                 rows);
}

std::string ImportanceText(const evaluation::Importance& importance) {
  Rows rows = {{"", "of each", "loss rise", "error"}};
  for (const std::string& objective : importance.objectives) rows[0].push_back(objective);
  for (const evaluation::FeatureImportance& one : importance.features) {
    std::vector<std::string>& row = rows.emplace_back(
        std::vector<std::string>{one.feature, one.of_request ? "request" : "impression",
                                 fmt::format("{:+.5f}", one.loss_rise), Figure(one.error, 5)});
    for (const double fall : one.pairs_fall) {
      row.push_back(std::isnan(fall) ? "-" : fmt::format("{:+.4f}", fall));
    }
  }
  return Section(fmt::format("importance of the features: rise of the loss, {:.5f}, and fall of "
                             "AUC or XAUC by objective when one is permuted; {} impressions of {} "
                             "requests",
                             importance.loss, base::WithThousands(importance.impressions),
                             base::WithThousands(importance.requests)),
                 rows);
}

}  // namespace

std::string RankerText(const evaluation::RankingReport& ranking) {
  if (ranking.multiplications == 0) return ranking.architecture;
  return fmt::format("{}: {} multiplications per impression", ranking.architecture,
                     base::WithThousands(ranking.multiplications));
}

std::string RankerDetailsTable(const evaluation::RankingReport& ranking) {
  std::string out;
  if (!ranking.calibration.empty()) out += CalibrationText(ranking.calibration);
  if (!ranking.contributions.empty()) out += ContributionText(ranking.contributions);
  if (!ranking.experts.tasks.empty()) out += ExpertText(ranking.experts);
  if (!ranking.bias.positions.empty()) out += BiasText(ranking.bias);
  if (ranking.importance) out += ImportanceText(*ranking.importance);
  return out;
}

}  // namespace upnext::report
