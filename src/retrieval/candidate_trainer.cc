#include "retrieval/candidate_trainer.h"

#include <algorithm>
#include <numeric>

#include "kernels/row_gradients.h"

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
                                   float table_epsilon)
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
  if (!model->tied()) items_step_ = step_of(&model->items_);
  std::vector<nn::EmbeddingTable>& tables = model->encoder().tables();
  for (size_t i = 0; i < tables.size(); ++i) {
    table_steps_.push_back(step_of(&tables[i]));
    if (items_step_ || i != model->item_table_) early_steps_.push_back(table_steps_[i].get());
  }
}

bool CandidateTrainer::full_softmax() const {
  return options_.negatives == 0 || options_.negatives >= model_.shape().items - 1;
}

nn::LossValue CandidateTrainer::Step(const features::CandidateBatch& batch) {
  const nn::LossValue loss = RunSampledOrFull(batch);
  base::Tasks products, updates, both;
  AppendProducts(products);
  AppendEarlyUpdates(updates);
  Interleave(products, updates, &both);
  base::RunAll(both, &pool_);
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
  return RunBlocks(batch, negatives_, /*full=*/false);
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
}

nn::LossValue CandidateTrainer::RunBlocks(const features::CandidateBatch& batch,
                                          std::span<const uint32_t> classes, bool full) {
  const kernels::Precision precision =
      options_.bf16 ? kernels::Precision::kBf16 : kernels::Precision::kFp32;
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
  if (options_.logq && !full) {
    const auto expected = [&](std::span<const uint32_t> rows, std::vector<float>& logs) {
      logs.resize(rows.size());
      std::ranges::transform(rows, logs.begin(), [&](uint32_t row) {
        return sampler_.LogExpectedCount(row, classes.size());
      });
      return std::span<const float>(logs);
    };
    args.label_log_expected = expected(labels, label_expected_);
    args.class_log_expected = expected(classes, class_expected_);
  }
  softmax_.Begin(args, tasks);
}

// Only says where the gradients will be, so that rows can be sorted before they are there. A table
// that the items share gets their gradients too, and is sorted after that.
void CandidateTrainer::AppendRowGradients(base::Tasks& tasks) {
  for (size_t table = 0; table < table_steps_.size(); ++table) {
    tasks.push_back([this, table] {
      encoder_->AddRowGradients(table, *table_steps_[table]);
      if (items_step_ || table != model_.item_table_) table_steps_[table]->Sort();
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
  softmax_.AddGradients(encoder_->users(), items_step());
  items_step().Sort();
  base::Tasks tasks;
  items_step().AppendStep(tasks);
  tower_step_.AppendStep(tasks);
  base::RunAll(tasks, &pool_);
  items_step().Clear();
  for (nn::RowStep* step : early_steps_) step->Clear();
}

void CandidateTrainer::AppendState(std::vector<nn::Parameter>& state) {
  tower_step_.AppendState("tower", state);
  if (items_step_) items_step_->AppendState("items", state);
  for (size_t i = 0; i < table_steps_.size(); ++i) {
    table_steps_[i]->AppendState("embedding." + model_.shape().inputs.tables[i].name, state);
  }
}

}  // namespace upnext::retrieval
