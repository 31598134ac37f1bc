// Study watch-time (Covington 2016, section 4.2; checklist RK-13): what each watch-time objective
// predicts, next to the true expected seconds of an impression, at three click rates.
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "evaluation/impressions.h"
#include "evaluation/metrics.h"
#include "log/dictionary.h"
#include "log/event_log.h"
#include "nn/losses.h"
#include "ranking/ranker_training.h"
#include "schema/raw_event.h"
#include "simulator/world_options.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/simulated_log.h"
#include "studies/world_names.h"
#include "training/options.h"

namespace upnext::studies {
namespace {

using evaluation::Impressions;
using ranking::Objective;
using schema::EventType;

constexpr char kSecondsPlot[] = "predicted by decile of the true seconds, 30 % clicks";
constexpr std::array kClickRates = {0.02, 0.1, 0.3};

// The grid of items: the click probability of an item is the log's click rate times a factor, and a
// watch is a share of the duration that is uniform from 0 to twice its mean.
constexpr std::array kClickFactors = {0.25, 0.625, 1.0, 1.375, 1.75};
constexpr std::array kMeanShares = {0.1, 0.2, 0.3, 0.4, 0.5};
constexpr std::array kDurations = {60.0, 240.0, 600.0};
constexpr size_t kGridItems = kClickFactors.size() * kMeanShares.size() * kDurations.size();

struct GridItem {
  double click, share, duration_s;
  double expected_s() const { return click * share * duration_s; }
  double odds() const {
    return expected_s() / (1 - click);
  }  // papers: the optimum of the paper form
};
GridItem GridItemOf(size_t item, double click_rate) {
  return {click_rate * kClickFactors[item % 5], kMeanShares[item / 5 % 5], kDurations[item / 25]};
}

struct WatchTimePlan {
  size_t users, days;
  uint32_t page = 10;
};
WatchTimePlan WatchTimePlanOf(Scale scale) {
  return scale == Scale::kTiny ? WatchTimePlan{1000, 6} : WatchTimePlan{3000, 12};
}

// One page of random items a day for every user.
Result<log::EventLog> WriteGridLog(const WatchTimePlan& plan, double click_rate, uint64_t seed,
                                   const std::filesystem::path& folder) {
  const int64_t start_ms = simulator::WorldOptions().start_ms();
  std::vector<schema::RawItem> items(kGridItems);
  for (size_t i = 0; i < kGridItems; ++i) {
    items[i].item = ItemName(static_cast<uint32_t>(i));
    items[i].duration_s = static_cast<float>(GridItemOf(i, click_rate).duration_s);
  }
  std::vector<schema::RawUser> users(plan.users);
  std::vector<schema::RawEvent> events;
  base::Rng rng(seed);
  std::vector<uint32_t> order(kGridItems);
  for (uint32_t i = 0; i < kGridItems; ++i) order[i] = i;
  for (uint32_t user = 0; user < plan.users; ++user) {
    users[user].user = UserName(user);
    for (size_t day = 0; day < plan.days; ++day) {
      const int64_t page_ms = start_ms + static_cast<int64_t>(day) * base::kDayMs +
                              static_cast<int64_t>(rng.Below(base::kDayMs / 2));
      for (uint32_t place = 0; place < plan.page; ++place) {
        std::swap(order[place], order[place + rng.Below(kGridItems - place)]);
        const GridItem item = GridItemOf(order[place], click_rate);
        schema::RawEvent event;
        event.user = users[user].user;
        event.item = ItemName(order[place]);
        event.time_ms = page_ms;
        event.request = fmt::format("r{}-{}", user, day);
        event.position = static_cast<uint16_t>(place + 1);
        events.push_back(event);
        if (rng.Uniform() >= item.click) continue;
        event.time_ms += 1000 * (place + 1);
        event.type = EventType::kClick;
        events.push_back(event);
        event.type = EventType::kWatch;
        event.value = static_cast<float>(item.duration_s * 2 * item.share * rng.Uniform());
        events.push_back(event);
      }
    }
  }
  UPNEXT_RETURN_IF_ERROR(base::MakeDirectories(folder));
  UPNEXT_RETURN_IF_ERROR(log::WriteEventLog(folder, events, items, users));
  return log::EventLog::Open(folder);
}

std::vector<Objective> WatchTimeObjectives() {
  using Loss = Objective::Loss;
  const auto of = [](const char* name, Loss loss) {
    Objective objective = WatchObjective();
    objective.name = name;
    objective.loss = loss;
    objective.delta = 60;
    return objective;
  };
  Objective paper = of("paper", Loss::kWeightedLogistic);
  paper.form = nn::WatchTimeForm::kPaper;
  Objective completion = of("completion", Loss::kLogistic);
  completion.label = Objective::Label::kCompletion;
  return {of("exact", Loss::kWeightedLogistic),
          paper,
          of("squared", Loss::kSquared),
          of("huber", Loss::kHuber),
          completion,
          of("quantile", Loss::kQuantile),
          of("ordinal", Loss::kOrdinal)};
}

std::string WatchTimeArm(double click_rate, std::string_view objective) {
  return fmt::format("{:g} % clicks: {}", 100 * click_rate, objective);
}

double Sum(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return sum;
}

Status MeasureSeconds(const Impressions& held_out, const log::EventLog& log, double click_rate,
                      const Objective& objective, Measurements* out) {
  std::vector<float> seconds(held_out.predictions), expected, odds;
  const log::Dictionary& names = log.dictionary(schema::IdSpace::kItem);
  double clicks = 0;
  for (size_t i = 0; i < held_out.size(); ++i) {
    const GridItem item = GridItemOf(NumberOfName(names.name(held_out.item[i])), click_rate);
    expected.push_back(static_cast<float>(item.expected_s()));
    odds.push_back(static_cast<float>(item.odds()));
    if (objective.label == Objective::Label::kCompletion) seconds[i] *= held_out.duration_s[i];
    clicks += held_out.labels[i].Has(EventType::kClick) ? 1 : 0;
  }
  // Deciles of the truth, not of the prediction: noise of the predictions then has no share in the
  // slope.
  const auto deciles = evaluation::Calibration(expected, seconds);
  const auto of_odds = evaluation::Calibration(odds, seconds);
  const std::string arm = WatchTimeArm(click_rate, objective.name);
  out->Set(arm, "slope", evaluation::CalibrationSlope(deciles));
  out->Set(arm, "slope_odds", evaluation::CalibrationSlope(of_odds));
  out->Set(arm, "ratio", Sum(seconds) / Sum(expected));
  out->Set(arm, "ratio_odds", Sum(odds) / Sum(expected));
  out->Set(arm, "order", evaluation::PairShare(evaluation::CountPairs(seconds, expected)));
  out->Set(arm, "clicks", clicks / static_cast<double>(held_out.size()));
  if (click_rate != kClickRates.back()) return Ok();
  for (const evaluation::CalibrationBin& decile : deciles) {
    out->AddPoint(kSecondsPlot, objective.name, decile.predicted, decile.observed);
  }
  return Ok();
}

training::Options WatchTimeOptions(const StudyRun& run) {
  training::Options options = TrainingOf(run.scale, run.seed);
  options.dataset.features.defaults = false;
  options.dataset.features.ranking = {{"item", "item", ""}};
  options.train.train_retrieval = options.train.train_ranking = false;
  options.train.ranker.architecture.widths = {64};
  options.train.ranker_train.epochs = 8;
  options.train.ranker_train.patience = 8;
  options.train.ranker_train.decay = true;
  options.train.ranker_train.learning_rate = 5e-3f;
  options.train.ranker_train.table_learning_rate = 0.1f;
  options.train.ranker_train.bf16 = false;
  return options;
}

Result<Measurements> RunWatchTime(const StudyRun& run) {
  const training::Options options = WatchTimeOptions(run);
  Measurements measured;
  for (const double click_rate : kClickRates) {
    UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log,
                            WriteGridLog(WatchTimePlanOf(run.scale), click_rate, run.seed,
                                         run.folder / fmt::format("log-{:g}", click_rate)));
    UPNEXT_ASSIGN_OR_RETURN(const Trained shared, TrainOn(log, options, run.pool, run.progress));
    for (const Objective& objective : WatchTimeObjectives()) {
      UPNEXT_ASSIGN_OR_RETURN(
          const ranking::TrainedRanker trained,
          ranking::TrainRanker(shared.source(), shared.statistics(), options.train.ranker,
                               {objective}, options.train.ranker_train, run.pool, run.progress));
      UPNEXT_ASSIGN_OR_RETURN(
          const Impressions held_out,
          evaluation::ScoreImpressions(
              {shared.source(), shared.statistics(), nullptr, trained.ranker.get()},
              options.evaluate, run.pool, run.progress));
      UPNEXT_RETURN_IF_ERROR(MeasureSeconds(held_out, log, click_rate, objective, &measured));
    }
  }
  return measured;
}

Settings WatchTimeSettings(Scale scale) {
  const WatchTimePlan plan = WatchTimePlanOf(scale);
  return {{"users", fmt::format("{}", plan.users)},
          {"days", fmt::format("{}", plan.days)},
          {"items", fmt::format("{}", kGridItems)},
          {"impressions", fmt::format("{}", plan.users * plan.days * plan.page)}};
}

std::vector<Claim> WatchTimeClaims() {
  std::vector<Claim> claims;
  for (const double rate : kClickRates) {
    const std::string at = fmt::format("at {:g} % clicks", 100 * rate);
    for (const char* unbiased : {"exact", "ordinal"}) {
      claims.push_back({fmt::format("{} the {} form predicts the true seconds", at, unbiased),
                        "slope", WatchTimeArm(rate, unbiased), "", 0.95, 1.05});
    }
    claims.push_back({fmt::format("{} the paper form predicts E[T] / (1 - P)", at), "slope_odds",
                      WatchTimeArm(rate, "paper"), "", 0.95, 1.05});
  }
  claims.push_back({"at 30 % clicks the paper form predicts too much", "slope",
                    WatchTimeArm(0.3, "paper"), WatchTimeArm(0.3, "exact"), 0.1});
  return claims;
}

}  // namespace

Study WatchTimeStudy() {
  return {
      .name = "watch-time",
      .question =
          "Which watch-time objective predicts the true expected seconds of an impression, and how "
          "does that depend on the click rate?",
      .method =
          "Items are a grid of click probability, mean share of the duration that is watched, and "
          "duration; users see pages of random items. The log is not of the simulated world: its "
          "one feature is the item, so that the true expected seconds of an impression are those "
          "of its features, and clicks are as frequent as the arm says. It is imported and split "
          "like that of a site, and a ranker is trained with each objective.",
      .metrics = {{"slope",
                   "slope of predicted on true expected seconds of held-out impressions, by decile "
                   "of the latter; 1 is unbiased",
                   3},
                  {"slope_odds", "the same on E[T] / (1 - P), with P the click probability", 3},
                  {"ratio", "predicted seconds over true ones, of all held-out impressions", 3},
                  {"ratio_odds", "E[T] / (1 - P) over E[T], of the same", 3},
                  {"order", "share of pairs of impressions in the order of the truth"},
                  {"clicks", "share of held-out impressions that were clicked", 4}},
      .plots = {{kSecondsPlot, "true, s", "predicted, s", true}},
      .claims = WatchTimeClaims(),
      .settings = WatchTimeSettings,
      .run = RunWatchTime};
}

}  // namespace upnext::studies
