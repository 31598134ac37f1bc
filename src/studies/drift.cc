// Study drift (checklist TR-01, TR-02): what a fresher ranker is worth where tastes and items change,
// and whether one that continues every day is as good as one that is trained anew.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "evaluation/impressions.h"
#include "examples/split.h"
#include "log/event_log.h"
#include "ranking/ranker_training.h"
#include "simulator/world.h"
#include "simulator/world_options.h"
#include "studies/models.h"
#include "studies/registry.h"
#include "studies/simulated_log.h"
#include "studies/truths.h"
#include "training/dataset.h"
#include "training/options.h"
#include "training/train.h"

namespace upnext::studies {
namespace {

constexpr char kOnce[] = "trained once", kContinued[] = "continued every day",
               kAnewInTime[] = "anew every day, in time order",
               kAnewShuffled[] = "anew every day, shuffled";
constexpr char kByDay[] = "true AUC by day";
constexpr size_t kClickAt = 1;  // of the objectives of TrainingOf

struct DriftPlan {
  simulator::WorldOptions world;
  int first = 0, days = 0;  // of the first training; judged after it
  uint32_t epochs = 0;      // of every training
};

DriftPlan DriftPlanOf(Scale scale) {
  DriftPlan plan;
  const bool tiny = scale == Scale::kTiny;
  plan.world.users = tiny ? 250 : 1500;
  plan.world.items = tiny ? 250 : 1500;
  plan.world.catalogue.window_share = 0.7;  // new items appear throughout
  plan.world.audience.interest_drift = 1.6;
  plan.first = tiny ? 5 : 14;
  plan.days = tiny ? 3 : 7;
  plan.epochs = tiny ? 8 : 3;
  plan.world.days = plan.first + plan.days;
  return plan;
}

// A ranker with the statistics that it reads features by, and what its training cost.
struct Model {
  std::unique_ptr<training::Dataset> dataset;
  ranking::TrainedRanker ranker;
  double seconds = 0;
};

class DriftRun {
 public:
  DriftRun(const StudyRun& run, const DriftPlan& plan, const log::EventLog& log,
           const Truths& truths)
      : run_(run), plan_(plan), log_(log), truths_(truths) {}

  // Learns from the days before `day`; from those after what `from` has seen, if it is given.
  Result<Model> TrainUntil(int day, bool time_order, const Model* from = nullptr) const {
    const auto begin = std::chrono::steady_clock::now();
    training::Options options = OptionsOf(day);
    options.train.ranker_train.time_order = time_order;
    Model model;
    UPNEXT_ASSIGN_OR_RETURN(
        model.dataset,
        training::Dataset::Prepare(log_, options.dataset, run_.pool, run_.progress,
                                   from == nullptr ? nullptr : &from->dataset->statistics()));
    ranking::RankerStart start;
    if (from != nullptr) {
      start = {from->ranker.ranker.get(), from->ranker.trainer.get(),
               from->dataset->statistics().train_end_ms};
    }
    UPNEXT_ASSIGN_OR_RETURN(training::TrainedModels trained,
                            training::Train(*model.dataset, options.train, run_.pool, run_.progress,
                                            {}, {.candidate = {}, .ranker = start}));
    model.ranker = std::move(trained.ranker);
    model.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return model;
  }

  // Of clicks on one day, by the true probabilities of users who look.
  Result<double> AucOn(int day, const Model& model) const {
    const training::Options options = OptionsOf(day);
    UPNEXT_ASSIGN_OR_RETURN(
        const auto dataset,
        training::Dataset::With(log_, options.dataset, model.dataset->statistics()));
    UPNEXT_ASSIGN_OR_RETURN(
        const evaluation::Impressions shown,
        evaluation::ScoreImpressions(
            {dataset->source(), dataset->statistics(), nullptr, model.ranker.ranker.get()},
            options.evaluate, run_.pool, run_.progress));
    const size_t objectives = options.train.objectives.size();
    std::vector<double> scores, clicks;
    for (size_t i = 0; i < shown.size(); ++i) {
      UPNEXT_ASSIGN_OR_RETURN(const Truth* truth,
                              truths_.Find(shown.user[i], shown.time_ms[i], shown.item[i]));
      scores.push_back(static_cast<double>(shown.predictions[i * objectives + kClickAt]));
      clicks.push_back(static_cast<double>(truth->click));
    }
    return ExpectedAuc(scores, clicks);
  }

 private:
  // The days before `day` train, that day is the validation part, which has no say in training.
  training::Options OptionsOf(int day) const {
    training::Options options = TrainingOf(run_.scale, run_.seed);
    options.train.train_retrieval = false;
    options.train.ranker_train.epochs = options.train.ranker_train.stop_after = plan_.epochs;
    const int64_t midnight = plan_.world.start_ms() + day * base::kDayMs;
    options.dataset.split = {.train_until_ms = midnight,
                             .validation_until_ms = midnight + base::kDayMs};
    options.evaluate.part = examples::SplitPart::kValidation;
    return options;
  }

  const StudyRun& run_;
  const DriftPlan& plan_;
  const log::EventLog& log_;
  const Truths& truths_;
};

// The means over the judged days, and the last of them.
class ArmFigures {
 public:
  ArmFigures(const char* arm, int days, Measurements* out) : arm_(arm), days_(days), out_(out) {}
  void Add(int day, double auc, double seconds) {
    auc_ += auc / days_;
    seconds_ += seconds / days_;
    out_->AddPoint(kByDay, arm_, day, auc);
    out_->Set(arm_, "auc", auc_);
    out_->Set(arm_, "auc_last", auc);
    out_->Set(arm_, "seconds", seconds_);
  }

 private:
  const char* arm_;
  int days_;
  Measurements* out_;
  double auc_ = 0, seconds_ = 0;
};

Result<Measurements> RunDrift(const StudyRun& run) {
  DriftPlan plan = DriftPlanOf(run.scale);
  plan.world.seed = run.seed;
  UPNEXT_ASSIGN_OR_RETURN(const simulator::World world, simulator::World::Create(plan.world));
  Truths truths(plan.world.users);
  SimulatedLog rows(world);
  UPNEXT_RETURN_IF_ERROR(
      rows.AddWindow(run.pool, run.progress, [&](const auto& user) { truths.Add(user); }));
  truths.Sort();
  UPNEXT_ASSIGN_OR_RETURN(const log::EventLog log, rows.Write(run.folder / "log"));
  const DriftRun drift(run, plan, log, truths);
  Measurements measured;
  UPNEXT_ASSIGN_OR_RETURN(const Model once, drift.TrainUntil(plan.first, /*time_order=*/true));
  std::optional<Model> continued;
  ArmFigures of_once(kOnce, plan.days, &measured), of_continued(kContinued, plan.days, &measured),
      of_time(kAnewInTime, plan.days, &measured), of_shuffled(kAnewShuffled, plan.days, &measured);
  for (int day = plan.first; day < plan.first + plan.days; ++day) {
    const int age = day - plan.first + 1;
    const auto judge = [&](const Model& model, double seconds, ArmFigures* figures) -> Status {
      UPNEXT_ASSIGN_OR_RETURN(const double auc, drift.AucOn(day, model));
      figures->Add(age, auc, seconds);
      return Ok();
    };
    UPNEXT_RETURN_IF_ERROR(judge(once, 0, &of_once));
    if (day == plan.first) {  // nothing is new yet
      UPNEXT_RETURN_IF_ERROR(judge(once, once.seconds, &of_continued));
      UPNEXT_RETURN_IF_ERROR(judge(once, once.seconds, &of_time));
    } else {
      UPNEXT_ASSIGN_OR_RETURN(Model next,
                              drift.TrainUntil(day, true, continued ? &*continued : &once));
      continued = std::move(next);
      UPNEXT_RETURN_IF_ERROR(judge(*continued, continued->seconds, &of_continued));
      UPNEXT_ASSIGN_OR_RETURN(const Model anew, drift.TrainUntil(day, true));
      UPNEXT_RETURN_IF_ERROR(judge(anew, anew.seconds, &of_time));
    }
    UPNEXT_ASSIGN_OR_RETURN(const Model shuffled, drift.TrainUntil(day, false));
    UPNEXT_RETURN_IF_ERROR(judge(shuffled, shuffled.seconds, &of_shuffled));
  }
  return measured;
}

Settings DriftSettings(Scale scale) {
  const DriftPlan plan = DriftPlanOf(scale);
  Settings settings = WorldSettings(plan.world);
  settings.emplace_back("interest_drift", fmt::format("{:g}", plan.world.audience.interest_drift));
  settings.emplace_back("window_share", fmt::format("{:g}", plan.world.catalogue.window_share));
  settings.emplace_back("first training", fmt::format("{} days", plan.first));
  settings.emplace_back("judged", fmt::format("the {} days after it", plan.days));
  settings.emplace_back("epochs", fmt::format("{} of every training", plan.epochs));
  return settings;
}

}  // namespace

Study DriftStudy() {
  return {
      .name = "drift",
      .question =
          "What is a fresher ranker worth, and is one that continues every day as good as one that is "
          "trained anew?",
      .method =
          "Interests of users drift and most items are uploaded in the window. Rankers learn "
          "from the days before each of the judged days and are judged on that day: one that was "
          "trained once before the first, one that continues every night with the day that is new "
          "(its first day is that of the one trained once), and two that are trained anew every "
          "night, with days in sequence and with all examples mixed.",
      .metrics = {{"auc", "AUC of predicted against true P(click | looked at), mean over the days",
                   4},
                  {"auc_last", "the same on the last day", 4},
                  {"seconds", "of statistics and training, mean over the days", 1}},
      .plots = {{kByDay, "days after the first training", "AUC"}},
      .claims = {{"on the last day a ranker that continued is better than one trained once",
                  "auc_last", kContinued, kOnce, 0},
                 {"one that continues is as good as one trained anew, within .01", "auc",
                  kContinued, kAnewShuffled, -0.01},
                 {"days in sequence are as good as mixed, within .01", "auc", kAnewInTime,
                  kAnewShuffled, -0.01},
                 {"continuing takes less time than training anew", "seconds", kAnewShuffled,
                  kContinued, 0}},
      .settings = DriftSettings,
      .run = RunDrift};
}

}  // namespace upnext::studies
