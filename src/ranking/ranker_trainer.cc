#include "ranking/ranker_trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "ranking/ranker_step.h"

namespace upnext::ranking {
namespace {

// Logits of zero are what a model that knows nothing, not even averages, would give. Far above
// their loss, training has diverged, long before the numbers overflow.
constexpr double kDivergedTimes = 10.0;

using Losses = std::vector<nn::LossValue>;

double WeightedSum(std::span<const Objective> objectives, std::span<const nn::LossValue> losses) {
  double sum = 0;
  for (size_t k = 0; k < objectives.size(); ++k) {
    sum += static_cast<double>(objectives[k].loss_weight) * losses[k].mean();
  }
  return sum;
}

std::vector<double> Means(std::span<const nn::LossValue> losses) {
  std::vector<double> means;
  for (const nn::LossValue& loss : losses) means.push_back(loss.mean());
  return means;
}

// The ranker's parameters at its best epoch.
class Snapshot {
 public:
  void Take(Ranker& ranker) {
    const std::vector<nn::Parameter> parameters = ranker.Parameters();
    values_.resize(parameters.size());
    for (size_t i = 0; i < parameters.size(); ++i) {
      values_[i].assign(parameters[i].value.begin(), parameters[i].value.end());
    }
  }
  void Restore(Ranker& ranker) const {
    const std::vector<nn::Parameter> parameters = ranker.Parameters();
    for (size_t i = 0; i < values_.size(); ++i) {
      std::ranges::copy(values_[i], parameters[i].value.begin());
    }
  }

 private:
  std::vector<std::vector<float>> values_;
};

class Training {
 public:
  Training(const examples::ReplaySource& source, const features::FeatureTables& tables,
           const RankerTrainOptions& options, Ranker& ranker, base::ThreadPool& pool,
           base::Progress& progress)
      : options_(options),
        ranker_(ranker),
        progress_(progress),
        stream_(source, tables, {.part = examples::Part::kTrain, .seed = options.seed}, pool),
        validation_(source, tables, {.part = examples::Part::kValidation, .shuffle = false}, pool),
        trainer_(&ranker, options, pool) {}

  uint64_t examples_per_epoch() const { return stream_.examples_per_epoch(); }

  Status Run(TrainedRanker* result) {
    base::ProgressStage stage(progress_, "train ranker", "examples",
                              options_.epochs * examples_per_epoch());
    if (validation_.examples_per_epoch() == 0) {
      progress_.Note(fmt::format(
          "no validation part, or nothing in it: training runs all {} epochs", options_.epochs));
    }
    stream_.StartEpoch(0);
    if (stream_.Next(std::max(options_.batch, kFirstLook), &batch_)) trainer_.StartFrom(batch_);
    Snapshot best;
    double best_validation = std::numeric_limits<double>::infinity();
    for (uint32_t epoch = 0; epoch < options_.epochs; ++epoch) {
      UPNEXT_ASSIGN_OR_RETURN(RankerEpoch report, Epoch(epoch, stage));
      UPNEXT_RETURN_IF_ERROR(Validate(&report));
      progress_.Note(Describe(report));
      stage.Update((epoch + 1) * examples_per_epoch());
      const double validation = report.validation_loss;
      result->epochs.push_back(std::move(report));
      // Without a validation part the last epoch is the one to keep.
      if (std::isnan(validation) || validation < best_validation) {
        best_validation = validation;
        result->best_epoch = epoch;
        if (!std::isnan(validation)) best.Take(ranker_);
      } else if (epoch - result->best_epoch >= options_.patience) {
        stage.Update((epoch + 1) * examples_per_epoch(),
                     fmt::format("stopped early at epoch {}, best epoch {}", epoch + 1,
                                 result->best_epoch + 1));
        break;
      }
    }
    best.Restore(ranker_);
    return Ok();
  }

 private:
  // Examples that the first averages come from, when a batch has fewer.
  static constexpr uint32_t kFirstLook = 4096;

  Result<RankerEpoch> Epoch(uint32_t epoch, base::ProgressStage& stage) {
    const auto start = std::chrono::steady_clock::now();
    ranker_.ResetActivity();
    stream_.StartEpoch(epoch);
    Losses total(ranker_.objectives().size()), guessing(total.size());
    uint64_t done = 0;
    while (stream_.Next(options_.batch, &batch_)) {
      UPNEXT_RETURN_IF_ERROR(CheckStop(epoch));
      if (options_.decay) trainer_.ScaleLearningRates(ShareLeft(epoch, done));
      trainer_.Backward(batch_, total);
      AddGuesses(guessing);
      UPNEXT_RETURN_IF_ERROR(CheckLosses(total, guessing, epoch));
      trainer_.Apply();
      done += batch_.size();
      if (++steps_ % 16 == 0) {
        stage.Update(epoch * examples_per_epoch() + done,
                     fmt::format("epoch {}, loss {:.4f}", epoch + 1,
                                 WeightedSum(ranker_.objectives(), total)));
      }
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    RankerEpoch report;
    report.epoch = epoch;
    report.loss = WeightedSum(ranker_.objectives(), total);
    report.task_loss = Means(total);
    report.seconds = elapsed.count();
    report.examples_per_s = static_cast<double>(done) / std::max(report.seconds, 1e-9);
    for (const double share : ranker_.DeadUnitShares()) {
      report.dead_units = std::max(report.dead_units, share);
    }
    if (report.dead_units >= 1.0) {
      return Internal(
          "epoch {}: a whole layer of the ranker gives zeros for every example and cannot recover; "
          "lower ranking.learning_rate (now {:g})",
          epoch + 1, options_.learning_rate);
    }
    return report;
  }

  // Of the whole training, before example `done` of this epoch.
  float ShareLeft(uint32_t epoch, uint64_t done) const {
    const double all = static_cast<double>(examples_per_epoch()) * options_.epochs;
    const double past =
        static_cast<double>(examples_per_epoch()) * epoch + static_cast<double>(done);
    return static_cast<float>(1.0 - past / all);
  }

  Status Validate(RankerEpoch* report) {
    Losses total(ranker_.objectives().size());
    validation_.StartEpoch(0);
    uint64_t seen = 0;
    while (validation_.Next(std::max(options_.batch, kFirstLook), &batch_)) {
      UPNEXT_RETURN_IF_ERROR(CheckStop(report->epoch));
      trainer_.Evaluate(batch_, total);
      seen += batch_.size();
    }
    report->task_validation = Means(total);
    for (size_t k = 0; k < total.size(); ++k) {
      if (total[k].count == 0) {
        report->task_validation[k] = std::numeric_limits<double>::quiet_NaN();
      }
    }
    report->validation_loss = seen > 0 ? WeightedSum(ranker_.objectives(), total)
                                       : std::numeric_limits<double>::quiet_NaN();
    return Ok();
  }

  Status CheckStop(uint32_t epoch) const {
    if (!progress_.stop_requested()) return Ok();
    return Cancelled("training the ranker was stopped in epoch {}", epoch + 1);
  }

  void AddGuesses(Losses& guessing) {
    const std::vector<float> zeros(batch_.size(), 0.0f);
    for (size_t k = 0; k < guessing.size(); ++k) {
      MakeTargets(ranker_.objectives()[k], batch_, &targets_);
      guessing[k] += ObjectiveLoss(ranker_.objectives()[k], zeros, targets_, nullptr);
    }
  }

  Status CheckLosses(const Losses& total, const Losses& guessing, uint32_t epoch) const {
    for (size_t k = 0; k < total.size(); ++k) {
      const double loss = total[k].mean();
      if (std::isfinite(loss) && loss <= kDivergedTimes * std::max(guessing[k].mean(), 1.0)) {
        continue;
      }
      return Internal(
          "epoch {}: the ranker's loss of objective {} diverged to {:g} (logits of zero have "
          "{:.3g}); lower ranking.learning_rate (now {:g}) or ranking.table_learning_rate (now "
          "{:g})",
          epoch + 1, ranker_.objectives()[k].name, loss, guessing[k].mean(), options_.learning_rate,
          options_.table_learning_rate);
    }
    return Ok();
  }

  // Figures that nothing was observed for are left out.
  std::string Describe(const RankerEpoch& report) const {
    std::string text = fmt::format("epoch {}: loss {:.4f}", report.epoch + 1, report.loss);
    if (!std::isnan(report.validation_loss)) {
      text += fmt::format(", validation {:.4f}", report.validation_loss);
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

  const RankerTrainOptions& options_;
  Ranker& ranker_;
  base::Progress& progress_;
  examples::RankingStream stream_, validation_;
  RankerTrainer trainer_;
  examples::RankingBatch batch_;
  Targets targets_;
  uint64_t steps_ = 0;
};

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
  options.table_learning_rate = real("table_learning_rate", options.table_learning_rate, 0, 100);
  options.learning_rate = real("learning_rate", options.learning_rate, 0, 100);
  options.decay = ranking.Bool("decay", options.decay);
  options.dropout = real("dropout", options.dropout, 0, 0.95);
  options.field_dropout = real("field_dropout", options.field_dropout, 0, 0.95);
  options.weight_decay = real("weight_decay", options.weight_decay, 0, 1000);
  options.bf16 = ranking.Bool("bf16", options.bf16);
  return options;
}

Result<TrainedRanker> TrainRanker(const examples::ReplaySource& source,
                                  const features::FeatureTables& tables,
                                  const RankerOptions& ranker_options,
                                  const std::vector<Objective>& objectives,
                                  const RankerTrainOptions& options, base::ThreadPool& pool,
                                  base::Progress& progress) {
  TrainedRanker result;
  base::Rng rng(options.seed, /*stream=*/1);
  UPNEXT_ASSIGN_OR_RETURN(Ranker ranker,
                          Ranker::Make(ranker_options, objectives, ShapeOf(tables), rng));
  result.ranker = std::make_unique<Ranker>(std::move(ranker));
  Training training(source, tables, options, *result.ranker, pool, progress);
  if (training.examples_per_epoch() == 0) {
    return FailedPrecondition(
        "the ranker learns from impressions, and the training part has none; import events of type "
        "impression, check [split], or train with --only retrieval");
  }
  UPNEXT_RETURN_IF_ERROR(training.Run(&result));
  return result;
}

}  // namespace upnext::ranking
