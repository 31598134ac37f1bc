// Study calibration (checklist EV-05): do metrics computed from a log agree with the ground truth,
// and how much does position bias distort those that ignore it?
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "evaluation/evaluate.h"
#include "evaluation/impressions.h"
#include "log/event_log.h"
#include "schema/event.h"
#include "simulator/world_options.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/simulated_log.h"
#include "studies/truths.h"
#include "training/options.h"

namespace upnext::studies {
namespace {

using evaluation::CalibrationBin;
using schema::EventType;

constexpr char kRandom[] = "random traffic", kPolicy[] = "policy traffic";
constexpr double kMinShown = 30;  // fewest impressions of an item whose click rate is used

simulator::WorldOptions CalibrationWorld(Scale scale) {
  simulator::WorldOptions world;
  const bool tiny = scale == Scale::kTiny;
  world.users = tiny ? 250 : 4000;
  world.items = tiny ? 300 : 1500;
  world.days = tiny ? 12 : 24;
  world.policy.random_share = 0.3;
  return world;
}

// The held-out impressions of one kind of traffic, as columns.
struct Columns {
  std::vector<double> score;                        // predicted P(click)
  std::vector<double> clicked, click, seen, clean;  // logged, true, true if examined, corrected log
  std::vector<float> score_f, clicked_f, click_f;
  std::vector<float> watch_score, watched, watch;  // predicted, logged and true seconds
};

Status Fill(const evaluation::Impressions& held_out, const Truths& truths, size_t click_at,
            size_t watch_at, size_t objectives, Columns* random, Columns* policy) {
  for (size_t i = 0; i < held_out.size(); ++i) {
    UPNEXT_ASSIGN_OR_RETURN(const Truth* found,
                            truths.Find(held_out.user[i], held_out.time_ms[i], held_out.item[i]));
    const float predicted = held_out.predictions[i * objectives + click_at];
    const bool clicked = held_out.labels[i].Has(EventType::kClick);
    const double looked = static_cast<double>(found->examined);
    const double click = looked * static_cast<double>(found->click);
    Columns& c = found->random ? *random : *policy;
    c.score.push_back(static_cast<double>(predicted));
    c.score_f.push_back(predicted);
    c.clicked.push_back(clicked ? 1 : 0);
    c.clicked_f.push_back(clicked ? 1.0f : 0.0f);
    c.click.push_back(click);
    c.click_f.push_back(static_cast<float>(click));
    c.seen.push_back(static_cast<double>(found->click));
    c.clean.push_back(clicked ? 1 / looked : 0);
    c.watch_score.push_back(held_out.predictions[i * objectives + watch_at]);
    c.watched.push_back(held_out.labels[i].watch_s);
    c.watch.push_back(static_cast<float>(click * static_cast<double>(found->watch_s)));
  }
  return Ok();
}

// Clicks of each item in one kind of traffic, as logged and each divided by P(examined), and the
// true clicks of its users if they examined it.
struct ItemRates {
  std::vector<double> shown, examined, naive, corrected, truth;  // by item; sums
};

ItemRates RatesOf(const Truths& truths, size_t items, bool random) {
  const std::vector<double> none(items, 0);
  ItemRates rates{none, none, none, none, none};
  for (const std::vector<Truth>& of_user : truths.by_user()) {
    for (const Truth& t : of_user) {
      if (t.random != random) continue;
      rates.shown[t.item] += 1;
      rates.examined[t.item] += static_cast<double>(t.examined);
      rates.naive[t.item] += t.clicked ? 1 : 0;
      rates.corrected[t.item] += t.clicked ? 1 / static_cast<double>(t.examined) : 0;
      rates.truth[t.item] += static_cast<double>(t.click);
    }
  }
  return rates;
}

// The ratio estimate / truth for the fifth of impressions with the highest positions, by the mean
// P(examined) of their items, divided by that for the fifth with the lowest: 1 means no bias.
double Favour(const ItemRates& rates, const std::vector<double>& estimate) {
  std::vector<size_t> items;
  double shown = 0;
  for (size_t item = 0; item < rates.shown.size(); ++item) {
    if (rates.shown[item] < kMinShown) continue;
    items.push_back(item);
    shown += rates.shown[item];
  }
  std::ranges::sort(items, std::greater(),
                    [&](size_t item) { return rates.examined[item] / rates.shown[item]; });
  double before = 0, best = 0, best_truth = 0, worst = 0, worst_truth = 0;
  for (const size_t item : items) {
    if (before < shown / 5) {
      best += estimate[item];
      best_truth += rates.truth[item];
    } else if (before >= shown * 4 / 5) {
      worst += estimate[item];
      worst_truth += rates.truth[item];
    }
    before += rates.shown[item];
  }
  return best / best_truth / (worst / worst_truth);
}

void AddCurve(const char* plot, const std::string& line, std::span<const CalibrationBin> bins,
              double scale, Measurements* out) {
  for (const CalibrationBin& bin : bins) {
    out->AddPoint(plot, line, scale * bin.predicted, scale * bin.observed);
  }
}

void Measure(const char* arm, const Columns& c, Measurements* out) {
  const double auc = ExpectedAuc(c.score, c.clicked), truth = ExpectedAuc(c.score, c.click);
  const double seen = ExpectedAuc(c.score, c.seen), clean = ExpectedAuc(c.score, c.clean);
  out->Set(arm, "auc_log", auc);
  out->Set(arm, "auc_true", truth);
  out->Set(arm, "auc_error", auc - truth);
  out->Set(arm, "auc_if_looked", seen);
  out->Set(arm, "auc_corrected_error", clean - seen);
  const auto click_log = evaluation::Calibration(c.score_f, c.clicked_f);
  const auto click_true = evaluation::Calibration(c.score_f, c.click_f);
  const auto watch_log = evaluation::Calibration(c.watch_score, c.watched);
  const auto watch_true = evaluation::Calibration(c.watch_score, c.watch);
  out->Set(arm, "click_slope_log", evaluation::CalibrationSlope(click_log));
  out->Set(arm, "click_slope", evaluation::CalibrationSlope(click_true));
  out->Set(arm, "watch_slope_log", evaluation::CalibrationSlope(watch_log));
  out->Set(arm, "watch_slope", evaluation::CalibrationSlope(watch_true));
  AddCurve("clicks by decile of prediction", fmt::format("{}, truth", arm), click_true, 100, out);
  AddCurve("clicks by decile of prediction", fmt::format("{}, log", arm), click_log, 100, out);
  AddCurve("watch time by decile of prediction", fmt::format("{}, truth", arm), watch_true, 1, out);
  AddCurve("watch time by decile of prediction", fmt::format("{}, log", arm), watch_log, 1, out);
}

training::Options CalibrationOptions(const StudyRun& run) {
  training::Options options = TrainingOf(run.scale, run.seed);
  options.train.train_retrieval = false;
  options.dataset.split.test_days = run.scale == Scale::kTiny ? 2 : 4;
  // A few epochs whose learning rates fall to zero: predictions of an early stop at full rates are
  // those of a chance batch, and not calibrated.
  options.train.ranker_train.decay = true;
  options.train.ranker_train.epochs = run.scale == Scale::kTiny ? 6 : 4;
  options.train.ranker_train.field_dropout = 0.2f;
  options.train.objectives[0].cap = 7200;  // the longest item: the true expectation knows no cap
  return options;
}

Result<Measurements> RunCalibration(const StudyRun& run) {
  simulator::WorldOptions world_options = CalibrationWorld(run.scale);
  world_options.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(world_options));
  Truths truths(world_options.users);
  SimulatedLog rows(world);
  UPNEXT_RETURN_IF_ERROR(
      rows.AddWindow(run.pool, run.progress, [&](const auto& user) { truths.Add(user); }));
  truths.Sort();
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, rows.Write(run.folder / "log"));
  const training::Options options = CalibrationOptions(run);
  UPNEXT_ASSIGN_OR_RETURN(const Trained trained, TrainOn(log, options, run.pool, run.progress));
  UPNEXT_ASSIGN_OR_RETURN(
      const evaluation::Impressions held_out,
      evaluation::ScoreImpressions(
          {trained.source(), trained.statistics(), nullptr, trained.models.ranker.ranker.get()},
          options.evaluate, run.pool, run.progress));
  Columns random, policy;
  UPNEXT_RETURN_IF_ERROR(Fill(held_out, truths, /*click_at=*/1, /*watch_at=*/0,
                              options.train.objectives.size(), &random, &policy));
  Measurements measured;
  for (const bool is_random : {true, false}) {
    const char* arm = is_random ? kRandom : kPolicy;
    Measure(arm, is_random ? random : policy, &measured);
    const ItemRates rates = RatesOf(truths, world.catalogue().size(), is_random);
    measured.Set(arm, "favour_naive", Favour(rates, rates.naive));
    measured.Set(arm, "favour_corrected", Favour(rates, rates.corrected));
  }
  return measured;
}

Settings CalibrationSettings(Scale scale) {
  const simulator::WorldOptions world = CalibrationWorld(scale);
  Settings settings = WorldSettings(world);
  settings.emplace_back("random_share", fmt::format("{:g}", world.policy.random_share));
  return settings;
}

std::vector<Claim> ClaimsOf() {
  std::vector<Claim> claims;
  for (const char* arm : {kRandom, kPolicy}) {
    claims.push_back({fmt::format("the AUC of the log is the true one on {}", arm), "auc_error",
                      arm, "", -0.01, 0.01});
    claims.push_back({fmt::format("predicted clicks are calibrated to the truth on {}", arm),
                      "click_slope", arm, "", 0.9, 1.1});
    claims.push_back({fmt::format("expected watch time is calibrated to the truth on {}", arm),
                      "watch_slope", arm, "", 0.9, 1.1});
  }
  claims.push_back({"clicks divided by P(examined) give the AUC of examined impressions",
                    "auc_corrected_error", kPolicy, "", -0.015, 0.015});
  claims.push_back(
      {"the naive click rate favours items at high positions", "favour_naive", kPolicy, "", 1.1});
  claims.push_back(
      {"divided by P(examined) it is unbiased", "favour_corrected", kPolicy, "", 0.97, 1.03});
  return claims;
}

}  // namespace

Study CalibrationStudy() {
  return {
      .name = "calibration",
      .question =
          "Do metrics computed from a log agree with the truth, and how much does position "
          "bias distort them?",
      .method =
          "A ranker is trained on clicks and watch time from a log with both random and policy "
          "traffic; its predictions for the last days are compared with the log and "
          "with the true probabilities, which include whether the position is examined. "
          "Click rates of items are computed naively, and with each click divided by the known "
          "probability that its position is examined.",
      .metrics = {{"auc_log", "AUC of predicted clicks against the log's clicks"},
                  {"auc_true", "the same against true click probabilities: what auc_log estimates"},
                  {"auc_error", "auc_log - auc_true"},
                  {"auc_if_looked", "AUC against P(click | examined), which no log contains"},
                  {"auc_corrected_error",
                   "AUC with clicks divided by P(examined), minus auc_if_looked"},
                  {"click_slope_log",
                   "slope of logged on predicted clicks by decile; 1 is calibrated", 3},
                  {"click_slope", "slope of true on predicted clicks by decile", 3},
                  {"watch_slope_log", "slope of logged on predicted watch seconds by decile", 3},
                  {"watch_slope", "slope of true on predicted watch seconds by decile", 3},
                  {"favour_naive",
                   "click rate over true P(click | examined) of the highest items (a fifth of the "
                   "impressions), relative to the lowest; 1 is unbiased",
                   3},
                  {"favour_corrected", "the same with clicks divided by P(examined)", 3}},
      .plots = {{"clicks by decile of prediction", "predicted, %", "clicked, %", true},
                {"watch time by decile of prediction", "predicted, s", "watched, s", true}},
      .claims = ClaimsOf(),
      .settings = CalibrationSettings,
      .run = RunCalibration};
}

}  // namespace upnext::studies
