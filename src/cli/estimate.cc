#include <fmt/format.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "api/settings.h"
#include "base/numbers.h"
#include "cli/logged_feeds.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "evaluation/off_policy.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

struct EstimateFlags {
  project::Location project;
  LoggedFeedsOptions feeds;
  bool json = false;
};

// What a mean of weights is allowed to differ from 1 by, in standard errors, before a line says so.
constexpr double kSuspicious = 4;
constexpr uint64_t kFewestUsers = 20;  // below which intervals over users mean nothing
constexpr double kFewestEffective = 10;

bool IsSuspicious(const evaluation::PlaceWeights& place) {
  return place.effective >= kFewestEffective &&
         std::abs(place.mean - 1) > kSuspicious * place.error;
}

nlohmann::ordered_json JsonOf(const LoggedFeeds& feeds, const evaluation::OffPolicyReport& report) {
  nlohmann::ordered_json out = {{"pages", report.pages},
                                {"users", report.users},
                                {"left_out",
                                 {{"other_scenarios", feeds.other_scenarios},
                                  {"later_pages", feeds.later_pages},
                                  {"not_first", feeds.not_first},
                                  {"no_propensities", feeds.no_propensities},
                                  {"not_replayed", feeds.not_replayed},
                                  {"shorter", feeds.shorter}}},
                                {"estimates", nlohmann::ordered_json::object()},
                                {"places", nlohmann::ordered_json::array()}};
  for (const evaluation::PolicyEstimate& one : report.estimates) {
    if (one.name == "dr" && !feeds.has_model) continue;
    out["estimates"][std::string(one.name)] = {
        {"mean", one.mean}, {"error", one.error}, {"low", one.low}, {"high", one.high}};
  }
  for (const evaluation::PlaceWeights& one : report.places) {
    out["places"].push_back({{"pages", one.pages},
                             {"mean_weight", one.mean},
                             {"error", one.error},
                             {"effective", one.effective}});
  }
  return out;
}

void PrintReport(const EstimateFlags& flags, const LoggedFeeds& feeds,
                 const evaluation::OffPolicyReport& report) {
  Print("{} answers of scenario '{}' to {} users, as by scenario '{}' without exploration\n",
        base::WithThousands(report.pages), flags.feeds.of, base::WithThousands(report.users),
        flags.feeds.scenario);
  Print(
      "left out: {} of other scenarios, {} later pages, {} not first, {} without propensities, {} that cannot be "
      "made again, {} shorter than the other list\n\n",
      base::WithThousands(feeds.other_scenarios), base::WithThousands(feeds.later_pages),
      base::WithThousands(feeds.not_first), base::WithThousands(feeds.no_propensities),
      base::WithThousands(feeds.not_replayed), base::WithThousands(feeds.shorter));
  Print("{:<10} {:>14}   95 % interval\n", "estimate", flags.feeds.reward);
  for (const evaluation::PolicyEstimate& one : report.estimates) {
    if (one.name == "dr" && !feeds.has_model) continue;
    Print("{:<10} {:>14.4f}   {:.4f} to {:.4f}\n", one.name, one.mean, one.low, one.high);
  }
  Print("\n{:<6} {:>14} {:>24} {:>12}\n", "place", "answers", "mean weight", "effective");
  bool suspicious = false;
  for (size_t k = 0; k < report.places.size(); ++k) {
    const evaluation::PlaceWeights& one = report.places[k];
    suspicious |= IsSuspicious(one);
    Print("{:<6} {:>14} {:>14.3f} ± {:<7.3f} {:>12.0f}{}\n", k + 1, base::WithThousands(one.pages),
          one.mean, 1.96 * one.error, one.effective,
          one.effective < kFewestEffective ? "  too few"
          : IsSuspicious(one)              ? "  not 1"
                                           : "");
  }
  if (suspicious) {
    Print(
        "\nA mean weight that is not 1: scenario '{}' cannot show all that '{}' would (another "
        "filter, a pin, a cap, other candidates), so the estimates miss a part.\n",
        flags.feeds.of, flags.feeds.scenario);
  }
}

Status RunEstimate(EstimateFlags flags) {
  if (flags.feeds.scenario.empty()) flags.feeds.scenario = flags.feeds.of;
  UPNEXT_ASSIGN_OR_RETURN(const api::Settings settings, api::Settings::Load(flags.project));
  ProgressBar progress;
  UPNEXT_ASSIGN_OR_RETURN(const LoggedFeeds feeds,
                          ReadLoggedFeeds(settings, flags.feeds, progress));
  if (feeds.pages.empty()) {
    return NotFound(
        "no answer of scenario '{}' can be used: {} are of other scenarios, {} later pages, {} "
        "without propensities (give the scenario `explore`), {} cannot be made again, {} are "
        "shorter than the list of '{}'",
        flags.feeds.of, feeds.other_scenarios, feeds.later_pages, feeds.no_propensities,
        feeds.not_replayed, feeds.shorter, flags.feeds.scenario);
  }
  const evaluation::OffPolicyReport report = evaluation::EstimateOffPolicy(feeds.pages);
  if (report.users < kFewestUsers) {
    return FailedPrecondition(
        "answers to {} users can be used, expected at least {}: intervals are over users",
        report.users, kFewestUsers);
  }
  if (flags.json) {
    Print("{}\n", JsonOf(feeds, report).dump(2));
  } else {
    PrintReport(flags, feeds, report);
  }
  return Ok();
}

}  // namespace

std::function<Status()> MakeEstimate(CLI::App& app) {
  auto flags = std::make_shared<EstimateFlags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--of", flags->feeds.of,
                 "The scenario that was served, with `explore`; its answers are taken")
      ->required();
  app.add_option("--scenario", flags->feeds.scenario,
                 "The scenario that is estimated, without exploration (default: that of --of)");
  app.add_option("--reward", flags->feeds.reward,
                 "Event type: the values of its events, 1 of one without (default watch: seconds)");
  app.add_option("--last", flags->feeds.last, "Only the newest N answers (default all)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--first", flags->feeds.first,
               "Only the first answer to each user, whose history no answer of --of has changed");
  app.add_flag("--json", flags->json, "Print the report as JSON");
  return [flags] { return RunEstimate(*flags); };
}

}  // namespace upnext::cli
