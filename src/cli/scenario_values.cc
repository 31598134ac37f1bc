#include "cli/scenario_values.h"

#include <array>

#include "base/numbers.h"
#include "cli/output.h"

namespace upnext::cli {
namespace {

using simulator::Estimate;
using simulator::Value;

struct ScenarioMeasure {
  const char* name;
  double Value::* sum;
};
constexpr std::array kScenarioMeasures = {ScenarioMeasure{"clicks", &Value::clicks},
                                          ScenarioMeasure{"watch_s", &Value::watch_s},
                                          ScenarioMeasure{"seen_clicks", &Value::seen_clicks},
                                          ScenarioMeasure{"seen_watch_s", &Value::seen_watch_s}};

}  // namespace

ScenarioValues::ScenarioValues(const ServerRecommender& server, uint32_t users)
    : server_(server), first_home_(users, 0), left_session_(users, 0) {
  const simulator::UserValues none(users);
  for (const std::string& scenario : server.options().scenarios) {
    all_.push_back({.scenario = scenario, .values = none, .first = none});
  }
  all_.push_back({.scenario = server.options().next_scenario,
                  .is_home = false,
                  .values = none,
                  .first = none});
}

void ScenarioValues::Take(const simulator::UserRows& rows) {
  for (const simulator::LogRow& row : rows.rows) {
    const uint32_t signed_in_at = server_.signed_in_at(row.user);
    if (signed_in_at != 0 && left_session_[row.user] == 0) {
      Drop(row.user);
      left_session_[row.user] = 1;
    }
    if (row.request == 0 || row.request < signed_in_at) continue;
    const bool is_home = row.current_item == simulator::kNoItem;
    Of& of = all_[is_home ? server_.ScenarioOf(row.user) : all_.size() - 1];
    of.values.Add(row);
    if (!is_home) continue;
    uint32_t& first = first_home_[row.user];
    if (first == 0) first = row.request;
    if (row.request == first) of.first.Add(row);
  }
}

void ScenarioValues::Drop(uint32_t user) {
  for (Of& one : all_) one.values.Drop(user), one.first.Drop(user);
  first_home_[user] = 0;
}

void ScenarioValues::Print() const {
  cli::Print("\n{:<22} {:>10} {:>24} {:>12} {:>24} {:>12}\n", "scenario", "answers",
             "clicks/answer (truth)", "seen", "seconds/answer (truth)", "seen");
  for (const Of& one : all_) {
    const Estimate clicks = PerSlate(one.values, &Value::clicks);
    const Estimate watch = PerSlate(one.values, &Value::watch_s);
    cli::Print("{:<22} {:>10} {:>16.4f} ± {:<.4f} {:>11.4f} {:>15.2f} ± {:<6.2f} {:>12.2f}\n",
               one.is_home ? one.scenario : one.scenario + " (after a watch)",
               base::WithThousands(static_cast<uint64_t>(one.values.total().slates)), clicks.mean,
               1.96 * clicks.error, PerSlate(one.values, &Value::seen_clicks).mean, watch.mean,
               1.96 * watch.error, PerSlate(one.values, &Value::seen_watch_s).mean);
  }
}

nlohmann::json ScenarioValues::ToJson() const {
  nlohmann::json out = nlohmann::json::array();
  for (const Of& one : all_) {
    nlohmann::json row = {{"scenario", one.scenario},
                          {"place", one.is_home ? "home" : "after a watch"},
                          {"answers", one.values.total().slates}};
    for (const ScenarioMeasure& measure : kScenarioMeasures) {
      const Estimate estimate = PerSlate(one.values, measure.sum);
      row[measure.name] = {{"mean", estimate.mean}, {"error", estimate.error}};
      if (!one.is_home) continue;
      const Estimate first = PerSlate(one.first, measure.sum);
      row["first"][measure.name] = {{"mean", first.mean}, {"error", first.error}};
    }
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace upnext::cli
