// Study feedback-loop (checklist EV-08): an engine retrained in rounds on the log of its own
// slates, with and without a share of random slates, and compared with one trained on another
// policy's log.
#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/clock.h"
#include "simulator/policy.h"
#include "simulator/value.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/retraining.h"
#include "training/options.h"

namespace upnext::studies {
namespace {

constexpr size_t kFeedbackLoopTop = 10;
constexpr uint32_t kJudgedEvery = 4;  // the ideal is computed for one in this many slates

constexpr double kExplore = 0.1;

struct FeedbackLoopArm {
  const char* name;
  double explore;
  bool own_log;  // trained on its own slates; else on the logging policy's of the same days
};
constexpr FeedbackLoopArm kFeedbackLoopArms[] = {{"no exploration", 0.0, true},
                                                 {"10 % exploration", kExplore, true},
                                                 {"logging policy's log", 0.0, false}};

Rounds FeedbackLoopRounds(Scale scale) {
  Rounds rounds;
  const bool tiny = scale == Scale::kTiny;
  rounds.world.users = tiny ? 150 : 2000;
  rounds.world.items = tiny ? 250 : 500;
  rounds.first = tiny ? 6 : 9;
  rounds.days = tiny ? 1 : 3;
  rounds.count = tiny ? 2 : 5;
  rounds.memory = tiny ? 6 : 9;
  rounds.world.days = rounds.DayOf(rounds.count);
  rounds.world.catalogue.window_share = 0.4;  // new items appear throughout
  // Items can be found only in slates: what is not shown is not learned.
  rounds.world.sessions.search_share = 0;
  rounds.world.sessions.off_site_share = 0;
  rounds.world.sessions.continue_share = 0;
  return rounds;
}

// Measures the value of an engine's own slates and what they show. The requests that an exploring
// arm answers at random are excluded in every arm (they are the same: the random numbers of a
// request do not depend on the arm), so that all arms are measured on the same number of slates.
// Called from many threads; each user has separate sums.
class Judged : public simulator::Recommender {
 public:
  struct Sums {
    double ndcg = 0, judged = 0, shown = 0, fresh = 0;
  };
  Judged(const simulator::World& world, simulator::Recommender& inner)
      : world_(world),
        inner_(inner),
        sums_(world.options().users),
        shown_(world.catalogue().size()) {}

  Status Recommend(const simulator::SlateRequest& request, base::Rng& rng,
                   std::vector<simulator::ShownItem>& slate) override {
    base::Rng luck = rng;  // the first draw decides whether the engine explores
    const bool explored = luck.Uniform() < kExplore;
    UPNEXT_RETURN_IF_ERROR(inner_.Recommend(request, rng, slate));
    if (explored || slate.empty()) return Ok();
    Sums& sums = sums_[request.user.id];
    for (const simulator::ShownItem& item : slate) {
      shown_[item.item].store(true, std::memory_order_relaxed);
      sums.shown += 1;
      const int64_t age = request.time_ms - world_.catalogue().item(item.item).created_ms;
      sums.fresh += age < 7 * base::kDayMs ? 1 : 0;
    }
    if (request.number % kJudgedEvery != 0) return Ok();
    sums.ndcg += TrueNdcg(request, slate);
    sums.judged += 1;
    return Ok();
  }
  Status Observe(const simulator::UserRows& rows) override { return inner_.Observe(rows); }

  Sums Total() const {
    Sums total;
    for (const Sums& s : sums_) {
      total.ndcg += s.ndcg;
      total.judged += s.judged;
      total.shown += s.shown;
      total.fresh += s.fresh;
    }
    return total;
  }
  double ItemsShown() const {
    return static_cast<double>(
        std::ranges::count_if(shown_, [](const auto& x) { return x.load(); }));
  }

 private:
  // Gains are true P(click | examined); the ideal slate is the best of all existing items.
  double TrueNdcg(const simulator::SlateRequest& request,
                  const std::vector<simulator::ShownItem>& slate) const {
    const simulator::World::Visitor visitor = world_.VisitorAt(request.user, request.time_ms);
    const auto gain = [&](uint32_t item) {
      return world_.ClickProbability(visitor, item, request.ContextOf(item));
    };
    std::vector<double> ideal(world_.catalogue().CountAt(request.time_ms));
    for (uint32_t item = 0; item < ideal.size(); ++item) {
      ideal[item] = item == request.current_item ? 0 : gain(item);
    }
    const size_t n = std::min({kFeedbackLoopTop, slate.size(), ideal.size()});
    std::ranges::partial_sort(ideal, ideal.begin() + static_cast<std::ptrdiff_t>(n),
                              std::greater());
    double dcg = 0, best = 0;
    for (size_t p = 0; p < n; ++p) {
      const double discount = 1 / std::log2(static_cast<double>(p) + 2);
      dcg += discount * gain(slate[p].item);
      best += discount * ideal[p];
    }
    return dcg / best;
  }
  const simulator::World& world_;
  simulator::Recommender& inner_;
  std::vector<Sums> sums_;
  std::vector<std::atomic<bool>> shown_;  // by item
};

// The metrics of one round.
struct Round {
  double ndcg = 0, watch_s = 0, catalogue_share = 0, fresh_share = 0;
};

training::Options OptionsFor(const StudyRun& run) {
  training::Options options = TrainingOf(run.scale, run.seed);
  options.dataset.features.drop = {"source"};  // past sources are not the engine's
  options.dataset.split.validation_days = 1;
  options.dataset.split.test_days = 0;
  options.train.ranker_train.epochs = 3;
  options.train.candidate_train.epochs = 10;
  return options;
}

// Lets an engine choose the slates of a round, whose rows are added to the log.
Result<Round> MeasureRound(const StudyRun& run, const Rounds& rounds, int number,
                           const FeedbackLoopArm& arm, const simulator::World& world,
                           LiveEngine& engine, SimulatedLog* rows, simulator::LiveSite* site) {
  Judged judged(world, engine);
  simulator::UserValues values(rounds.world.users);
  simulator::LiveSite aside = *site;  // a copy, for slates that are measured but not logged
  const auto add = [&](const simulator::UserRows& user) {
    rows->Add(user);
    return Ok();
  };
  UPNEXT_RETURN_IF_ERROR(LiveRound(run, rounds, number, judged, arm.own_log ? site : &aside,
                                   [&](const simulator::UserRows& user) {
                                     values.Add(user);
                                     return arm.own_log ? add(user) : Ok();
                                   }));
  if (!arm.own_log) {
    simulator::LoggingPolicy policy(world);
    UPNEXT_RETURN_IF_ERROR(LiveRound(run, rounds, number, policy, site, add));
  }
  const simulator::Value total = values.total();
  if (total.slates == 0) return FailedPrecondition("no user visited in round {}", number + 1);
  const Judged::Sums sums = judged.Total();
  const auto existing = static_cast<double>(
      world.catalogue().CountAt(rounds.world.start_ms() + rounds.DayOf(number + 1) * base::kDayMs));
  return Round{.ndcg = sums.ndcg / sums.judged,
               .watch_s = total.watch_s / total.slates,
               .catalogue_share = judged.ItemsShown() / existing,
               .fresh_share = sums.fresh / sums.shown};
}

Result<Measurements> RunFeedbackLoop(const StudyRun& run) {
  Rounds rounds = FeedbackLoopRounds(run.scale);
  rounds.world.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(rounds.world));
  UPNEXT_ASSIGN_OR_RETURN(const KeptSite first, KeptUntil(run, world, rounds.first));
  Measurements measured;
  for (const FeedbackLoopArm& arm : kFeedbackLoopArms) {
    KeptSite kept = first;
    double first_ndcg = 0;
    for (int number = 0; number < rounds.count; ++number) {
      Round round;
      const RoundArm of{arm.name, OptionsFor(run), {.explore = arm.explore}};
      UPNEXT_RETURN_IF_ERROR(Retrain(run, rounds, number, world, of, &kept.rows,
                                     [&](const Trained&, LiveEngine& engine) -> Status {
                                       UPNEXT_ASSIGN_OR_RETURN(
                                           round, MeasureRound(run, rounds, number, arm, world,
                                                               engine, &kept.rows, &kept.site));
                                       return Ok();
                                     }));
      if (number == 0) first_ndcg = round.ndcg;
      const double x = number + 1;
      measured.AddPoint("true NDCG@10 by round", arm.name, x, round.ndcg);
      measured.AddPoint("share of the catalogue shown by round", arm.name, x,
                        round.catalogue_share);
      measured.AddPoint("watch seconds per slate by round", arm.name, x, round.watch_s);
      measured.Set(arm.name, "ndcg", round.ndcg);  // the value of the last round remains
      measured.Set(arm.name, "ndcg_change", round.ndcg - first_ndcg);
      measured.Set(arm.name, "catalogue_share", round.catalogue_share);
      measured.Set(arm.name, "fresh_share", round.fresh_share);
      measured.Set(arm.name, "watch_s", round.watch_s);
    }
  }
  return measured;
}

Settings FeedbackLoopSettings(Scale scale) { return SettingsOf(FeedbackLoopRounds(scale)); }

}  // namespace

Study FeedbackLoopStudy() {
  const std::string without = kFeedbackLoopArms[0].name, with = kFeedbackLoopArms[1].name,
                    control = kFeedbackLoopArms[2].name;
  return {
      .name = "feedback-loop",
      .question =
          "What happens to an engine that is trained on its own slates, and does "
          "exploration help?",
      .method =
          "On this site items can be found only in slates: no user searches, comes from another "
          "site or continues a series directly. "
          "An engine is trained on a log of the logging policy, chooses all slates for some "
          "days, is trained again on the kept days, and so on, until no day of the "
          "logging policy is left. One arm answers a tenth of the requests with random slates; "
          "those requests count in watch_s only, and are excluded from the other metrics of all "
          "arms. As control, an "
          "engine is trained each time on the logging policy's log of the same days, and its "
          "own slates are measured in the same way, but not logged.",
      .metrics = {{"ndcg", "true NDCG@10 of the engine's own slates in the last round", 4},
                  {"ndcg_change", "the same minus that of the first round", 4},
                  {"catalogue_share", "share of all items in the engine's own slates, last round",
                   4},
                  {"fresh_share", "share of impressions of items less than 7 days old, last round",
                   4},
                  {"watch_s", "true expected watch seconds per slate, all slates, last round", 2}},
      .plots = {{"true NDCG@10 by round", "round", "NDCG@10"},
                {"share of the catalogue shown by round", "round", "share"},
                {"watch seconds per slate by round", "round", "seconds"}},
      .claims = {{"without exploration relevance decays", "ndcg_change", without, "",
                  -std::numeric_limits<double>::infinity(), 0},
                 {"it ends below an engine trained on the logging policy's log", "ndcg", control,
                  without, 0},
                 {"with exploration relevance ends higher", "ndcg", with, without, 0},
                 {"with exploration more of the catalogue is shown", "catalogue_share", with,
                  without, 0},
                 {"with exploration more new items are shown", "fresh_share", with, without, 0}},
      .settings = FeedbackLoopSettings,
      .run = RunFeedbackLoop};
}

}  // namespace upnext::studies
