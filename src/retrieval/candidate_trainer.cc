#include "retrieval/candidate_trainer.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "kernels/row_gradients.h"
#include "kernels/vector_ops.h"

namespace upnext::retrieval {
namespace {

std::vector<nn::Parameter> DenseParameters(CandidateModel& model) {
  std::vector<nn::Parameter> parameters = model.Parameters();
  std::erase_if(parameters, [](const nn::Parameter& p) { return p.gradient.empty(); });
  return parameters;
}

// Takes turns between two lists in proportion to their lengths, so that threads are busy with
// products (which wait for the matrix unit) and updates (which wait for memory) at the same time.
void Interleave(const base::Tasks& a, const base::Tasks& b, base::Tasks* both) {
  both->clear();
  size_t i = 0, j = 0;
  while (i < a.size() || j < b.size()) {
    const bool take_a = j == b.size() || (i < a.size() && i * b.size() <= j * a.size());
    both->push_back(take_a ? a[i++] : b[j++]);
  }
}

}  // namespace

CandidateTrainer::CandidateTrainer(CandidateModel* model, const CandidateTrainOptions& options,
                                   const features::Vocabulary& vocabulary, base::ThreadPool& pool,
                                   float table_epsilon, const ItemSources& items)
    : model_(*model),
      options_(options),
      pool_(pool),
      sampler_(options.sampler, vocabulary),
      rng_(options.seed, /*stream=*/2),
      encoder_(model->encoder().MakeTraining(
          {.input = options.dropout, .bags = options.bag_dropout}, pool)),
      tower_step_(DenseParameters(*model), {.learning_rate = options.tower_learning_rate}) {
  const auto step_of = [&](nn::EmbeddingTable* table) -> std::unique_ptr<nn::RowStep> {
    if (options.table_optimiser == CandidateTrainOptions::TableOptimiser::kAdam) {
      return std::make_unique<nn::RowwiseAdam>(
          table, nn::AdamOptions{.learning_rate = options.table_learning_rate});
    }
    return std::make_unique<nn::RowwiseAdagrad>(
        table, kernels::AdagradOptions{options.table_learning_rate, table_epsilon});
  };
  if (options.in_batch) label_counts_.emplace(vocabulary);
  std::vector<nn::EmbeddingTable>& tables = model->encoder().tables();
  for (size_t i = 0; i < tables.size(); ++i) {
    table_steps_.push_back(IsOfItems(i) ? nullptr : step_of(&tables[i]));
    if (table_steps_[i] != nullptr) early_steps_.push_back(table_steps_[i].get());
  }
  items_ = MakeItemTraining({.vectors = &model->mutable_item_vectors(),
                             .name = ItemsState(),
                             .tower = model->item_tower_ ? &*model->item_tower_ : nullptr,
                             .read = SlotsOfItems(),
                             .sources = items,
                             .id_dropout = options.id_dropout,
                             .given_rate = options.pretrained_rate,
                             .make_step = step_of,
                             .pool = &pool});
  if (options.teacher != nullptr) teacher_.emplace(options.teacher, pool);
  if (options.average_decay > 0) {
    average_.emplace(AveragedParameters(), options.average_decay);
    for (nn::RowStep* step : RowSteps()) step->set_average(average_->OfTable(step->table()));
  }
}

// With an item tower, vectors of items are made of other parameters.
std::vector<nn::Parameter> CandidateTrainer::AveragedParameters() {
  std::vector<nn::Parameter> parameters = model_.Parameters();
  if (model_.has_item_tower()) {
    const std::string vectors = ItemsState();
    std::erase_if(parameters, [&](const nn::Parameter& one) { return one.name == vectors; });
  }
  return parameters;
}

std::string CandidateTrainer::TableState(size_t table) const {
  return "embedding." + model_.shape().inputs.tables[table].name;
}

std::string CandidateTrainer::ItemsState() const {
  return model_.tied() ? TableState(model_.item_table_) : "items";
}

std::vector<size_t> CandidateTrainer::SlotsOfItems() const {
  std::vector<size_t> slots;
  const auto& all = model_.shape().inputs.query.slots;
  for (size_t slot = 0; slot < all.size(); ++slot) {
    if (IsOfItems(all[slot].table)) slots.push_back(slot);
  }
  return slots;
}

std::vector<nn::RowStep*> CandidateTrainer::RowSteps() {
  std::vector<nn::RowStep*> steps = items_->RowSteps();
  for (const auto& step : table_steps_) {
    if (step != nullptr) steps.push_back(step.get());
  }
  return steps;
}

void CandidateTrainer::ScaleLearningRates(float share) {
  tower_step_.set_learning_rate(share * options_.tower_learning_rate);
  for (nn::RowStep* step : RowSteps()) {
    step->set_learning_rate(share * options_.table_learning_rate);
  }
}

bool IsFullSoftmax(const CandidateTrainOptions& options, uint32_t items) {
  if (options.loss == CandidateTrainOptions::Loss::kGbce) return false;
  return (options.negatives == 0 && !options.in_batch) || options.negatives >= items - 1;
}

bool CandidateTrainer::full_softmax() const {
  return IsFullSoftmax(options_, model_.shape().items);
}

double CandidateTrainer::GuessingLoss(size_t batch) const {
  const size_t sampled = options_.negatives + (options_.in_batch ? batch : 0);
  if (options_.loss == CandidateTrainOptions::Loss::kGbce) {
    return (PositiveWeight(sampled) + static_cast<double>(sampled)) * std::numbers::ln2;
  }
  return std::log(static_cast<double>(model_.shape().items));
}

double CandidateTrainer::PositiveWeight(size_t negatives) const {
  const double others = std::max(1.0, static_cast<double>(model_.shape().items) - 2);
  return 1 - options_.calibration * (1 - std::min(1.0, static_cast<double>(negatives) / others));
}

nn::LossValue CandidateTrainer::Step(const features::CandidateBatch& batch) {
  const nn::LossValue loss = RunSampledOrFull(batch);
  base::Tasks products, updates, both;
  AppendProducts(products);
  AppendEarlyUpdates(updates);
  Interleave(products, updates, &both);
  base::RunAll(both, &pool_);
  FinishItems();
  ApplyLate();
  return loss;
}

nn::LossValue CandidateTrainer::Gradients(const features::CandidateBatch& batch) {
  const nn::LossValue loss = RunSampledOrFull(batch);
  RunProducts();
  return loss;
}

nn::LossValue CandidateTrainer::FullGradients(const features::CandidateBatch& batch) {
  const nn::LossValue loss = RunFull(batch);
  RunProducts();
  return loss;
}

nn::LossValue CandidateTrainer::SampledGradients(const features::CandidateBatch& batch,
                                                 std::span<const uint32_t> negatives) {
  const nn::LossValue loss = RunBlocks(batch, negatives, /*full=*/false);
  RunProducts();
  return loss;
}

void CandidateTrainer::Apply() {
  base::Tasks updates;
  AppendEarlyUpdates(updates);
  base::RunAll(updates, &pool_);
  ApplyLate();
}

nn::LossValue CandidateTrainer::RunSampledOrFull(const features::CandidateBatch& batch) {
  if (full_softmax()) return RunFull(batch);
  sampler_.Draw(options_.negatives, rng_, &negatives_);
  if (!label_counts_) return RunBlocks(batch, negatives_, /*full=*/false);
  negatives_.insert(negatives_.end(), batch.label.begin(), batch.label.end());
  const nn::LossValue loss = RunBlocks(batch, negatives_, /*full=*/false);
  label_counts_->Add(batch.label);
  return loss;
}

nn::LossValue CandidateTrainer::RunFull(const features::CandidateBatch& batch) {
  if (all_rows_.empty()) {
    all_rows_.resize(model_.shape().items - 1);
    std::iota(all_rows_.begin(), all_rows_.end(), 1u);
  }
  return RunBlocks(batch, all_rows_, /*full=*/true);
}

void CandidateTrainer::RunProducts() {
  base::Tasks products;
  AppendProducts(products);
  base::RunAll(products, &pool_);
  FinishItems();
}

void CandidateTrainer::FinishItems() {
  softmax_.AddGradients(encoder_->users(), items_->step());
  items_->Finish();
}

nn::LossValue CandidateTrainer::RunBlocks(const features::CandidateBatch& batch,
                                          std::span<const uint32_t> classes, bool full) {
  const kernels::Precision precision =
      options_.bf16 ? kernels::Precision::kBf16 : kernels::Precision::kFp32;
  items_->Begin(batch, classes, rng_);
  base::Tasks tasks;
  encoder_->Begin(batch.features, precision, rng_, tasks);
  AppendRowGradients(tasks);
  BeginSoftmax(batch, classes, full, precision, tasks);
  base::RunAll(tasks, &pool_);

  constexpr size_t kMultiple = 32;  // of the first example of a block
  losses_.assign((batch.size() + kMultiple - 1) / kMultiple, {});
  encoder_->Run([&](size_t begin, size_t n, const float* users, kernels::OperandView operand,
                    float* d_users) {
    losses_[begin / kMultiple] = softmax_.Block(begin, n, users, operand, d_users);
  });
  nn::LossValue total;
  for (const nn::LossValue& loss : losses_) total += loss;
  return total;
}

void CandidateTrainer::BeginSoftmax(const features::CandidateBatch& batch,
                                    std::span<const uint32_t> classes, bool full,
                                    kernels::Precision precision, base::Tasks& tasks) {
  BatchSoftmaxArgs args;
  args.items = &model_.item_vectors();
  const std::span<const uint32_t> labels = batch.label;
  args.labels = labels;
  if (std::ranges::any_of(batch.weight, [](float weight) { return weight != 1; })) {
    args.weights = batch.weight;
  }
  args.classes = classes;
  args.full = full;
  args.precision = precision;
  if (teacher_ && full) {
    teacher_->Begin(batch.features, precision);
    args.teacher = &*teacher_;
    args.teacher_weight = options_.distill;
  }
  if (options_.loss == CandidateTrainOptions::Loss::kGbce && !full) {
    args.positive_weight = PositiveWeight(classes.size());
  } else if (options_.logq > 0 && !full) {
    const size_t drawn = classes.size() - (label_counts_ ? labels.size() : 0);
    args.class_log_expected = Expected(classes, drawn, labels.size(), class_expected_);
    if (options_.loss == CandidateTrainOptions::Loss::kSoftmax) {
      args.label_log_expected = Expected(labels, drawn, labels.size(), label_expected_);
    }
  }
  softmax_.Begin(args, tasks);
}

std::span<const float> CandidateTrainer::Expected(std::span<const uint32_t> rows, size_t drawn,
                                                  size_t batch, std::vector<float>& logs) const {
  logs.resize(rows.size());
  std::ranges::transform(rows, logs.begin(), [&](uint32_t row) {
    if (!label_counts_) return sampler_.LogExpectedCount(row, drawn);
    return static_cast<float>(
        std::log(static_cast<double>(drawn) * sampler_.Probability(row) +
                 static_cast<double>(batch) * label_counts_->Probability(row)));
  });
  if (options_.logq < 1) {
    kernels::Scale(static_cast<float>(options_.logq), logs.data(), logs.size());
  }
  return logs;
}

// Only says where the gradients will be, so that rows can be sorted before they are there. The vectors
// of items get more gradients, and are sorted after that.
void CandidateTrainer::AppendRowGradients(base::Tasks& tasks) {
  for (size_t table = 0; table < table_steps_.size(); ++table) {
    tasks.push_back([this, table] {
      if (IsOfItems(table)) return encoder_->AddRowGradients(table, items_->step());
      encoder_->AddRowGradients(table, *table_steps_[table]);
      table_steps_[table]->Sort();
    });
  }
}

void CandidateTrainer::AppendProducts(base::Tasks& tasks) {
  const auto pieces = static_cast<size_t>(pool_.threads());
  softmax_.AppendGradients(pieces, encoder_->user_operand(), tasks);
  encoder_->AppendGradients(pieces, tasks);
}

void CandidateTrainer::AppendEarlyUpdates(base::Tasks& tasks) {
  for (nn::RowStep* step : early_steps_) step->AppendStep(tasks);
}

void CandidateTrainer::ApplyLate() {
  base::Tasks tasks;
  items_->AppendStep(tasks);
  tower_step_.AppendStep(tasks);
  base::RunAll(tasks, &pool_);
  items_->Clear();
  for (nn::RowStep* step : early_steps_) step->Clear();
  if (!average_) return;
  tasks.clear();
  average_->AppendStep(tasks);
  base::RunAll(tasks, &pool_);
}

void CandidateTrainer::AppendState(std::vector<nn::Parameter>& state) {
  tower_step_.AppendState("tower", state);
  if (label_counts_) {
    const std::span<float> counts = label_counts_->state();
    state.push_back({.name = "sampler.labels", .shape = {counts.size()}, .value = counts});
  }
  items_->AppendState(state);
  for (size_t i = 0; i < table_steps_.size(); ++i) {
    if (table_steps_[i] != nullptr) table_steps_[i]->AppendState(TableState(i), state);
  }
  if (average_) average_->AppendState(state);
}

}  // namespace upnext::retrieval
