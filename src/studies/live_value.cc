#include "studies/live_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "simulator/policies.h"
#include "studies/live_engine.h"

namespace upnext::studies {
namespace {

using simulator::LiveSite;
using simulator::UserRows;
using simulator::UserValues;

// The day of the world, from 0, on which the test part starts; -1 when there is none.
int FirstTestDay(const ValueSubject& subject) {
  int64_t first = INT64_MAX;
  for (uint32_t user = 0; user < subject.log.users(); ++user) {
    const uint64_t row = subject.split.validation_end(user);
    if (row < subject.log.end(user)) first = std::min(first, subject.log.time_ms(row));
  }
  if (first == INT64_MAX) return -1;
  // Parts are counted back from the last event, which may be seconds before midnight.
  const auto since = static_cast<double>(first - subject.world.options().start_ms());
  return static_cast<int>(std::lround(since / static_cast<double>(base::kDayMs)));
}

Status CheckSubject(const ValueSubject& subject, int first_day) {
  if (subject.split.kind() != examples::SplitOptions::Kind::kTime) {
    return FailedPrecondition(
        "the true value is measured on test days: expected [split] kind = \"time\", found another");
  }
  const int days = subject.world.options().days;
  if (first_day < 1 || first_day >= days) {
    return FailedPrecondition(
        "expected test days within the world's {} days, found them to start on day {}; pass the "
        "world that made this log, and a [split] with test_days",
        days, first_day + 1);
  }
  const uint32_t users = subject.world.options().users;
  if (subject.log.users() != users) {
    return FailedPrecondition("the log has {} users and the world {}: pass the world that made it",
                              subject.log.users(), users);
  }
  return Ok();
}

// The site at the start of the test days, if the log has as many events of each user before as the
// world: a world with other parameters has the same names, but other users behind them.
Result<LiveSite> SiteOfLog(const ValueSubject& subject, const LiveEngine& engine, int first_day,
                           base::ThreadPool& pool, base::Progress& progress) {
  const simulator::World& world = subject.world;
  const int64_t until_ms = world.options().start_ms() + first_day * base::kDayMs;
  std::vector<uint64_t> events(world.options().users);
  UPNEXT_ASSIGN_OR_RETURN(LiveSite site,
                          SiteAt(world, first_day, pool, progress, [&](const UserRows& rows) {
                            for (const simulator::LogRow& row : rows.rows)
                              events[row.user] += row.time_ms < until_ms;
                            return Ok();
                          }));
  for (uint32_t user = 0; user < events.size(); ++user) {
    const uint64_t found = engine.state(user).totals().events;
    if (found == events[user]) continue;
    return FailedPrecondition(
        "{}: user {} of the world has {} events before the test days, and the log has {}; pass the "
        "world that made this log, whose SELECT leaves out no event",
        subject.log.directory().string(), user, events[user], found);
  }
  return site;
}

}  // namespace

Result<LiveSite> SiteAt(const simulator::World& world, int day, base::ThreadPool& pool,
                        base::Progress& progress, const LiveSite::Take& also) {
  LiveSite site(world, {.truth = true});
  const std::unique_ptr<simulator::Recommender> policy = simulator::MakeLoggingPolicy(world);
  for (int d = 0; d < day; ++d) {
    UPNEXT_RETURN_IF_ERROR(site.RunDay(
        d, pool, [&](uint32_t) { return policy.get(); },
        [&](const UserRows& rows) { return also ? also(rows) : Ok(); }, progress));
  }
  return site;
}

Result<UserValues> LiveDays(const LiveSite& site, const simulator::World& world,
                            simulator::Recommender& recommender, int from, int to,
                            base::ThreadPool& pool, base::Progress& progress,
                            const LiveSite::Take& also) {
  LiveSite copy = site;
  UserValues values(world.options().users);
  for (int day = from; day < to; ++day) {
    UPNEXT_RETURN_IF_ERROR(copy.RunDay(
        day, pool, [&](uint32_t) { return &recommender; },
        [&](const UserRows& rows) {
          values.Add(rows);
          return also ? also(rows) : Ok();
        },
        progress));
  }
  return values;
}

Result<ValueReport> MeasureValue(const ValueSubject& subject, base::ThreadPool& pool,
                                 base::Progress& progress) {
  const simulator::World& world = subject.world;
  const int from = FirstTestDay(subject);
  UPNEXT_RETURN_IF_ERROR(CheckSubject(subject, from));
  // The log may contain only the first days of the world.
  const int64_t logged_ms = subject.log.stats().last_ms - world.options().start_ms();
  const int to = std::min(world.options().days, static_cast<int>(logged_ms / base::kDayMs) + 1);
  LiveEngineOptions options{.engine = subject.engine, .rule = subject.rule};
  options.states_until_ms = world.options().start_ms() + from * base::kDayMs;
  UPNEXT_ASSIGN_OR_RETURN(const auto ranked,
                          LiveEngine::Make(world, subject.log, subject.bundle, options, pool));
  options.stage = serving::Stage::kRetrieval;
  UPNEXT_ASSIGN_OR_RETURN(const auto retrieval,
                          LiveEngine::Make(world, subject.log, subject.bundle, options, pool));
  simulator::RandomPolicy random(world);
  simulator::PopularityPolicy popularity(world);
  simulator::OraclePolicy oracle(world);
  UPNEXT_ASSIGN_OR_RETURN(const LiveSite site, SiteOfLog(subject, *ranked, from, pool, progress));
  ValueReport report{.from_day = from + 1, .to_day = to, .slates = 0, .policies = {}};
  const auto measure = [&](const char* name, simulator::Recommender& policy) -> Status {
    UPNEXT_ASSIGN_OR_RETURN(const UserValues values,
                            LiveDays(site, world, policy, from, to, pool, progress));
    report.policies.push_back(
        {.policy = name,
         .clicks = simulator::PerSlate(values, &simulator::Value::clicks),
         .watch_s = simulator::PerSlate(values, &simulator::Value::watch_s),
         .satisfaction = simulator::PerSlate(values, &simulator::Value::satisfaction)});
    if (&policy == ranked.get()) report.slates = values.total().slates;
    return Ok();
  };
  UPNEXT_RETURN_IF_ERROR(measure("random", random));
  UPNEXT_RETURN_IF_ERROR(measure("popularity", popularity));
  if (subject.bundle.candidate() != nullptr) {
    UPNEXT_RETURN_IF_ERROR(measure("retrieval order", *retrieval));
  }
  UPNEXT_RETURN_IF_ERROR(measure("ranked feed", *ranked));
  UPNEXT_RETURN_IF_ERROR(measure("oracle", oracle));
  return report;
}

std::string RenderValueTable(const ValueReport& report) {
  std::string out = fmt::format(
      "true value of a slate on the simulated site, days {} to {}: same users, same random "
      "numbers, other "
      "slates\n  {:<16} {:>16} {:>16} {:>16}\n",
      report.from_day, report.to_day, "", "clicks", "watch seconds", "satisfaction");
  // Half of a 95 % interval.
  const auto cell = [](const simulator::Estimate& e, int digits) {
    return fmt::format("{:.{}f} ±{:.{}f}", e.mean, digits, 1.96 * e.error, digits);
  };
  for (const PolicyValue& p : report.policies) {
    // The sign ± is one column wide and two bytes long.
    fmt::format_to(std::back_inserter(out), "  {:<16} {:>17} {:>17} {:>17}\n", p.policy,
                   cell(p.clicks, 3), cell(p.watch_s, 1), cell(p.satisfaction, 3));
  }
  out += fmt::format(
      "expected values by the world's true probabilities over {:.0f} slates of the ranked feed; "
      "the "
      "oracle "
      "uses them; ± is half of a\n95 % interval over users\n",
      report.slates);
  return out;
}

std::string RenderValueJson(const ValueReport& report) {
  nlohmann::ordered_json out{{"from_day", report.from_day}, {"to_day", report.to_day}};
  for (const PolicyValue& p : report.policies) {
    const auto metric = [](const simulator::Estimate& e) {
      return nlohmann::ordered_json{{"mean", e.mean}, {"error", e.error}};
    };
    out["policies"][p.policy] = {{"clicks", metric(p.clicks)},
                                 {"watch_s", metric(p.watch_s)},
                                 {"satisfaction", metric(p.satisfaction)}};
  }
  return out.dump(2);
}

}  // namespace upnext::studies
