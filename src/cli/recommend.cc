#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/settings.h"
#include "base/clock.h"
#include "base/numbers.h"
#include "bundle/opened_bundle.h"
#include "catalogue/catalogue.h"
#include "catalogue/request_attributes.h"
#include "cli/context_flag.h"
#include "cli/expression_flags.h"
#include "cli/feed.h"
#include "cli/feeds_file.h"
#include "cli/older_log.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "examples/holdout.h"
#include "features/live_counts.h"
#include "features/user_state.h"
#include "log/event_log.h"
#include "net/slate_json.h"
#include "project/project.h"
#include "retrieval/choices.h"
#include "retrieval/trend_replay.h"
#include "schema/event.h"
#include "schema/values.h"
#include "serving/engine.h"
#include "serving/live_events.h"
#include "store/store.h"
#include "store/user_states.h"
#include "training/dataset.h"
#include "training/tested_bundle.h"

namespace upnext::cli {
namespace {

struct RecommendFlags {
  project::Location project;
  std::string user, stage = "ranking", out, at = "now", device, region, current_item;
  std::optional<std::string> score;
  std::string scenario;
  std::vector<std::string> context, exclude;
  ExpressionFlags expressions = {};
  uint32_t n = 20, offset = 0;
  bool all_users = false, explain = false, json = false;
};

// The user, the state and the time of a feed.
struct Moment {
  std::string name;
  features::UserState state;
  features::Context context;                     // time, and what else the log says of the request
  std::optional<features::LiveLists> live = {};  // what was chosen most then; none: now
};

// A feed of now asks for no split.
Result<examples::Split> EverythingTrains(const features::PositiveRule& rule,
                                         const log::EventLog& log) {
  examples::SplitOptions none;
  none.kind = examples::SplitOptions::Kind::kNone;
  return examples::Split::Make(none, log, rule);
}

// For feeds of now the bundle as it is published; for test cases as it was before it saw them.
Result<bundle::OpenedBundle> OpenAt(const api::Settings& settings, bool at_test) {
  if (!at_test) {
    UPNEXT_RETURN_IF_ERROR(TellOlderLog(settings.project));
    return settings.project.OpenBundle(bundle::LogChoice::kNewest);
  }
  base::ThreadPool pool(settings.threads);
  ProgressBar progress;
  return training::OpenTestedBundle(settings.project, settings.training, pool, progress);
}

class Recommender {
 public:
  static Result<std::unique_ptr<Recommender>> Open(const RecommendFlags& flags) {
    UPNEXT_ASSIGN_OR_RETURN(api::Settings settings, api::Settings::Load(flags.project));
    // Test cases are those of the log that the bundle was trained on.
    const bool at_test = flags.at == "test";
    UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened, OpenAt(settings, at_test));
    UPNEXT_ASSIGN_OR_RETURN(examples::Split split,
                            at_test ? training::SplitOf(settings.training.dataset,
                                                        opened.bundle->manifest(), opened.log)
                                    : EverythingTrains(opened.rule, opened.log));
    return std::unique_ptr<Recommender>(
        new Recommender(flags, std::move(settings), std::move(opened), std::move(split)));
  }

  Status RunOne();
  Status RunAll();

 private:
  Recommender(const RecommendFlags& flags, api::Settings settings, bundle::OpenedBundle opened,
              examples::Split split)
      : flags_(flags),
        pool_(settings.threads),
        settings_(std::move(settings)),
        opened_(std::move(opened)),
        catalogue_(opened_.log),
        split_(std::move(split)),
        source_{opened_.log, catalogue_, opened_.rule, split_},
        live_options_(
            settings_.engine.live.OrHalfLife(opened_.bundle->manifest().order.HalfLifeHours())),
        live_(live_options_),
        engine_(*opened_.bundle, catalogue_, settings_.engine, {}, AtTest() ? nullptr : &live_) {}

  bool AtTest() const { return flags_.at == "test"; }
  // The last time in the log: feeds from a log that ended long ago are made as of its end.
  int64_t Now() const { return opened_.log.stats().last_ms; }
  // What is chosen most at the times of test cases; none for feeds of now.
  using Trend = std::optional<retrieval::TrendReplay>;
  // Finds the test cases, in order of time, and the trend at the first.
  void FindTestCases();
  // Cases that are given the same trend one after another ascend by time.
  Moment TestMoment(const examples::HoldoutCase& held_out, Trend* trend) const;
  Result<Moment> NowMoment(const std::string& name) const;
  Result<Moment> MomentOf(const std::string& name);
  Result<serving::Request> RequestOf(const Moment& moment) const;
  Result<serving::Slate> Recommend(const Moment& moment, const serving::Request& request,
                                   const serving::Found* found = nullptr) const;
  Status OpenStore();
  // All users who get a feed, and how to make it: test cases in order of time.
  using MakeMoment = std::function<Result<Moment>(Trend*)>;
  Result<std::vector<MakeMoment>> Everyone();
  std::string FeedOf(const serving::Slate& slate, const std::string& user) const;
  std::vector<Result<std::string>> Feeds(std::span<const MakeMoment> everyone);

  const RecommendFlags& flags_;
  base::ThreadPool pool_;
  api::Settings settings_;
  bundle::OpenedBundle opened_;
  catalogue::Catalogue catalogue_;
  examples::Split split_;
  examples::ReplaySource source_;
  const features::LiveOptions live_options_;
  features::LiveCounts live_;  // of the log
  serving::Engine engine_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::UserStates> states_;
  std::vector<examples::HoldoutCase> cases_;  // of the test part
  Trend trend_;                               // at one of them
};

// Includes events that were posted over HTTP, unless a running server holds the store.
Status Recommender::OpenStore() {
  if (std::filesystem::exists(settings_.project.store())) {
    if (auto store = settings_.project.OpenStore()) {
      store_ = *std::move(store);
    } else {
      Tell("note: events posted to the server are not included: {}\n", store.error().message);
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(states_,
                          store::UserStates::Attach(store_.get(), catalogue_, opened_.rule,
                                                    opened_.bundle->tables().plan.state()));
  return serving::CountAll(catalogue_, opened_.rule, store_.get(), states_.get(), &live_);
}

void Recommender::FindTestCases() {
  cases_ = examples::HoldoutCases(source_, examples::SplitPart::kTest, pool_);
  std::ranges::stable_sort(cases_, {}, &examples::HoldoutCase::time_ms);
  if (cases_.empty()) return;
  trend_.emplace(catalogue_, opened_.rule, live_options_, cases_.front().time_ms,
                 cases_.back().time_ms);
}

Moment Recommender::TestMoment(const examples::HoldoutCase& held_out, Trend* trend) const {
  (*trend)->MoveTo(held_out.time_ms);
  return {.name = catalogue_.Name(schema::IdSpace::kUser, held_out.user),
          .state = examples::StateAt(source_, held_out.user, held_out.end_row,
                                     opened_.bundle->tables().plan.state()),
          .context = held_out.context,
          .live = (*trend)->ListsOf(
              retrieval::RegionOf(catalogue_, held_out.context.region, held_out.user))};
}

Result<Moment> Recommender::NowMoment(const std::string& name) const {
  UPNEXT_ASSIGN_OR_RETURN(const store::UserStates::StatePtr state, states_->Get(name));
  features::Context context;
  context.time_ms = std::max(Now(), state->totals().last_ms);
  return Moment{.name = name, .state = *state, .context = context};
}

Result<Moment> Recommender::MomentOf(const std::string& name) {
  if (!AtTest()) {
    UPNEXT_RETURN_IF_ERROR(OpenStore());
    return NowMoment(name);
  }
  const uint32_t user = catalogue_.Find(schema::IdSpace::kUser, name);
  FindTestCases();
  for (const examples::HoldoutCase& c : cases_) {
    if (c.user == user) return TestMoment(c, &trend_);
  }
  return NotFound("user '{}' has no test case under the split ({}); omit --at test", name,
                  split_.Describe());
}

Result<std::vector<Recommender::MakeMoment>> Recommender::Everyone() {
  std::vector<MakeMoment> everyone;
  if (AtTest()) {
    FindTestCases();
    for (const examples::HoldoutCase& c : cases_) {
      everyone.emplace_back(
          [this, &c](Trend* trend) -> Result<Moment> { return TestMoment(c, trend); });
    }
    return everyone;
  }
  UPNEXT_RETURN_IF_ERROR(OpenStore());
  std::vector<std::string> names;
  for (uint32_t user = 0; user < opened_.log.users(); ++user) {
    if (opened_.log.begin(user) < opened_.log.end(user)) {
      names.push_back(catalogue_.Name(schema::IdSpace::kUser, user));
    }
  }
  std::set<std::string> posted;  // users who exist only in the store
  if (store_ != nullptr) {
    UPNEXT_RETURN_IF_ERROR(store_->AllEvents([&](const schema::RawEvent& event) {
      const uint32_t user = catalogue_.Find(schema::IdSpace::kUser, event.user);
      const bool in_log = user != schema::kNone && opened_.log.begin(user) < opened_.log.end(user);
      if (!in_log) posted.insert(event.user);
    }));
  }
  names.insert(names.end(), posted.begin(), posted.end());
  for (std::string& name : names) {
    everyone.emplace_back([this, name = std::move(name)](Trend*) { return NowMoment(name); });
  }
  return everyone;
}

Result<serving::Request> Recommender::RequestOf(const Moment& moment) const {
  serving::Request request;
  request.user = moment.name;
  request.n = flags_.n;
  request.offset = flags_.offset;
  request.exclude = flags_.exclude;
  request.device = !flags_.device.empty()
                       ? flags_.device
                       : catalogue_.Name(schema::IdSpace::kDevice, moment.context.device);
  request.region = !flags_.region.empty()
                       ? flags_.region
                       : catalogue_.Name(schema::IdSpace::kRegion, moment.context.region);
  request.current_item = flags_.current_item;
  request.score = flags_.score;
  request.explain = flags_.explain;
  request.scenario = flags_.scenario;
  request.filter = flags_.expressions.filter;
  request.boost = flags_.expressions.boost;
  UPNEXT_ASSIGN_OR_RETURN(request.parameters, ParametersOf(flags_.expressions));
  request.attributes = catalogue::RawRequestAttributes(catalogue_, moment.context.attributes);
  UPNEXT_RETURN_IF_ERROR(SetContext(catalogue_.schema(), flags_.context, &request));
  request.time_ms = moment.context.time_ms;
  request.stage =
      flags_.stage == "retrieval" ? serving::Stage::kRetrieval : serving::Stage::kRanking;
  return request;
}

Result<serving::Slate> Recommender::Recommend(const Moment& moment, const serving::Request& request,
                                              const serving::Found* found) const {
  UPNEXT_ASSIGN_OR_RETURN(
      serving::Slate slate,
      engine_.Recommend(moment.state, request, moment.live ? &*moment.live : nullptr, found));
  slate.bundle_version = opened_.bundle->manifest().version;
  slate.log_version = opened_.log.directory().filename().string();
  return slate;
}

Status Recommender::RunOne() {
  UPNEXT_ASSIGN_OR_RETURN(const Moment moment, MomentOf(flags_.user));
  UPNEXT_ASSIGN_OR_RETURN(const serving::Request request, RequestOf(moment));
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate slate, Recommend(moment, request));
  if (flags_.json) {
    Print("{}\n",
          net::SlateJson(slate, engine_.objective_names(), flags_.user, flags_.explain).dump(2));
  } else {
    Print("{}",
          SlateTable(slate, engine_.objective_names(), flags_.user, flags_.explain, flags_.offset));
  }
  return Ok();
}

std::string Recommender::FeedOf(const serving::Slate& slate, const std::string& user) const {
  if (slate.items.empty()) return std::string();
  if (flags_.json) {
    return net::SlateJson(slate, {}, user, false).dump() + "\n";
  }
  std::string lines;
  for (size_t rank = 0; rank < slate.items.size(); ++rank) {
    const serving::Recommendation& item = slate.items[rank];
    lines +=
        fmt::format("{}\t{}\t{}\t{:.9g}\n", user, item.id, flags_.offset + rank + 1, item.score);
  }
  return lines;
}

std::vector<Result<std::string>> Recommender::Feeds(std::span<const MakeMoment> everyone) {
  constexpr size_t kGrain = 16;
  const size_t n = everyone.size();
  std::vector<Result<Moment>> moments(n, Moment{});
  std::vector<Result<serving::Request>> requests(n, serving::Request{});
  pool_.ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    Trend trend = trend_;
    for (size_t i = begin; i < end; ++i) {
      moments[i] = everyone[i](&trend);
      if (moments[i]) requests[i] = RequestOf(*moments[i]);
    }
  });
  std::vector<serving::UserRequest> valid;
  std::vector<size_t> place(n);  // of a request among them
  for (size_t i = 0; i < n; ++i) {
    place[i] = valid.size();
    if (moments[i] && requests[i]) valid.push_back({moments[i]->state, *requests[i]});
  }
  const std::vector<serving::Found> found = engine_.FindForMany(valid, pool_);
  std::vector<Result<std::string>> feeds(n, std::string());
  pool_.ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (!moments[i] || !requests[i]) {
        feeds[i] = std::unexpected(moments[i] ? requests[i].error() : moments[i].error());
        continue;
      }
      const auto slate = Recommend(*moments[i], *requests[i], &found[place[i]]);
      feeds[i] = slate ? FeedOf(*slate, moments[i]->name)
                       : Result<std::string>(std::unexpected(slate.error()));
    }
  });
  return feeds;
}

Status Recommender::RunAll() {
  constexpr size_t kBlock = 1024;
  UPNEXT_ASSIGN_OR_RETURN(const auto everyone, Everyone());
  if (everyone.empty()) {
    return FailedPrecondition("no user to recommend to: the split ({}) has no test case",
                              split_.Describe());
  }
  UPNEXT_ASSIGN_OR_RETURN(FeedsFile out, FeedsFile::Create(flags_.out));
  ProgressBar progress;
  if (flags_.stage == "ranking" && opened_.bundle->ranker() == nullptr) {
    progress.Note("this bundle has no ranker: feeds are in the order of retrieval");
  }
  size_t empty = 0;
  {
    base::ProgressStage stage(progress, "recommend", "users", everyone.size());
    for (size_t begin = 0; begin < everyone.size(); begin += kBlock) {
      if (progress.stop_requested()) return Cancelled("stopped; {} was not written", flags_.out);
      const size_t n = std::min(kBlock, everyone.size() - begin);
      if (trend_) trend_->MoveTo(cases_[begin].time_ms);
      const auto feeds = Feeds(std::span(everyone).subspan(begin, n));
      for (const Result<std::string>& feed : feeds) {
        if (!feed) return std::unexpected(feed.error());
        empty += feed->empty();
        UPNEXT_RETURN_IF_ERROR(out.Append(*feed));
      }
      stage.Update(begin + n);
    }
  }
  UPNEXT_RETURN_IF_ERROR(out.Commit());
  out.Say(fmt::format("{} users written to {}\n", base::WithThousands(everyone.size() - empty),
                      out.name()));
  if (empty > 0) {
    out.Say(fmt::format("{} users have nothing left to recommend\n", base::WithThousands(empty)));
  }
  return Ok();
}

Status RunRecommend(const RecommendFlags& flags) {
  if (Status valid = schema::CheckId(flags.user); !valid) {
    return WithContext(std::move(valid).error(), "--user");
  }
  UPNEXT_ASSIGN_OR_RETURN(auto recommender, Recommender::Open(flags));
  return flags.all_users ? recommender->RunAll() : recommender->RunOne();
}

}  // namespace

std::function<Status()> MakeRecommend(CLI::App& app) {
  auto flags = std::make_shared<RecommendFlags>();
  AddProjectFlags(app, &flags->project);
  CLI::Option* user = app.add_option("--user", flags->user, "User whose feed is printed");
  CLI::Option* all =
      app.add_flag("--all-users", flags->all_users, "Write the feeds of all users to --out");
  all->excludes(user);
  app.add_option("-n", flags->n, "Items in a feed")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--offset", flags->offset,
                 "Leave out so many of the best items: -n 20 --offset 20 is the second page")
      ->check(CLI::Range(0, 10'000))
      ->capture_default_str();
  app.add_option("--exclude", flags->exclude, "Item to leave out; repeatable")
      ->type_name("ITEM")
      ->allow_extra_args(false);
  app.add_option("--scenario", flags->scenario,
                 "A place of the site: [scenario.NAME] of the project file");
  app.add_option("--score", flags->score,
                 "Exponents of the score in place of the project file's: watch:1,dismiss:-0.5")
      ->type_name("NAME:EXPONENT,...");
  AddFilterFlags(app, &flags->expressions);
  AddBoostFlag(app, &flags->expressions);
  app.add_option("--stage", flags->stage,
                 "Last stage: retrieval (candidates in their order) or "
                 "ranking")
      ->check(CLI::IsMember({"retrieval", "ranking"}))
      ->capture_default_str();
  app.add_option("--at", flags->at,
                 "now: the end of the log and the store; test: the split's test protocol")
      ->check(CLI::IsMember({"now", "test"}))
      ->capture_default_str();
  CLI::Option* out = app.add_option(
      "--out", flags->out,
      "File for the feeds, or - for stdout: user<TAB>item<TAB>rank<TAB>score lines, with --json a JSON object per line");
  out->needs(all);
  all->needs(out);
  app.add_option("--device", flags->device, "Device of the request");
  app.add_option("--region", flags->region, "Region of the request");
  app.add_option("--current-item", flags->current_item, "The item being watched");
  app.add_option("--context", flags->context,
                 "What else the request says, as NAME=VALUE: a name that is declared in "
                 "[schema.requests], or device, region, current_item; repeatable")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  app.add_flag("--explain", flags->explain, "Also print sources, predictions and stage counts")
      ->excludes(all);
  app.add_flag("--json", flags->json, "Print JSON");
  app.parse_complete_callback([user, all] {
    if (user->count() + all->count() == 0) throw CLI::RequiredError("--user U or --all-users");
  });
  return [flags] { return RunRecommend(*flags); };
}

}  // namespace upnext::cli
