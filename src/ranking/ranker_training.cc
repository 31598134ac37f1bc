#include "ranking/ranker_training.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "base/numbers.h"
#include "features/retrieval_reference.h"
#include "ranking/learn_objectives.h"
#include "ranking/ranker_trainer.h"

namespace upnext::ranking {
namespace {

using Losses = std::vector<nn::LossValue>;

class Training : public nn::Trainable {
 public:
  Training(const examples::ReplaySource& source, const features::FeatureStatistics& tables,
           const RankerTrainOptions& options, Ranker& ranker, base::ThreadPool& pool,
           const base::Progress& progress, const RankerStart& start)
      : options_(options),
        ranker_(ranker),
        progress_(progress),
        continues_(start.ranker != nullptr),
        stream_(source, tables,
                {.part = examples::SplitPart::kTrain,
                 .seed = options.seed,
                 .by_days = options.time_order,
                 .after_ms = LearnsAfter(tables, start)},
                pool),
        validation_(source, tables, {.part = examples::SplitPart::kValidation, .shuffle = false},
                    pool),
        trainer_(std::make_shared<RankerTrainer>(&ranker, options, pool)) {
    if (continues_) trainer_->ContinueFrom(*start.trainer);
  }

  bool has_validation() const { return validation_.examples_per_epoch() > 0; }

  uint64_t examples_per_epoch() const override { return stream_.examples_per_epoch(); }

  void Begin() override {
    if (continues_) return;
    stream_.StartEpoch(0);
    if (stream_.Next(std::max(options_.batch, kFirstLook), &batch_)) trainer_->StartFrom(batch_);
  }
  void StartEpoch(uint32_t epoch) override { stream_.StartEpoch(epoch); }
  size_t NextBatch() override { return stream_.Next(options_.batch, &batch_) ? batch_.size() : 0; }

  void Step(double share_left, std::span<nn::LossValue> losses,
            std::span<nn::LossValue> guessing) override {
    if (options_.decay) trainer_->ScaleLearningRates(static_cast<float>(share_left));
    trainer_->Backward(batch_, losses);
    trainer_->Apply();
    for (size_t k = 0; k < guessing.size(); ++k) {
      const Objective& objective = ranker_.objectives()[k];
      const std::vector<float> zeros(batch_.size() * objective.outputs(), 0.0f);
      MakeTargets(objective, batch_, &targets_);
      guessing[k] += ObjectiveLoss(objective, zeros, targets_, nullptr);
    }
  }

  Status Validate(nn::EpochReport* report) override {
    Losses total(ranker_.objectives().size());
    validation_.StartEpoch(0);
    uint64_t seen = 0;
    while (validation_.Next(std::max(options_.batch, kFirstLook), &batch_)) {
      if (progress_.stop_requested()) return Cancelled("stopped");
      trainer_->Evaluate(batch_, total);
      seen += batch_.size();
    }
    for (const nn::LossValue& loss : total) {
      report->task_validation.push_back(loss.count > 0 ? loss.mean() : kNan);
    }
    report->validation = seen > 0 ? Total(total) : kNan;
    return Ok();
  }

  double Total(std::span<const nn::LossValue> losses) const override {
    double sum = 0;
    for (size_t k = 0; k < losses.size(); ++k) {
      sum += static_cast<double>(ranker_.objectives()[k].loss_weight) * losses[k].mean();
    }
    return sum;
  }

  // Metrics without observations are omitted.
  std::string Describe(const nn::EpochReport& report) const override {
    std::string text = fmt::format("epoch {}: loss {:.4f}", report.epoch + 1, report.loss);
    if (!std::isnan(report.validation)) {
      text += fmt::format(", validation {:.4f}", report.validation);
    }
    for (size_t k = 0; k < report.task_loss.size(); ++k) {
      text += fmt::format(", {} {:.4f}", ranker_.objectives()[k].name, report.task_loss[k]);
      if (!std::isnan(report.task_validation[k])) {
        text += fmt::format(" / {:.4f}", report.task_validation[k]);
      }
    }
    return text + fmt::format(", {:.0f} examples/s, dead units {:.0f} %", report.examples_per_s,
                              100.0 * report.dead_units);
  }

  std::vector<nn::Parameter> ModelParameters() override { return ranker_.Parameters(); }
  void AppendOptimiserState(std::vector<nn::Parameter>& state) override {
    trainer_->AppendState(state);
  }
  base::Rng& rng() override { return trainer_->rng(); }
  std::shared_ptr<RankerTrainer> trainer() const { return trainer_; }
  std::vector<nn::DeadUnits*> ReluLayers() override { return ranker_.ReluLayers(); }

 private:
  // An example that the reference candidate model may have seen has no vector of it.
  static int64_t LearnsAfter(const features::FeatureStatistics& tables, const RankerStart& start) {
    if (tables.reference == nullptr) return start.seen_ms;
    return std::max(start.seen_ms, tables.reference->end_ms() - 1);
  }

  // Number of examples for the initial averages, when a batch has fewer.
  static constexpr uint32_t kFirstLook = 4096;
  static constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

  const RankerTrainOptions& options_;
  Ranker& ranker_;
  const base::Progress& progress_;
  const bool continues_;
  examples::RankingStream stream_, validation_;
  const std::shared_ptr<RankerTrainer> trainer_;
  examples::RankingBatch batch_;
  Targets targets_;
};

// With first weights, or those of the start.
Result<std::unique_ptr<Ranker>> MakeRanker(const examples::ReplaySource& source,
                                           const features::FeatureStatistics& tables,
                                           const RankerOptions& options,
                                           const std::vector<Objective>& objectives, uint64_t seed,
                                           base::ThreadPool& pool, const RankerStart& start) {
  base::Rng rng(seed, /*stream=*/1);
  if (start.ranker != nullptr) {
    UPNEXT_ASSIGN_OR_RETURN(Ranker ranker, Ranker::Grow(*start.ranker, ShapeOf(tables), rng));
    return std::make_unique<Ranker>(std::move(ranker));
  }
  UPNEXT_ASSIGN_OR_RETURN(std::vector<Objective> learned,
                          LearnObjectives(source, objectives, pool));
  UPNEXT_ASSIGN_OR_RETURN(Ranker ranker,
                          Ranker::Make(options, std::move(learned), ShapeOf(tables), rng));
  return std::make_unique<Ranker>(std::move(ranker));
}

}  // namespace

RankerTrainOptions RankerTrainOptions::FromConfig(const base::ConfigTable& ranking) {
  RankerTrainOptions options;
  const auto number = [&](std::string_view key, uint32_t fallback, int64_t min, int64_t max) {
    return static_cast<uint32_t>(ranking.Int(key, fallback, {.min = min, .max = max}));
  };
  const auto real = [&](std::string_view key, float fallback, double min, double max) {
    return static_cast<float>(ranking.Real(key, fallback, {.min = min, .max = max}));
  };
  options.batch = number("batch", options.batch, 1, 1 << 20);
  options.epochs = number("epochs", options.epochs, 1, 100'000);
  options.patience = number("patience", options.patience, 1, 100'000);
  options.table_learning_rate =
      real("table_learning_rate", options.table_learning_rate, kLeastLearningRate, 100);
  options.learning_rate = real("learning_rate", options.learning_rate, kLeastLearningRate, 100);
  options.decay = ranking.Bool("decay", options.decay);
  options.time_order = ranking.Choice("order", {"shuffled", "time"}, 0) == 1;
  options.dropout = real("dropout", options.dropout, 0, 0.95);
  options.field_dropout = real("field_dropout", options.field_dropout, 0, 0.95);
  options.weight_decay = real("weight_decay", options.weight_decay, 0, 1000);
  options.bf16 = ranking.Bool("bf16", options.bf16);
  options.max_dead_units =
      ranking.Real("max_dead_units", options.max_dead_units, {.min = 0.01, .max = 1});
  options.checkpoints.name = "ranking";
  options.checkpoints.minutes =
      ranking.Real("checkpoint_minutes", options.checkpoints.minutes, {.min = 0, .max = 1e6});
  return options;
}

Result<TrainedRanker> TrainRanker(const examples::ReplaySource& source,
                                  const features::FeatureStatistics& tables,
                                  const RankerOptions& ranker_options,
                                  const std::vector<Objective>& objectives,
                                  const RankerTrainOptions& options, base::ThreadPool& pool,
                                  base::Progress& progress, const RankerStart& start) {
  if (tables.plan.reads_reference() && tables.reference == nullptr) {
    return FailedPrecondition(
        "a feature of the ranker reads request.retrieval_score or request.user_vector, but there is no "
        "reference candidate model, which `upnext train` trains first; leave the feature out here");
  }
  TrainedRanker result;
  UPNEXT_ASSIGN_OR_RETURN(result.ranker, MakeRanker(source, tables, ranker_options, objectives,
                                                    options.seed, pool, start));
  Training training(source, tables, options, *result.ranker, pool, progress, start);
  if (training.examples_per_epoch() == 0 && start.ranker != nullptr) {
    progress.Note("ranker: no impression is new, so it stays as it is");
    if (options.time_order) result.trainer = training.trainer();
    return result;
  }
  if (training.examples_per_epoch() == 0) {
    return FailedPrecondition(
        "the ranker is trained on impressions, but the training part has none; import events of "
        "type "
        "impression, check [split], or train with --only retrieval");
  }
  progress.Note(fmt::format("ranker: {}; {} multiplications per impression, {} weights",
                            Describe(result.ranker->options().architecture),
                            base::WithThousands(result.ranker->multiplications()),
                            base::WithThousands(result.ranker->parameters())));
  if (const size_t more = result.ranker->attention_multiplications(); more > 0) {
    progress.Note(fmt::format("attention to {}: {} multiplications per impression and item of it",
                              fmt::join(ranker_options.attention.features, ", "),
                              base::WithThousands(more)));
  }
  if (!training.has_validation() && options.stop_after == 0) {
    progress.Note(fmt::format("no validation part, or it is empty: training runs all {} epochs",
                              options.epochs));
  }
  nn::TrainingOptions loop{
      .model = "ranker",
      .tasks = {},
      .epochs = options.epochs,
      .patience = options.patience,
      .stop_after = options.stop_after,
      .less_is_better = true,
      .max_dead_units = options.max_dead_units,
      .keep_optimiser = options.time_order,
      .advice = fmt::format("lower ranking.learning_rate (now {:g}) or "
                            "ranking.table_learning_rate (now {:g})",
                            options.learning_rate, options.table_learning_rate),
      .checkpoints = options.checkpoints};
  for (const Objective& objective : objectives) loop.tasks.push_back(objective.name);
  UPNEXT_ASSIGN_OR_RETURN(static_cast<nn::TrainingReport&>(result),
                          nn::RunTraining(training, loop, progress));
  if (options.time_order) result.trainer = training.trainer();
  return result;
}

}  // namespace upnext::ranking
