#include "retrieval/candidate_trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "retrieval/candidate_step.h"
#include "retrieval/candidate_validation.h"

namespace upnext::retrieval {
namespace {

// A model that knows nothing loses log(items) per example. Far above it, training has diverged,
// long before the numbers overflow.
constexpr double kDivergedTimes = 10.0;

// The model's parameters at its best epoch.
class Snapshot {
 public:
  void Take(CandidateModel& model) {
    const std::vector<nn::Parameter> parameters = model.Parameters();
    values_.resize(parameters.size());
    for (size_t i = 0; i < parameters.size(); ++i) {
      values_[i].assign(parameters[i].value.begin(), parameters[i].value.end());
    }
  }
  void Restore(CandidateModel& model) const {
    const std::vector<nn::Parameter> parameters = model.Parameters();
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
           const CandidateTrainOptions& options, CandidateModel& model, base::ThreadPool& pool,
           base::Progress& progress)
      : options_(options),
        model_(model),
        progress_(progress),
        compute_{.precision = kernels::Precision::kFp32, .pool = &pool},
        stream_(source, tables,
                {.max_per_user = options.max_per_user,
                 .labels = options.labels,
                 .part = examples::Part::kTrain,
                 .min_history = options.min_history,
                 .seed = options.seed},
                pool),
        trainer_(&model, options, tables.vocabulary(features::VocabularyId::kItem), pool),
        validation_(source, tables, examples::Part::kValidation, options.validation_users, pool) {}

  uint64_t examples_per_epoch() const { return stream_.examples_per_epoch(); }

  Status Run(TrainedCandidate* result) {
    base::ProgressStage stage(progress_, "train candidate model", "examples",
                              options_.epochs * examples_per_epoch());
    if (validation_.cases() == 0) {
      progress_.Note(fmt::format(
          "no validation part, or nothing in it: training runs all {} epochs", options_.epochs));
    }
    Snapshot best;
    double best_validation = -std::numeric_limits<double>::infinity();
    for (uint32_t epoch = 0; epoch < options_.epochs; ++epoch) {
      UPNEXT_ASSIGN_OR_RETURN(EpochReport report, Epoch(epoch, stage));
      report.validation = validation_.Ndcg(model_, compute_);
      result->epochs.push_back(report);
      progress_.Note(Describe(report));
      stage.Update((epoch + 1) * examples_per_epoch());
      // Without a validation part the last epoch is the one to keep.
      if (std::isnan(report.validation) || report.validation > best_validation) {
        best_validation = report.validation;
        result->best_epoch = epoch;
        if (!std::isnan(report.validation)) best.Take(model_);
      } else if (epoch - result->best_epoch >= options_.patience) {
        stage.Update((epoch + 1) * examples_per_epoch(),
                     fmt::format("stopped early at epoch {}, best epoch {}", epoch + 1,
                                 result->best_epoch + 1));
        break;
      }
    }
    best.Restore(model_);
    return Ok();
  }

 private:
  Result<EpochReport> Epoch(uint32_t epoch, base::ProgressStage& stage) {
    const auto start = std::chrono::steady_clock::now();
    trainer_.tower().ResetActivity();
    stream_.StartEpoch(epoch);
    nn::LossValue total;
    while (stream_.Next(options_.batch, &batch_)) {
      if (progress_.stop_requested()) {
        return Cancelled("training the candidate model was stopped in epoch {}", epoch + 1);
      }
      const nn::LossValue loss = trainer_.Step(batch_);
      UPNEXT_RETURN_IF_ERROR(CheckLoss(loss.mean(), epoch));
      total += loss;
      const auto done = static_cast<uint64_t>(total.count);
      if (++steps_ % 16 == 0) {
        stage.Update(epoch * examples_per_epoch() + done,
                     fmt::format("epoch {}, loss {:.4f}", epoch + 1, total.mean()));
      }
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    EpochReport report{};
    report.epoch = epoch;
    report.loss = total.mean();
    report.seconds = elapsed.count();
    report.examples_per_s = total.count / std::max(report.seconds, 1e-9);
    for (const double share : trainer_.tower().DeadUnitShares()) {
      report.dead_units = std::max(report.dead_units, share);
    }
    if (report.dead_units >= 1.0) {
      return Internal(
          "epoch {}: a whole layer of the candidate model gives zeros for every "
          "example and cannot recover; lower retrieval.tower_learning_rate (now {:g})",
          epoch + 1, options_.tower_learning_rate);
    }
    return report;
  }

  static std::string Describe(const EpochReport& report) {
    const std::string validation =
        std::isnan(report.validation)
            ? std::string()
            : fmt::format(", validation NDCG@10 {:.4f}", report.validation);
    return fmt::format("epoch {}: loss {:.4f}{}, {:.0f} examples/s, dead units {:.0f} %",
                       report.epoch + 1, report.loss, validation, report.examples_per_s,
                       100.0 * report.dead_units);
  }

  Status CheckLoss(double loss, uint32_t epoch) const {
    const double guessing = std::log(static_cast<double>(model_.shape().items));
    if (std::isfinite(loss) && loss < kDivergedTimes * std::max(guessing, 1.0)) return Ok();
    return Internal(
        "epoch {}: the candidate model's loss diverged to {:g} (guessing has {:.2f}); "
        "lower retrieval.tower_learning_rate (now {:g}) or "
        "retrieval.table_learning_rate (now {:g})",
        epoch + 1, loss, guessing, options_.tower_learning_rate, options_.table_learning_rate);
  }

  const CandidateTrainOptions& options_;
  CandidateModel& model_;
  base::Progress& progress_;
  nn::Compute compute_;  // of validation: exact, as serving is
  examples::CandidateStream stream_;
  CandidateTrainer trainer_;
  CandidateValidation validation_;
  features::CandidateBatch batch_;
  uint64_t steps_ = 0;
};

}  // namespace

CandidateTrainOptions CandidateTrainOptions::FromConfig(const base::ConfigTable& retrieval) {
  CandidateTrainOptions options;
  const auto number = [&](std::string_view key, uint32_t fallback, int64_t min, int64_t max) {
    return static_cast<uint32_t>(retrieval.Int(key, fallback, {.min = min, .max = max}));
  };
  const auto real = [&](std::string_view key, float fallback, double min, double max) {
    return static_cast<float>(retrieval.Real(key, fallback, {.min = min, .max = max}));
  };
  options.batch = number("batch", options.batch, 1, 1 << 20);
  options.epochs = number("epochs", options.epochs, 1, 100'000);
  options.patience = number("patience", options.patience, 1, 100'000);
  options.negatives = number("negatives", options.negatives, 0, 1 << 20);
  options.logq = retrieval.Bool("logq", options.logq);
  options.sampler = examples::SamplerOptions::FromConfig(retrieval);
  options.table_learning_rate = real("table_learning_rate", options.table_learning_rate, 0, 100);
  options.tower_learning_rate = real("tower_learning_rate", options.tower_learning_rate, 0, 100);
  options.dropout = real("dropout", options.dropout, 0, 0.95);
  options.bag_dropout = real("bag_dropout", options.bag_dropout, 0, 0.95);
  options.max_per_user = number("max_per_user", options.max_per_user, 1, UINT32_MAX);
  options.min_history = number("min_history", options.min_history, 0, UINT32_MAX);
  options.labels = static_cast<examples::CandidateStreamOptions::Labels>(
      retrieval.Choice("labels", {"next-watch", "held-out"}, static_cast<size_t>(options.labels)));
  options.bf16 = retrieval.Bool("bf16", options.bf16);
  options.validation_users = number("validation_users", options.validation_users, 0, UINT32_MAX);
  return options;
}

Result<TrainedCandidate> TrainCandidateModel(const examples::ReplaySource& source,
                                             const features::FeatureTables& tables,
                                             const CandidateModelOptions& model_options,
                                             const CandidateTrainOptions& options,
                                             base::ThreadPool& pool, base::Progress& progress) {
  const CandidateShape shape = ShapeOf(tables);
  if (shape.items < 3) {
    return FailedPrecondition(
        "the candidate model needs complete watches of at least two items in the training part, "
        "found {}; check [labels] and [split] of the project file (a log of clicks or purchases: "
        "give "
        "those events the type 'complete' and set [labels] complete = \"event\")",
        shape.items - 1);
  }
  TrainedCandidate result;
  base::Rng rng(options.seed, /*stream=*/1);
  result.model = std::make_unique<CandidateModel>(model_options, shape, rng);
  Training training(source, tables, options, *result.model, pool, progress);
  if (training.examples_per_epoch() == 0) {
    return FailedPrecondition(
        "the training part has no complete watch that follows {} others of its user; check "
        "[labels], [split] and retrieval.min_history of the project file",
        options.min_history);
  }
  UPNEXT_RETURN_IF_ERROR(training.Run(&result));
  return result;
}

}  // namespace upnext::retrieval
