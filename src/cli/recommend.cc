#include <fmt/format.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "cli/feed.h"
#include "cli/progress_bar.h"
#include "cli/verbs.h"
#include "examples/holdout.h"
#include "store/store.h"
#include "store/user_states.h"

namespace upnext::cli {
namespace {

struct Flags {
  ProjectFlags project;
  std::string user, stage = "ranking", out, at = "now", device, region, seed_item;
  uint32_t n = 20;
  bool all_users = false, explain = false, json = false;
};

// Whose feed, with which state, at what time.
struct Moment {
  uint32_t user;  // log id, kNone for a user the log does not know
  std::string name;
  features::UserState state;
  features::Context context;  // time, and where the log knows them device and region
};

class Recommender {
 public:
  static Result<std::unique_ptr<Recommender>> Open(const Flags& flags) {
    UPNEXT_ASSIGN_OR_RETURN(Project project, Project::Load(flags.project));
    UPNEXT_ASSIGN_OR_RETURN(OpenedBundle opened, OpenBundle(project));
    UPNEXT_ASSIGN_OR_RETURN(
        examples::Split split,
        examples::Split::Make(project.pipeline.split, opened.log, project.pipeline.rule));
    return std::unique_ptr<Recommender>(
        new Recommender(flags, std::move(project), std::move(opened), std::move(split)));
  }

  Status RunOne();
  Status RunAll();

 private:
  Recommender(const Flags& flags, Project project, OpenedBundle opened, examples::Split split)
      : flags_(flags),
        pool_(project.threads),
        project_(std::move(project)),
        opened_(std::move(opened)),
        catalogue_(opened_.log),
        split_(std::move(split)),
        source_{opened_.log, catalogue_, project_.pipeline.rule, split_},
        engine_(*opened_.bundle, catalogue_, project_.engine) {}

  bool AtTest() const { return flags_.at == "test"; }
  // The log's last moment: feeds of a log that ended long ago are made as of its end.
  int64_t Now() const { return opened_.log.stats().last_ms; }
  Result<Moment> MomentOf(const std::string& user);
  Moment MomentOf(const examples::HoldoutCase& held_out) const;
  Result<serving::Slate> Recommend(const Moment& moment) const;
  Status OpenStore();
  std::string FeedsOf(const std::vector<examples::HoldoutCase>& cases, size_t begin, size_t end,
                      Status* status) const;
  std::vector<examples::HoldoutCase> Cases();

  const Flags& flags_;
  base::ThreadPool pool_;
  Project project_;
  OpenedBundle opened_;
  features::Catalogue catalogue_;
  examples::Split split_;
  examples::ReplaySource source_;
  serving::Engine engine_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<store::UserStates> states_;
};

// Events that came over HTTP count too, unless a running server holds the store.
Status Recommender::OpenStore() {
  if (std::filesystem::exists(project_.store())) {
    if (auto store = store::OpenRocksStore(project_.store())) {
      store_ = *std::move(store);
    } else {
      fmt::print(stderr, "note: events posted to the server are left out: {}\n",
                 store.error().message);
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(
      states_, store::UserStates::Attach(store_.get(), catalogue_, project_.pipeline.rule));
  return Ok();
}

std::vector<examples::HoldoutCase> Recommender::Cases() {
  if (AtTest()) return examples::HoldoutCases(source_, examples::Part::kTest, pool_);
  std::vector<examples::HoldoutCase> cases;
  for (uint32_t user = 0; user < opened_.log.users(); ++user) {
    const uint64_t end = opened_.log.end(user);
    if (end == opened_.log.begin(user)) continue;
    examples::HoldoutCase now;
    now.user = user;
    now.end_row = end;
    now.time_ms = now.context.time_ms = Now();
    cases.push_back(std::move(now));
  }
  return cases;
}

Result<Moment> Recommender::MomentOf(const std::string& name) {
  const uint32_t user = catalogue_.Find(events::IdSpace::kUser, name);
  if (!AtTest()) {
    UPNEXT_RETURN_IF_ERROR(OpenStore());
    UPNEXT_ASSIGN_OR_RETURN(features::UserState state, states_->Get(name));
    const int64_t now = std::max(Now(), state.totals().last_ms);
    features::Context context;
    context.time_ms = now;
    return Moment{user, name, std::move(state), context};
  }
  for (const examples::HoldoutCase& c : Cases()) {
    if (c.user == user) return MomentOf(c);
  }
  return NotFound("user '{}' has no test case under the split ({}); leave out --at test", name,
                  split_.Describe());
}

Moment Recommender::MomentOf(const examples::HoldoutCase& held_out) const {
  return {held_out.user, catalogue_.Name(events::IdSpace::kUser, held_out.user),
          examples::StateAt(source_, held_out.user, held_out.end_row), held_out.context};
}

Result<serving::Slate> Recommender::Recommend(const Moment& moment) const {
  serving::Request request;
  request.user = moment.name;
  request.n = flags_.n;
  request.device = !flags_.device.empty()
                       ? flags_.device
                       : catalogue_.Name(events::IdSpace::kDevice, moment.context.device);
  request.region = !flags_.region.empty()
                       ? flags_.region
                       : catalogue_.Name(events::IdSpace::kRegion, moment.context.region);
  request.seed = flags_.seed_item;
  request.time_ms = moment.context.time_ms;
  request.stage =
      flags_.stage == "retrieval" ? serving::Stage::kRetrieval : serving::Stage::kRanking;
  return engine_.Recommend(moment.state, request);
}

Status Recommender::RunOne() {
  UPNEXT_ASSIGN_OR_RETURN(const Moment moment, MomentOf(flags_.user));
  UPNEXT_ASSIGN_OR_RETURN(const serving::Slate slate, Recommend(moment));
  if (flags_.json) {
    fmt::print("{}\n", SlateJson(slate, engine_.objectives(), flags_.user, flags_.explain).dump(2));
  } else {
    fmt::print("{}", SlateTable(slate, engine_.objectives(), flags_.user, flags_.explain));
  }
  return Ok();
}

std::string Recommender::FeedsOf(const std::vector<examples::HoldoutCase>& cases, size_t begin,
                                 size_t end, Status* status) const {
  std::string lines;
  for (size_t i = begin; i < end && *status; ++i) {
    const Moment moment = MomentOf(cases[i]);
    Result<serving::Slate> slate = Recommend(moment);
    if (!slate) {
      *status = std::unexpected(slate.error());
      break;
    }
    for (size_t rank = 0; rank < slate->items.size(); ++rank) {
      const serving::Recommendation& item = slate->items[rank];
      lines += fmt::format("{}\t{}\t{}\t{:.9g}\n", moment.name, item.id, rank + 1, item.score);
    }
  }
  return lines;
}

Status Recommender::RunAll() {
  constexpr size_t kBlock = 1024, kGrain = 16;
  const std::vector<examples::HoldoutCase> cases = Cases();
  if (cases.empty()) {
    return FailedPrecondition("no user to recommend to: the split ({}) has no test case",
                              split_.Describe());
  }
  UPNEXT_ASSIGN_OR_RETURN(base::AtomicFileWriter out, base::AtomicFileWriter::Create(flags_.out));
  ProgressBar progress;
  {
    base::ProgressStage stage(progress, "recommend", "users", cases.size());
    for (size_t begin = 0; begin < cases.size(); begin += kBlock) {
      if (progress.stop_requested()) return Cancelled("stopped; {} was not written", flags_.out);
      const size_t n = std::min(kBlock, cases.size() - begin);
      std::vector<std::string> lines((n + kGrain - 1) / kGrain);
      std::vector<Status> statuses(lines.size());
      pool_.ParallelFor(n, kGrain, [&](size_t from, size_t to) {
        const size_t chunk = from / kGrain;
        lines[chunk] = FeedsOf(cases, begin + from, begin + to, &statuses[chunk]);
      });
      for (size_t chunk = 0; chunk < lines.size(); ++chunk) {
        UPNEXT_RETURN_IF_ERROR(statuses[chunk]);
        UPNEXT_RETURN_IF_ERROR(out.Append(std::as_bytes(std::span(lines[chunk]))));
      }
      stage.Update(begin + n);
    }
  }
  UPNEXT_RETURN_IF_ERROR(out.Commit());
  fmt::print("{} users written to {}\n", WithCommas(cases.size()), flags_.out);
  return Ok();
}

Status Run(const Flags& flags) {
  if (flags.all_users == !flags.user.empty()) {
    return InvalidArgument("say either --user U or --all-users");
  }
  if (flags.all_users && flags.out.empty()) {
    return InvalidArgument("--all-users needs --out FILE.tsv");
  }
  UPNEXT_ASSIGN_OR_RETURN(auto recommender, Recommender::Open(flags));
  return flags.all_users ? recommender->RunAll() : recommender->RunOne();
}

}  // namespace

std::function<Status()> MakeRecommend(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  AddProjectFlags(app, &flags->project);
  app.add_option("--user", flags->user, "Whose feed to print");
  app.add_flag("--all-users", flags->all_users, "Write the feeds of all users to --out");
  app.add_option("-n", flags->n, "Items in a feed")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--stage", flags->stage, "Where to stop: candidates in order, or ranked")
      ->check(CLI::IsMember({"retrieval", "ranking"}))
      ->capture_default_str();
  app.add_option("--at", flags->at,
                 "now: the end of the log and the store; test: the split's test protocol")
      ->check(CLI::IsMember({"now", "test"}))
      ->capture_default_str();
  app.add_option("--out", flags->out, "File for user<TAB>item<TAB>rank<TAB>score lines");
  app.add_option("--device", flags->device, "Device of the request");
  app.add_option("--region", flags->region, "Region of the request");
  app.add_option("--seed-item", flags->seed_item, "The item being watched");
  app.add_flag("--explain", flags->explain, "Also print sources, predictions and stage counts");
  app.add_flag("--json", flags->json, "Print JSON");
  return [flags] { return Run(*flags); };
}

}  // namespace upnext::cli
