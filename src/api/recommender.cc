#include "api/recommender.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "catalogue/request_attributes.h"
#include "log/event_log.h"
#include "retrieval/choices.h"
#include "schema/event.h"
#include "serving/live_events.h"
#include "store/posted_records.h"
#include "store/user_history.h"
#include "training/dataset.h"
#include "training/tested_bundle.h"

namespace upnext::api {

namespace {

// A feed of now asks for no split.
Result<examples::Split> EverythingTrains(const features::PositiveRule& rule,
                                         const log::EventLog& log) {
  examples::SplitOptions none;
  none.kind = examples::SplitOptions::Kind::kNone;
  return examples::Split::Make(none, log, rule);
}

// For feeds of now the bundle as it is published; for test cases as it was before it saw them.
Result<bundle::OpenedBundle> OpenBundleAt(const Settings& settings, Recommender::At at,
                                          base::Progress& progress) {
  if (at == Recommender::At::kNow) return settings.project.OpenBundle(bundle::LogChoice::kNewest);
  base::ThreadPool pool(settings.threads);
  return training::OpenTestedBundle(settings.project, settings.training, pool, progress);
}

}  // namespace

Recommender::Recommender(Settings settings, At at, bundle::OpenedBundle opened,
                         examples::Split split)
    : at_(at),
      settings_(std::move(settings)),
      pool_(settings_.threads),
      opened_(std::make_shared<const bundle::OpenedBundle>(std::move(opened))),
      catalogue_(opened_->log),
      split_(std::move(split)),
      source_{opened_->log, catalogue_, opened_->rule, split_},
      live_options_(
          settings_.engine.live.OrHalfLife(opened_->bundle->manifest().order.HalfLifeHours())),
      live_(live_options_) {}

Recommender::~Recommender() = default;

Result<std::unique_ptr<Recommender>> Recommender::Open(Settings settings, At at,
                                                       base::Progress& progress) {
  std::string older;
  if (at == At::kNow) {
    UPNEXT_ASSIGN_OR_RETURN(const bundle::ServedVersions served, settings.project.Served());
    if (older = served.Note(); !older.empty()) progress.Note("note: " + older);
  }
  UPNEXT_ASSIGN_OR_RETURN(bundle::OpenedBundle opened, OpenBundleAt(settings, at, progress));
  // Test cases are those of the log that the bundle was trained on.
  UPNEXT_ASSIGN_OR_RETURN(examples::Split split,
                          at == At::kTest ? training::SplitOf(settings.training.dataset,
                                                              opened.bundle->manifest(), opened.log)
                                          : EverythingTrains(opened.rule, opened.log));
  std::unique_ptr<Recommender> recommender(
      new Recommender(std::move(settings), at, std::move(opened), std::move(split)));
  if (!older.empty()) recommender->notes_.push_back("note: " + older);
  if (at == At::kNow) UPNEXT_RETURN_IF_ERROR(recommender->OpenStore(progress));
  // An engine finds the items that were posted before it was made.
  recommender->engine_ = std::make_unique<serving::Engine>(
      *recommender->opened_->bundle, recommender->catalogue_, recommender->settings_.engine,
      serving::EngineStages{}, at == At::kNow ? &recommender->live_ : nullptr);
  return recommender;
}

// Includes what was posted over HTTP, unless a running server holds the store.
Status Recommender::OpenStore(base::Progress& progress) {
  if (std::filesystem::exists(settings_.project.store())) {
    if (auto store = settings_.project.OpenStore()) {
      store_ = *std::move(store);
    } else {
      notes_.push_back(fmt::format("note: what was posted to the server is not included: {}",
                                   store.error().message));
      progress.Note(notes_.back());
    }
  }
  UPNEXT_ASSIGN_OR_RETURN(states_,
                          store::UserStates::Attach(store_.get(), catalogue_, opened_->rule,
                                                    opened_->bundle->tables().plan.state()));
  if (store_ != nullptr) {
    UPNEXT_RETURN_IF_ERROR(
        store::PostedRecords::Attach(*store_, catalogue_, store::UserStates::kMaxNames));
  }
  return serving::CountAll(catalogue_, opened_->rule, store_.get(), states_.get(), &live_);
}

void Recommender::FindTestCases() {
  cases_ = examples::HoldoutCases(source_, examples::SplitPart::kTest, pool_);
  std::ranges::stable_sort(cases_, {}, &examples::HoldoutCase::time_ms);
  if (cases_.empty()) return;
  trend_.emplace(catalogue_, opened_->rule, live_options_, cases_.front().time_ms,
                 cases_.back().time_ms);
}

Recommender::Moment Recommender::TestMoment(const examples::HoldoutCase& held_out,
                                            Trend* trend) const {
  (*trend)->MoveTo(held_out.time_ms);
  return {.name = catalogue_.Name(schema::IdSpace::kUser, held_out.user),
          .state = examples::StateAt(source_, held_out.user, held_out.end_row,
                                     opened_->bundle->tables().plan.state()),
          .context = held_out.context,
          .live = (*trend)->ListsOf(
              retrieval::RegionOf(catalogue_, held_out.context.region, held_out.user))};
}

Result<store::UserStates::StatePtr> Recommender::StateOf(const std::string& user) const {
  return states_->Get(user);
}

// Feeds from a log that ended long ago are made as of its end.
int64_t Recommender::TimeOf(const features::UserState& state) const {
  return std::max(opened_->log.stats().last_ms, state.totals().last_ms);
}

Result<Recommender::Moment> Recommender::NowMoment(const std::string& name) const {
  UPNEXT_ASSIGN_OR_RETURN(const store::UserStates::StatePtr state, states_->Get(name));
  features::Context context;
  context.time_ms = TimeOf(*state);
  return Moment{.name = name, .state = *state, .context = context};
}

std::unexpected<Error> Recommender::NoTestCase(const std::string& name) const {
  return NotFound("user '{}' has no test case under the split ({}); omit --at test", name,
                  split_.Describe());
}

Result<serving::Slate> Recommender::FeedOf(const std::string& user, const FeedRequest& wanted) {
  const auto feed = [&](const Result<Moment>& moment) -> Result<serving::Slate> {
    if (!moment) return std::unexpected(moment.error());
    UPNEXT_ASSIGN_OR_RETURN(const serving::Request request, RequestOf(*moment, wanted));
    return Recommend(*moment, request);
  };
  if (at_ == At::kNow) return feed(NowMoment(user));
  const base::MutexLock lock(mutex_);
  const uint32_t id = catalogue_.Find(schema::IdSpace::kUser, user);
  FindTestCases();
  for (const examples::HoldoutCase& c : cases_) {
    if (c.user == id) return feed(TestMoment(c, &trend_));
  }
  return NoTestCase(user);
}

Result<serving::Slate> Recommender::FeedOfVisitor(std::span<const schema::RawEvent> events,
                                                  const FeedRequest& wanted) const {
  features::UserState state(opened_->bundle->tables().plan.state());
  for (const schema::RawEvent& raw : events) {
    const schema::Event event = store::Resolve(raw, catalogue_);
    if (event.item == schema::kNone && !raw.item.empty()) continue;  // an item that is not known
    state.Apply(event, catalogue_, opened_->rule,
                catalogue::RequestAttributes(catalogue_, raw.attributes));
  }
  Moment moment{.name = {}, .state = std::move(state), .context = {}};
  moment.context.time_ms = TimeOf(moment.state);
  UPNEXT_ASSIGN_OR_RETURN(const serving::Request request, RequestOf(moment, wanted));
  return Recommend(moment, request);
}

Result<std::vector<std::string>> Recommender::UserNames() const {
  const log::EventLog& log = opened_->log;
  std::vector<std::string> names;
  for (uint32_t user = 0; user < log.users(); ++user) {
    if (log.begin(user) < log.end(user)) {
      names.push_back(catalogue_.Name(schema::IdSpace::kUser, user));
    }
  }
  std::set<std::string> posted;  // users who exist only in the store
  if (store_ != nullptr) {
    UPNEXT_RETURN_IF_ERROR(store_->AllEvents([&](const schema::RawEvent& event) {
      const uint32_t user = catalogue_.Find(schema::IdSpace::kUser, event.user);
      const bool in_log = user != schema::kNone && log.begin(user) < log.end(user);
      if (!in_log) posted.insert(event.user);
    }));
  }
  names.insert(names.end(), posted.begin(), posted.end());
  return names;
}

Result<std::vector<Recommender::MakeMoment>> Recommender::Everyone() {
  std::vector<MakeMoment> everyone;
  if (at_ == At::kTest) {
    const base::MutexLock lock(mutex_);
    FindTestCases();
    for (const examples::HoldoutCase& c : cases_) {
      everyone.emplace_back(
          [this, &c](Trend* trend) -> Result<Moment> { return TestMoment(c, trend); });
    }
  } else {
    UPNEXT_ASSIGN_OR_RETURN(std::vector<std::string> names, UserNames());
    for (std::string& name : names) {
      everyone.emplace_back([this, name = std::move(name)](Trend*) { return NowMoment(name); });
    }
  }
  if (!everyone.empty()) return everyone;
  return FailedPrecondition("no user to recommend to: the split ({}) has no test case",
                            split_.Describe());
}

Result<std::vector<Recommender::MakeMoment>> Recommender::TheseUsers(
    std::span<const std::string> names) {
  std::vector<MakeMoment> users;
  if (at_ == At::kNow) {
    for (const std::string& name : names) {
      users.emplace_back([this, name](Trend*) { return NowMoment(name); });
    }
    return users;
  }
  const base::MutexLock lock(mutex_);
  FindTestCases();
  std::set<uint32_t> asked, found;
  for (const std::string& name : names) {
    asked.insert(catalogue_.Find(schema::IdSpace::kUser, name));
  }
  for (const examples::HoldoutCase& c : cases_) {  // in their order, which the trend needs
    if (!asked.contains(c.user)) continue;
    found.insert(c.user);
    users.emplace_back([this, &c](Trend* trend) -> Result<Moment> { return TestMoment(c, trend); });
  }
  for (const std::string& name : names) {
    if (!found.contains(catalogue_.Find(schema::IdSpace::kUser, name))) return NoTestCase(name);
  }
  return users;
}

Result<serving::Request> Recommender::RequestOf(const Moment& moment,
                                                const FeedRequest& wanted) const {
  serving::Request request = wanted.request;
  request.user = moment.name;
  if (request.device.empty()) {
    request.device = catalogue_.Name(schema::IdSpace::kDevice, moment.context.device);
  }
  if (request.region.empty()) {
    request.region = catalogue_.Name(schema::IdSpace::kRegion, moment.context.region);
  }
  request.attributes = catalogue::RawRequestAttributes(catalogue_, moment.context.attributes);
  if (wanted.set_context) {
    UPNEXT_RETURN_IF_ERROR(wanted.set_context(catalogue_.schema(), &request));
  }
  request.time_ms = moment.context.time_ms;
  return request;
}

Result<serving::Slate> Recommender::Recommend(const Moment& moment, const serving::Request& request,
                                              const serving::Found* found) const {
  UPNEXT_ASSIGN_OR_RETURN(
      serving::Slate slate,
      engine_->Recommend(moment.state, request, moment.live ? &*moment.live : nullptr, found));
  slate.bundle_version = opened_->bundle->manifest().version;
  slate.log_version = opened_->log.directory().filename().string();
  return slate;
}

std::pair<size_t, Status> Recommender::MakeBlock(std::span<const MakeMoment> users,
                                                 const FeedRequest& wanted,
                                                 const FeedsTaker& taker) {
  constexpr size_t kGrain = 16;
  const size_t n = users.size();
  std::vector<Result<Moment>> moments(n, Moment{});
  std::vector<Result<serving::Request>> requests(n, serving::Request{});
  pool_.ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    Trend trend = trend_;
    for (size_t i = begin; i < end; ++i) {
      moments[i] = users[i](&trend);
      if (moments[i]) requests[i] = RequestOf(*moments[i], wanted);
    }
  });
  std::vector<serving::UserRequest> valid;
  std::vector<size_t> place(n);  // of a request among them
  for (size_t i = 0; i < n; ++i) {
    place[i] = valid.size();
    if (moments[i] && requests[i]) valid.push_back({moments[i]->state, *requests[i]});
  }
  const std::vector<serving::Found> found = engine_->FindForMany(valid, pool_);
  std::vector<Status> made(n);
  pool_.ParallelFor(n, kGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (!moments[i] || !requests[i]) {
        made[i] = std::unexpected(moments[i] ? requests[i].error() : moments[i].error());
        continue;
      }
      const auto slate = Recommend(*moments[i], *requests[i], &found[place[i]]);
      if (slate) {
        taker.take(i, moments[i]->name, *slate);
      } else {
        made[i] = std::unexpected(slate.error());
      }
    }
  });
  const auto failed = std::ranges::find_if(made, [](const Status& one) { return !one; });
  return {static_cast<size_t>(failed - made.begin()), failed == made.end() ? Ok() : *failed};
}

Status Recommender::MakeFeeds(std::span<const MakeMoment> users, const FeedRequest& wanted,
                              const FeedsTaker& taker, base::Progress& progress) {
  if (wanted.request.stage == serving::Stage::kRanking && opened_->bundle->ranker() == nullptr) {
    progress.Note("this bundle has no ranker: feeds are in the order of retrieval");
  }
  const base::MutexLock lock(mutex_);
  base::ProgressStage stage(progress, "recommend", "users", users.size());
  for (size_t begin = 0; begin < users.size(); begin += kBlock) {
    if (progress.stop_requested()) return Cancelled("stopped on request");
    const size_t n = std::min(kBlock, users.size() - begin);
    if (trend_) trend_->MoveTo(cases_[begin].time_ms);
    const auto [feeds, made] = MakeBlock(users.subspan(begin, n), wanted, taker);
    UPNEXT_RETURN_IF_ERROR(taker.end_block(feeds));
    UPNEXT_RETURN_IF_ERROR(made);
    stage.Update(begin + n);
  }
  return Ok();
}

}  // namespace upnext::api
