#include "cli/simulate_live.h"

#include <fmt/format.h>

#include "base/numbers.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "simulator/live.h"
#include "simulator/policies.h"

namespace upnext::cli {
namespace {

using nlohmann::json;
using simulator::Estimate;
using simulator::UserRows;
using simulator::Value;

struct Measure {
  const char* name;  // in JSON
  double Value::* sum;
};
constexpr Measure kMeasures[] = {{"clicks", &Value::clicks},
                                 {"watch_s", &Value::watch_s},
                                 {"satisfaction", &Value::satisfaction},
                                 {"seen_clicks", &Value::seen_clicks}};

double Mean(const Value& value, double Value::* sum) {
  return value.slates > 0 ? value.*sum / value.slates : 0;
}

json ToJson(const Value& value) {
  json out = {{"slates", value.slates}};
  for (const Measure& measure : kMeasures) out[measure.name] = Mean(value, measure.sum);
  return out;
}

Status RunArm(int day, base::ThreadPool& pool, simulator::LiveSite& site, LiveArm& arm,
              base::Progress& progress) {
  Value& value = arm.days.emplace_back();
  if (arm.life != nullptr) UPNEXT_RETURN_IF_ERROR(arm.life->BeforeDay(day));
  return site.RunDay(
      day, pool,
      [&](uint32_t user) {
        return arm.life != nullptr && arm.life->HasLeft(user) ? nullptr : arm.recommender;
      },
      [&](const UserRows& rows) {
        for (const simulator::LogRow& row : rows.rows) value.Add(row);
        arm.users.Add(rows);
        if (arm.scenarios != nullptr) arm.scenarios->Take(rows);
        return Ok();
      },
      progress);
}

}  // namespace

Status RunLive(const simulator::World& world, const LiveOptions& options,
               std::vector<LiveArm>& arms, base::Progress& progress) {
  const int days = world.options().days;
  if (options.log_days < 0 || options.log_days >= days) {
    return InvalidArgument(
        "--log-days: expected 0 to {}, so that a day of the {} is left, found {}", days - 1, days,
        options.log_days);
  }
  base::ThreadPool pool(options.threads);
  simulator::LiveSite before(world, {.truth = true});
  const auto logging = simulator::MakeLoggingPolicy(world);
  for (int day = 0; day < options.log_days; ++day) {
    UPNEXT_RETURN_IF_ERROR(before.RunDay(
        day, pool, [&](uint32_t) { return logging.get(); }, [](const UserRows&) { return Ok(); },
        progress));
  }
  std::vector<simulator::LiveSite> sites(arms.size(), before);
  for (const LiveArm& arm : arms) {
    if (arm.life != nullptr) arm.life->Begin(before, options.log_days);
  }
  for (int day = options.log_days; day < days; ++day) {
    for (size_t a = 0; a < arms.size(); ++a) {
      UPNEXT_RETURN_IF_ERROR(RunArm(day, pool, sites[a], arms[a], progress));
    }
  }
  for (LiveArm& arm : arms) {
    if (arm.life == nullptr || arm.scenarios == nullptr) continue;
    for (uint32_t user = 0; user < world.options().users; ++user) {
      if (arm.life->HasLeft(user)) arm.scenarios->Drop(user);
    }
  }
  return Ok();
}

void PrintLive(const LiveOptions& options, const std::vector<LiveArm>& arms) {
  Print("{:>4} {:>12}  clicks, and expected watch seconds, per slate (truth)\n{:>17}", "day",
        "slates", "");
  for (const LiveArm& arm : arms) Print(" {:>22}", arm.name);
  Print("\n");
  for (size_t day = 0; day < arms.front().days.size(); ++day) {
    Print("{:>4} {:>12}", options.log_days + static_cast<int>(day) + 1,
          base::WithThousands(static_cast<uint64_t>(arms.front().days[day].slates)));
    for (const LiveArm& arm : arms) {
      Print(" {:>11.3f} {:>10.2f}", Mean(arm.days[day], &Value::clicks),
            Mean(arm.days[day], &Value::watch_s));
    }
    Print("\n");
  }
  Print("\n{:<12} {:>12} {:>14} {:>20} {:>26}\n", "policy", "slates", "clicks/slate",
        "watch seconds/slate", arms.front().name + " is ahead by");
  for (const LiveArm& arm : arms) {
    const Estimate clicks = PerSlate(arm.users, &Value::clicks);
    const Estimate watch = PerSlate(arm.users, &Value::watch_s);
    Print("{:<12} {:>12} {:>14.3f} {:>12.2f} ± {:<5.2f}", arm.name,
          base::WithThousands(static_cast<uint64_t>(arm.users.total().slates)), clicks.mean,
          watch.mean, 1.96 * watch.error);
    if (&arm != &arms.front()) {
      const Estimate more = Difference(arms.front().users, arm.users, &Value::watch_s);
      Print(" {:>16.2f} ± {:<.2f}", more.mean, 1.96 * more.error);
    }
    Print("\n");
  }
  for (const LiveArm& arm : arms) {
    if (arm.scenarios != nullptr) arm.scenarios->Print();
  }
  Print(
      "\nSimulated users. All policies get the same users with the same random numbers; ± are 95 "
      "% "
      "intervals over users.\n");
}

json LiveJson(const LiveOptions& options, const std::vector<LiveArm>& arms) {
  json out = {{"first_day", options.log_days + 1}, {"policies", json::array()}};
  for (const LiveArm& arm : arms) {
    json policy = {{"name", arm.name}, {"total", ToJson(arm.users.total())}};
    for (const Value& day : arm.days) policy["days"].push_back(ToJson(day));
    const Estimate more = Difference(arms.front().users, arm.users, &Value::watch_s);
    policy["first_has_more_watch_s"] = {{"mean", more.mean}, {"error", more.error}};
    out["policies"].push_back(std::move(policy));
  }
  return out;
}

}  // namespace upnext::cli
