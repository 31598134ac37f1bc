#include "retrieval/candidate_training.h"

#include <fmt/format.h>

#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/gemm.h"
#include "retrieval/candidate_trainer.h"
#include "retrieval/candidate_validation.h"
#include "retrieval/given_vectors.h"
#include "retrieval/item2vec.h"
#include "retrieval/item_content.h"

namespace upnext::retrieval {
namespace {

class Training : public nn::Trainable {
 public:
  // `given`: ItemSources::given.
  Training(const examples::ReplaySource& source, const features::FeatureStatistics& tables,
           const CandidateTrainOptions& options, std::span<const uint32_t> given,
           CandidateModel& model, base::ThreadPool& pool)
      : options_(options),
        model_(model),
        compute_{.precision = kernels::Precision::kFp32, .pool = &pool},
        content_(ContentOfItems(tables, source.catalogue)),
        stream_(source, tables,
                {.max_per_user = options.max_per_user,
                 .labels = options.labels,
                 .part = examples::SplitPart::kTrain,
                 .min_history = options.min_history,
                 .sequences = model.encoder().reads_sequences(),
                 .user_share = options.user_share,
                 .seed = options.seed},
                pool),
        trainer_(&model, options, tables.vocabulary(features::kItemVocabulary), pool,
                 /*table_epsilon=*/1e-8f, {.content = &content_, .given = given}),
        validation_(source, tables, examples::SplitPart::kValidation, options.feed,
                    options.validation_users, pool) {}

  void EncodeItems() { model_.EncodeItems(content_, compute_.pool); }
  bool has_validation() const { return validation_.cases() > 0; }

  uint64_t examples_per_epoch() const override { return stream_.examples_per_epoch(); }
  void StartEpoch(uint32_t epoch) override { stream_.StartEpoch(epoch); }
  size_t NextBatch() override { return stream_.Next(options_.batch, &batch_) ? batch_.size() : 0; }

  void Step(double, std::span<nn::LossValue> losses, std::span<nn::LossValue> guessing) override {
    losses[0] += trainer_.Step(batch_);
    const auto n = static_cast<double>(batch_.size());
    guessing[0] += {.sum = n * trainer_.GuessingLoss(batch_.size()), .count = n};
  }

  Status Validate(nn::EpochReport* report) override {
    EncodeItems();
    report->validation = validation_.Ndcg(model_, compute_);
    return Ok();
  }

  double Total(std::span<const nn::LossValue> losses) const override { return losses[0].mean(); }

  std::string Describe(const nn::EpochReport& report) const override {
    const std::string validation =
        std::isnan(report.validation)
            ? std::string()
            : fmt::format(", validation NDCG@10 {:.4f}", report.validation);
    return fmt::format("epoch {}: loss {:.4f}{}, {:.0f} examples/s, dead units {:.0f} %",
                       report.epoch + 1, report.loss, validation, report.examples_per_s,
                       100.0 * report.dead_units);
  }

  std::vector<nn::Parameter> ModelParameters() override { return model_.Parameters(); }
  void AppendOptimiserState(std::vector<nn::Parameter>& state) override {
    trainer_.AppendState(state);
  }
  base::Rng& rng() override { return trainer_.rng(); }
  std::vector<nn::DeadUnits*> ReluLayers() override { return trainer_.ReluLayers(); }

 private:
  const CandidateTrainOptions& options_;
  CandidateModel& model_;
  nn::Compute compute_;                   // of validation: exact, as when serving
  const features::FeatureBlock content_;  // of items
  examples::CandidateStream stream_;
  CandidateTrainer trainer_;
  CandidateValidation validation_;
  features::CandidateBatch batch_;
};

// The rows that start at pretrained vectors, after setting them.
Result<std::vector<uint32_t>> StartRows(const examples::ReplaySource& source,
                                        const features::FeatureStatistics& tables,
                                        const CandidateTrainOptions& options, CandidateModel* model,
                                        base::Progress& progress) {
  if (options.pretrained.empty()) return std::vector<uint32_t>();
  if (options.pretrained == kItem2vec) {
    progress.Note("items start at vectors of item2vec, made of the training part");
    return StartFromItem2vec(source, tables, options.seed, model);
  }
  UPNEXT_ASSIGN_OR_RETURN(std::vector<uint32_t> given,
                          StartFromGiven(options.pretrained, tables, source.catalogue, model));
  progress.Note(fmt::format("{} of {} items start at their '{}', the others at random",
                            given.size(), model->shape().items - 1, options.pretrained));
  return given;
}

}  // namespace

CandidateTrainOptions CandidateTrainOptions::FromConfig(const base::ConfigTable& retrieval) {
  return FromConfig(retrieval, {});
}

CandidateTrainOptions CandidateTrainOptions::FromConfig(const base::ConfigTable& retrieval,
                                                        const CandidateTrainOptions& defaults) {
  CandidateTrainOptions options = defaults;
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
  options.logq = retrieval.Real("logq", options.logq, {.min = 0, .max = 1});
  options.sampler = examples::SamplerOptions::FromConfig(retrieval);
  options.in_batch = retrieval.Bool("in_batch", options.in_batch);
  options.loss = static_cast<Loss>(
      retrieval.Choice("loss", {"softmax", "refined", "gbce"}, static_cast<size_t>(options.loss)));
  options.calibration = retrieval.Real("calibration", options.calibration, {.min = 0, .max = 1});
  if (options.loss == Loss::kGbce && options.negatives == 0 && !options.in_batch) {
    retrieval.Fail("negatives",
                   "expected at least 1 for loss = \"gbce\", found 0, which is the full "
                   "softmax; give negatives, or in_batch = true");
  }
  constexpr double kLeastRate = 1e-9;  // 0 would not learn
  options.table_learning_rate =
      real("table_learning_rate", options.table_learning_rate, kLeastRate, 100);
  options.tower_learning_rate =
      real("tower_learning_rate", options.tower_learning_rate, kLeastRate, 100);
  options.table_optimiser = static_cast<CandidateTrainOptions::TableOptimiser>(retrieval.Choice(
      "table_optimiser", {"adagrad", "adam"}, static_cast<size_t>(options.table_optimiser)));
  if (options.table_optimiser == CandidateTrainOptions::TableOptimiser::kAdam &&
      retrieval.Choice("table_precision", {"fp32", "bf16"}, 0) == 1) {
    retrieval.Fail("table_optimiser", "expected \"adagrad\" with tables in bf16, found \"adam\"");
  }
  options.dropout = real("dropout", options.dropout, 0, 0.95);
  options.bag_dropout = real("bag_dropout", options.bag_dropout, 0, 0.95);
  options.id_dropout = real("id_dropout", options.id_dropout, 0, 1);
  options.pretrained = retrieval.Text("pretrained", options.pretrained);
  options.pretrained_rate = real("pretrained_rate", options.pretrained_rate, 0, 1);
  if (options.pretrained_rate < 1 &&
      retrieval.Choice("table_precision", {"fp32", "bf16"}, 0) == 1) {
    retrieval.Fail("pretrained_rate", "expected 1 with tables in bf16, found a smaller one");
  }
  options.max_per_user = number("max_per_user", options.max_per_user, 1, UINT32_MAX);
  options.min_history = number("min_history", options.min_history, 0, UINT32_MAX);
  options.labels = static_cast<examples::CandidateStreamOptions::Labels>(
      retrieval.Choice("labels", {"next-watch", "held-out"}, static_cast<size_t>(options.labels)));
  options.bf16 = retrieval.Bool("bf16", options.bf16);
  options.validation_users = number("validation_users", options.validation_users, 0, UINT32_MAX);
  options.max_dead_units =
      retrieval.Real("max_dead_units", options.max_dead_units, {.min = 0.01, .max = 1});
  options.checkpoints.name = "retrieval";
  options.checkpoints.minutes =
      retrieval.Real("checkpoint_minutes", options.checkpoints.minutes, {.min = 0, .max = 1e6});
  return options;
}

Result<TrainedCandidate> TrainCandidateModel(const examples::ReplaySource& source,
                                             const features::FeatureStatistics& tables,
                                             const CandidateModelOptions& model_options,
                                             const CandidateTrainOptions& options,
                                             base::ThreadPool& pool, base::Progress& progress) {
  const CandidateShape shape = ShapeOf(tables);
  if (shape.items < 3) {
    return FailedPrecondition(
        "the candidate model needs positive events of at least two items in the training part, "
        "found {}; check [labels] positives and [split] of the project file (`upnext features` shows "
        "what is positive)",
        shape.items - 1);
  }
  UPNEXT_RETURN_IF_ERROR(CheckEncoder(model_options, shape));
  UPNEXT_RETURN_IF_ERROR(CheckItemTower(model_options, shape));
  TrainedCandidate result;
  base::Rng rng(options.seed, /*stream=*/1);
  result.model = std::make_unique<CandidateModel>(model_options, shape, rng);
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<uint32_t> given,
                          StartRows(source, tables, options, result.model.get(), progress));
  Training training(source, tables, options, given, *result.model, pool);
  if (training.examples_per_epoch() == 0) {
    return FailedPrecondition(
        "the training part has no positive event that follows {} others of its user; check "
        "[labels], [split] and retrieval.min_history of the project file",
        options.min_history);
  }
  if (!training.has_validation() && options.stop_after == 0) {
    progress.Note(fmt::format("no validation part, or it is empty: training runs all {} epochs",
                              options.epochs));
  }
  const nn::TrainingOptions loop{
      .model = "candidate model",
      .tasks = {""},
      .epochs = options.epochs,
      .patience = options.patience,
      .stop_after = options.stop_after,
      .max_dead_units = options.max_dead_units,
      .advice = fmt::format("lower retrieval.tower_learning_rate (now {:g}) or "
                            "retrieval.table_learning_rate (now {:g})",
                            options.tower_learning_rate, options.table_learning_rate),
      .checkpoints = options.checkpoints};
  UPNEXT_ASSIGN_OR_RETURN(static_cast<nn::TrainingReport&>(result),
                          nn::RunTraining(training, loop, progress));
  result.model->WidenTables();
  training.EncodeItems();
  return result;
}

}  // namespace upnext::retrieval
