#include "retrieval/candidate_training.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/gemm.h"
#include "retrieval/candidate_trainer.h"
#include "retrieval/candidate_validation.h"
#include "retrieval/given_vectors.h"
#include "retrieval/item_content.h"

namespace upnext::retrieval {
namespace {

class Training : public nn::Trainable {
 public:
  // `given`: ItemSources::given. `prefix` begins the lines that describe epochs.
  Training(const examples::ReplaySource& source, const features::FeatureStatistics& tables,
           const CandidateTrainOptions& options, std::span<const uint32_t> given,
           CandidateModel& model, int64_t after_ms, std::string prefix, base::ThreadPool& pool)
      : options_(options),
        prefix_(std::move(prefix)),
        model_(model),
        compute_{.precision = kernels::Precision::kFp32, .pool = &pool},
        content_(ContentOfItems(tables, source.catalogue)),
        stream_(source, tables,
                {.max_per_user = options.max_per_user,
                 .labels = options.labels,
                 .part = examples::SplitPart::kTrain,
                 .min_history = options.min_history,
                 .sequences = model.encoder().reads_sequences(),
                 .after_ms = after_ms,
                 .user_share = options.user_share,
                 .seed = options.seed},
                pool),
        trainer_(&model, options, tables.vocabulary(features::kItemVocabulary), pool,
                 /*table_epsilon=*/1e-8f, {.content = &content_, .given = given}),
        validation_(source, tables, examples::SplitPart::kValidation, options.feed,
                    options.validation_users, pool) {}

  void EncodeItems() { model_.EncodeItems(content_, compute_.pool); }
  // Before the first step, with the model that the state belongs to.
  Status Continue(const CandidateState& state, uint32_t member) {
    UPNEXT_RETURN_IF_ERROR(state.Restore(member, WholeState(), &trainer_.rng()));
    trainer_.TakeUpGrowth();
    ExchangeAverages();
    return Ok();
  }
  // After the last step: the model has the averages from now on, in exchange for its weights.
  void Finish(TrainedCandidate* result) {
    ExchangeAverages();
    if (!options_.keep_state) return;
    result->state.emplace();
    result->state->Keep(WholeState(), trainer_.rng());
  }

  bool has_validation() const { return validation_.cases() > 0; }

  uint64_t examples_per_epoch() const override { return stream_.examples_per_epoch(); }
  void StartEpoch(uint32_t epoch) override { stream_.StartEpoch(epoch); }
  size_t NextBatch() override { return stream_.Next(options_.batch, &batch_) ? batch_.size() : 0; }

  void Step(double share_left, std::span<nn::LossValue> losses,
            std::span<nn::LossValue> guessing) override {
    trainer_.ScaleLearningRates(static_cast<float>(options_.RateShare(1 - share_left)));
    // Per weight and not per example, so that weights change the scale of neither.
    const double weight = std::accumulate(batch_.weight.begin(), batch_.weight.end(), 0.0);
    losses[0] += {.sum = trainer_.Step(batch_).sum, .count = weight};
    guessing[0] += {.sum = weight * trainer_.GuessingLoss(batch_.size()), .count = weight};
  }

  Status Validate(nn::EpochReport* report) override {
    if (trainer_.average() != nullptr) trainer_.average()->CatchUp(compute_.pool);
    ExchangeAverages();
    EncodeItems();
    report->validation = validation_.Ndcg(model_, compute_);
    ExchangeAverages();
    return Ok();
  }

  double Total(std::span<const nn::LossValue> losses) const override { return losses[0].mean(); }

  std::string Describe(const nn::EpochReport& report) const override {
    const std::string validation =
        std::isnan(report.validation)
            ? std::string()
            : fmt::format(", validation NDCG@10 {:.4f}", report.validation);
    return fmt::format("{}epoch {}: loss {:.4f}{}, {:.0f} examples/s, dead units {:.0f} %", prefix_,
                       report.epoch + 1, report.loss, validation, report.examples_per_s,
                       100.0 * report.dead_units);
  }

  // With averaging, weights and averages: both are of the best epoch at the end.
  std::vector<nn::Parameter> ModelParameters() override {
    std::vector<nn::Parameter> parameters = model_.Parameters();
    if (trainer_.average() != nullptr) trainer_.average()->AppendAverages(parameters);
    return parameters;
  }
  void AppendOptimiserState(std::vector<nn::Parameter>& state) override {
    trainer_.AppendState(state);
  }
  base::Rng& rng() override { return trainer_.rng(); }
  std::vector<nn::DeadUnits*> ReluLayers() override { return trainer_.ReluLayers(); }

 private:
  void ExchangeAverages() {
    if (trainer_.average() != nullptr) trainer_.average()->Swap();
  }
  // All but the model's weights.
  std::vector<nn::Parameter> WholeState() {
    std::vector<nn::Parameter> state;
    trainer_.AppendState(state);
    if (trainer_.average() != nullptr) trainer_.average()->AppendAverages(state);
    return state;
  }

  const CandidateTrainOptions& options_;
  const std::string prefix_;
  CandidateModel& model_;
  nn::Compute compute_;                   // of validation: exact, as when serving
  const features::FeatureBlock content_;  // of items
  examples::CandidateStream stream_;
  CandidateTrainer trainer_;
  CandidateValidation validation_;
  features::CandidateBatch batch_;
};

// Which of the models of an ensemble is trained, and what it continues from.
struct Member {
  uint32_t index = 0;
  std::string name;  // in messages
  bool alone;        // so that its epochs need no name
  const CandidateStart& start;
};

Result<std::unique_ptr<CandidateModel>> MakeModel(const CandidateModelOptions& options,
                                                  const CandidateShape& shape, uint64_t seed,
                                                  const Member& member) {
  base::Rng rng(seed, /*stream=*/1);
  if (member.start.model == nullptr) {
    return std::make_unique<CandidateModel>(options, shape, rng);
  }
  const std::span<CandidateModel> old = member.start.model->members();
  if (old.size() != options.ensemble) {
    return FailedPrecondition(
        "expected to continue an ensemble of {} candidate models, found {}; train without --continue",
        options.ensemble, old.size());
  }
  UPNEXT_ASSIGN_OR_RETURN(CandidateModel grown,
                          CandidateModel::Grow(old[member.index], shape, options.half_tables, rng));
  return std::make_unique<CandidateModel>(std::move(grown));
}

Result<TrainedCandidate> TrainOne(const examples::ReplaySource& source,
                                  const features::FeatureStatistics& tables,
                                  const CandidateModelOptions& model_options,
                                  const CandidateTrainOptions& options, const Member& member,
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
  const bool continues = member.start.model != nullptr;
  UPNEXT_ASSIGN_OR_RETURN(result.model, MakeModel(model_options, shape, options.seed, member));
  UPNEXT_ASSIGN_OR_RETURN(
      const std::vector<uint32_t> given,
      StartRows(source, tables, options, member.start, result.model.get(), progress));
  Training training(source, tables, options, given, *result.model, member.start.seen_ms,
                    member.alone ? "" : member.name + ", ", pool);
  if (continues) {
    UPNEXT_RETURN_IF_ERROR(training.Continue(*member.start.state, member.index));
  }
  if (training.examples_per_epoch() == 0 && continues) {
    progress.Note(fmt::format("{}: no label is new, so it stays as it is", member.name));
    training.Finish(&result);
    result.model->WidenTables();
    training.EncodeItems();
    result.chosen_epochs = 1;
    return result;
  }
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
      .model = member.name,
      .tasks = {""},
      .epochs = options.epochs,
      .patience = options.patience,
      .stop_after = options.stop_after,
      .max_dead_units = options.max_dead_units,
      .keep_optimiser = options.keep_state,
      .advice = fmt::format("lower retrieval.tower_learning_rate (now {:g}) or "
                            "retrieval.table_learning_rate (now {:g})",
                            options.tower_learning_rate, options.table_learning_rate),
      .checkpoints = options.checkpoints};
  UPNEXT_ASSIGN_OR_RETURN(static_cast<nn::TrainingReport&>(result),
                          nn::RunTraining(training, loop, progress));
  training.Finish(&result);
  result.model->WidenTables();
  training.EncodeItems();
  result.chosen_epochs = result.best_epoch + 1;
  return result;
}

// Of the models of an ensemble; the first has that of a single model. Far apart, so that ensembles of
// neighbouring seeds share no model.
uint64_t SeedOf(uint64_t seed, uint32_t member) { return seed + member * 0x9e3779b97f4a7c15u; }

Result<TrainedCandidate> TrainEnsemble(const examples::ReplaySource& source,
                                       const features::FeatureStatistics& tables,
                                       const CandidateModelOptions& model_options,
                                       const CandidateTrainOptions& options, base::ThreadPool& pool,
                                       base::Progress& progress, const CandidateStart& start) {
  const uint32_t n = model_options.ensemble;
  TrainedCandidate result;
  std::vector<CandidateModel> members;
  CandidateState states;
  uint32_t epochs = 0;
  for (uint32_t i = 0; i < n; ++i) {
    CandidateTrainOptions of_member = options;
    of_member.seed = SeedOf(options.seed, i);
    of_member.checkpoints.name = CheckpointName(options.checkpoints.name, i);
    const std::string name =
        n == 1 ? "candidate model" : fmt::format("candidate model {} of {}", i + 1, n);
    UPNEXT_ASSIGN_OR_RETURN(TrainedCandidate trained,
                            TrainOne(source, tables, model_options, of_member,
                                     {i, name, n == 1, start}, pool, progress));
    members.push_back(std::move(*trained.model));
    epochs += trained.chosen_epochs;
    if (trained.state) states.Append(*std::move(trained.state));
    if (i == 0) result = std::move(trained);
  }
  result.model = std::make_unique<CandidateModel>(CandidateModel::Join(std::move(members)));
  result.chosen_epochs = (epochs + n / 2) / n;
  result.state.reset();
  if (options.keep_state) result.state = std::move(states);
  return result;
}

// The ensemble, and then one model of its kind that learns from it.
Result<TrainedCandidate> Distill(const examples::ReplaySource& source,
                                 const features::FeatureStatistics& tables,
                                 const CandidateModelOptions& model_options,
                                 const CandidateTrainOptions& options, base::ThreadPool& pool,
                                 base::Progress& progress) {
  if (!IsFullSoftmax(options, ShapeOf(tables).items)) {
    return FailedPrecondition(
        "retrieval.distill needs all items as classes, found negatives = {}, in_batch = {}{}; "
        "set retrieval.negatives = 0, in_batch = false and a loss other than \"gbce\"",
        options.negatives, options.in_batch,
        options.loss == CandidateTrainOptions::Loss::kGbce ? ", loss = \"gbce\"" : "");
  }
  CandidateTrainOptions of_teacher = options;
  of_teacher.stop_after = options.teacher_stop_after;
  UPNEXT_ASSIGN_OR_RETURN(
      const TrainedCandidate teacher,
      TrainEnsemble(source, tables, model_options, of_teacher, pool, progress, {}));
  CandidateModelOptions single = model_options;
  single.ensemble = 1;
  CandidateTrainOptions of_student = options;
  of_student.teacher = teacher.model.get();
  of_student.seed = SeedOf(options.seed, model_options.ensemble);
  of_student.checkpoints.name = CheckpointName(options.checkpoints.name, model_options.ensemble);
  const CandidateStart anew;
  UPNEXT_ASSIGN_OR_RETURN(
      TrainedCandidate student,
      TrainOne(source, tables, single, of_student,
               {0, "candidate model that is taught", false, anew}, pool, progress));
  student.teacher_epochs = teacher.chosen_epochs;
  return student;
}

}  // namespace

std::string CheckpointName(const std::string& name, uint32_t member) {
  return member == 0 ? name : fmt::format("{}-{}", name, member + 1);
}

Result<TrainedCandidate> TrainCandidateModel(const examples::ReplaySource& source,
                                             const features::FeatureStatistics& tables,
                                             const CandidateModelOptions& model_options,
                                             const CandidateTrainOptions& options,
                                             base::ThreadPool& pool, base::Progress& progress,
                                             const CandidateStart& start) {
  if (options.distill > 0) {
    return Distill(source, tables, model_options, options, pool, progress);
  }
  return TrainEnsemble(source, tables, model_options, options, pool, progress, start);
}

}  // namespace upnext::retrieval
