#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "api/settings.h"
#include "base/clock.h"
#include "base/time_text.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "cli/older_log.h"
#include "cli/output.h"
#include "cli/printable.h"
#include "cli/verbs.h"
#include "features/live_counts.h"
#include "log/event_log.h"
#include "project/project.h"
#include "report/text_table.h"
#include "schema/event.h"
#include "serving/engine.h"
#include "serving/live_events.h"
#include "serving/rule_check.h"
#include "store/posted_records.h"
#include "store/store.h"
#include "store/user_states.h"

namespace upnext::cli {
namespace {

struct RulesFlags {
  project::Location project;
  std::string user, scenario;
  uint32_t users = 100, n = 20;
  bool json = false;
};

// What rules change in the lists of one scenario.
struct Preview {
  uint32_t lists = 0, changed = 0;
  uint64_t moved = 0, unfilled = 0;
  double with_ms = 0, without_ms = 0;
};

// The engine of a project with its rules and the same one without.
class RuleChecker {
 public:
  static Result<std::unique_ptr<RuleChecker>> Open(const RulesFlags& flags) {
    UPNEXT_ASSIGN_OR_RETURN(api::Settings settings, api::Settings::Load(flags.project));
    UPNEXT_RETURN_IF_ERROR(TellOlderLog(settings.project));
    UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened,
                            settings.project.OpenBundle(bundle::LogChoice::kNewest));
    std::unique_ptr<RuleChecker> checker(
        new RuleChecker(flags, std::move(settings), std::move(opened)));
    UPNEXT_RETURN_IF_ERROR(checker->Attach());
    return checker;
  }

  Result<bool> CheckAll();  // false: there are errors
  Status ShowUser();

 private:
  RuleChecker(const RulesFlags& flags, api::Settings settings, bundle::OpenedBundle opened)
      : flags_(flags),
        settings_(std::move(settings)),
        opened_(std::move(opened)),
        catalogue_(opened_.log),
        live_(settings_.engine.live.OrHalfLife(opened_.bundle->manifest().order.HalfLifeHours())) {}

  // With what was posted, unless a running server holds the store.
  Status Attach() {
    if (std::filesystem::exists(settings_.project.store())) {
      if (auto store = settings_.project.OpenStore()) {
        store_ = *std::move(store);
      } else {
        Tell("note: what was posted to the server is not included: {}\n", store.error().message);
      }
    }
    UPNEXT_ASSIGN_OR_RETURN(states_,
                            store::UserStates::Attach(store_.get(), catalogue_, opened_.rule,
                                                      opened_.bundle->tables().plan.state()));
    if (store_ != nullptr) {
      UPNEXT_ASSIGN_OR_RETURN(records_, store::PostedRecords::Attach(*store_, catalogue_,
                                                                     store::UserStates::kMaxNames));
    }
    UPNEXT_RETURN_IF_ERROR(
        serving::CountAll(catalogue_, opened_.rule, store_.get(), states_.get(), &live_));
    plain_options_ = serving::WithoutRules(settings_.engine);
    with_ = std::make_unique<serving::Engine>(*opened_.bundle, catalogue_, settings_.engine,
                                              serving::EngineStages{}, &live_);
    without_ = std::make_unique<serving::Engine>(*opened_.bundle, catalogue_, plain_options_,
                                                 serving::EngineStages{}, &live_);
    return Ok();
  }

  // Users with a history, evenly over the log.
  std::vector<std::string> SomeUsers() const {
    std::vector<uint32_t> all;
    for (uint32_t user = 0; user < opened_.log.users(); ++user) {
      if (opened_.log.begin(user) < opened_.log.end(user)) all.push_back(user);
    }
    std::vector<std::string> some;
    const size_t n = std::min<size_t>(flags_.users, all.size());
    for (size_t i = 0; i < n; ++i) {
      std::string name = catalogue_.Name(schema::IdSpace::kUser, all[i * all.size() / n]);
      if (!name.empty()) some.push_back(std::move(name));
    }
    return some;
  }

  // The same request with and without rules. `is_new`: as if the user had no history yet.
  Result<std::pair<serving::Slate, serving::Slate>> Both(const std::string& user,
                                                         const std::string& scenario,
                                                         bool is_new = false) const {
    UPNEXT_ASSIGN_OR_RETURN(store::UserStates::StatePtr state, states_->Get(user));
    if (is_new) {
      state = std::make_shared<const features::UserState>(opened_.bundle->tables().plan.state());
    }
    const serving::Request request{
        .user = user,
        .n = flags_.n,
        .time_ms = std::max(opened_.log.stats().last_ms, state->totals().last_ms),
        .scenario = scenario};
    auto with = with_->Recommend(*state, request);
    if (!with) {
      return WithContext(std::move(with).error(), fmt::format("scenario '{}'", scenario));
    }
    UPNEXT_ASSIGN_OR_RETURN(serving::Slate without, without_->Recommend(*state, request));
    return std::pair(*std::move(with), std::move(without));
  }

  // A [....cold_start] has lists of users whose history is left out.
  Result<Preview> PreviewOf(const serving::Scenario& scenario,
                            const std::vector<std::string>& users) const {
    Preview preview;
    for (const std::string& user : users) {
      UPNEXT_ASSIGN_OR_RETURN(const auto lists,
                              Both(user, scenario.name, scenario.fewer_than.has_value()));
      const auto difference = serving::Compare(lists.first, lists.second, flags_.n);
      ++preview.lists;
      preview.changed += difference.moved > 0;
      preview.moved += difference.moved;
      preview.unfilled += difference.unfilled;
      preview.with_ms += lists.first.retrieval_ms + lists.first.ranking_ms;
      preview.without_ms += lists.second.retrieval_ms + lists.second.ranking_ms;
    }
    return preview;
  }

  const RulesFlags& flags_;
  api::Settings settings_;
  bundle::OpenedBundle opened_;
  catalogue::Catalogue catalogue_;
  features::LiveCounts live_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::UserStates> states_;
  std::unique_ptr<store::PostedRecords> records_;
  serving::EngineOptions plain_options_;
  std::unique_ptr<serving::Engine> with_, without_;
};

nlohmann::json RuleJson(const serving::Scenario& scenario, const serving::RuleCheck& check,
                        const Preview& preview, const std::string& error) {
  nlohmann::json out = {{"scenario", scenario.name},
                        {"cold_start", scenario.fewer_than.has_value()},
                        {"errors", nlohmann::json::array()},
                        {"warnings", nlohmann::json::array()}};
  for (const serving::RuleFinding& one : check.findings) {
    out[one.is_error ? "errors" : "warnings"].push_back(one.text);
  }
  if (!error.empty()) out["preview_error"] = error;
  if (check.passing) out["filter_passes"] = *check.passing;
  if (preview.lists == 0) return out;
  const double lists = preview.lists;
  out["preview"] = {{"users", preview.lists},
                    {"changed", preview.changed / lists},
                    {"places_moved", static_cast<double>(preview.moved) / lists},
                    {"places_unfilled", static_cast<double>(preview.unfilled) / lists},
                    {"milliseconds", preview.with_ms / lists},
                    {"milliseconds_without", preview.without_ms / lists}};
  return out;
}

void PrintRules(const serving::Scenario& scenario, const serving::RuleCheck& check,
                const Preview& preview, const std::string& error, uint32_t n) {
  Print("{}\n", scenario.Title());
  for (const serving::RuleFinding& one : check.findings) {
    Print("  {}: {}\n", one.is_error ? "error" : "warning", Printable(one.text));
  }
  if (check.passing) Print("  filter: {:.1f} % of the items pass it\n", 100 * *check.passing);
  if (!error.empty()) Print("  no preview: {}\n", Printable(error));
  if (preview.lists == 0) return;
  const double lists = preview.lists;
  Print(
      "  {} users: {:.1f} % of lists changed, {:.1f} of {} places with another item, {:.1f} "
      "unfilled, {:.2f} ms ({:.2f} without rules)\n",
      preview.lists, 100 * preview.changed / lists, static_cast<double>(preview.moved) / lists, n,
      static_cast<double>(preview.unfilled) / lists, preview.with_ms / lists,
      preview.without_ms / lists);
}

// A request gives the values of parameters; without them there is no list to compare.
Result<bool> RuleChecker::CheckAll() {
  const std::vector<std::string> users = SomeUsers();
  const int64_t now_ms = base::SystemClock().NowMs();
  nlohmann::json out = nlohmann::json::array();
  bool is_good = true;
  for (const serving::Scenario& scenario : settings_.engine.scenarios.all()) {
    const serving::RuleCheck check =
        serving::CheckRules(scenario, settings_.engine, catalogue_, now_ms, flags_.n);
    for (const serving::RuleFinding& one : check.findings) is_good &= !one.is_error;
    const auto preview = PreviewOf(scenario, users);
    const std::string error = preview ? "" : preview.error().message;
    if (flags_.json) {
      out.push_back(RuleJson(scenario, check, preview.value_or(Preview()), error));
    } else {
      PrintRules(scenario, check, preview.value_or(Preview()), error, flags_.n);
    }
  }
  if (flags_.json) Print("{}\n", out.dump(2));
  return is_good;
}

Status RuleChecker::ShowUser() {
  UPNEXT_ASSIGN_OR_RETURN(const auto lists, Both(flags_.user, flags_.scenario));
  const auto& [with, without] = lists;
  if (flags_.json) {
    nlohmann::json out = {{"user", flags_.user},
                          {"scenario", flags_.scenario},
                          {"cold_start", with.cold_start.has_value()}};
    for (const auto& [key, slate] : {std::pair("with", &with), std::pair("without", &without)}) {
      out[key] = nlohmann::json::array();
      for (const serving::Recommendation& one : slate->items) out[key].push_back(one.id);
    }
    Print("{}\n", out.dump(2));
    return Ok();
  }
  std::vector<std::vector<std::string>> rows = {
      {"place", "without rules", with.cold_start ? "with rules, cold_start" : "with rules"}};
  const auto cell = [](const serving::Slate& slate, size_t i) {
    if (i >= slate.items.size()) return std::string("-");
    const serving::Recommendation& one = slate.items[i];
    return Printable(one.title.empty() ? one.id : fmt::format("{} {}", one.id, one.title));
  };
  for (size_t i = 0; i < std::max(with.items.size(), without.items.size()); ++i) {
    rows.push_back({fmt::format("{}", i + 1), cell(without, i), cell(with, i)});
  }
  std::string text;
  report::AppendTextTable(rows, &text);
  Print("{}", text);
  return Ok();
}

Status RunRulesCheck(const RulesFlags& flags) {
  UPNEXT_ASSIGN_OR_RETURN(const std::unique_ptr<RuleChecker> checker, RuleChecker::Open(flags));
  if (!flags.user.empty()) return checker->ShowUser();
  UPNEXT_ASSIGN_OR_RETURN(const bool is_good, checker->CheckAll());
  if (is_good) return Ok();
  return FailedPrecondition("some rules have no effect or leave nothing: see the lines with error");
}

}  // namespace

std::function<Status()> MakeRules(CLI::App& app) {
  auto flags = std::make_shared<RulesFlags>();
  app.require_subcommand(1);
  CLI::App& check = *app.add_subcommand(
      "check", "check the rules of all scenarios, and show what they change in the lists of users");
  AddProjectFlags(check, &flags->project);
  check.add_option("--users", flags->users, "Users whose lists are made with and without rules")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  check.add_option("-n", flags->n, "Items of a list")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  check.add_option("--user", flags->user, "Print the lists of this user side by side instead");
  check.add_option("--scenario", flags->scenario, "With --user: of this [scenario.NAME]");
  check.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return RunRulesCheck(*flags); };
}

}  // namespace upnext::cli
