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

// Each id of each bag stays with probability 1 - rate.
void ThinBags(const features::Bags& bags, float rate, base::Rng& rng, features::Bags* thinned) {
  thinned->Clear();
  for (size_t i = 0; i < bags.size(); ++i) {
    for (uint32_t at = bags.offsets[i]; at < bags.offsets[i + 1]; ++at) {
      if (rng.Uniform() >= rate) thinned->Append(bags, at, at + 1);
    }
    thinned->Close();
  }
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
      tower_step_(DenseParameters(*model), {.learning_rate = options.tower_learning_rate}) {
  const kernels::AdagradOptions adagrad{options.table_learning_rate, table_epsilon};
  if (!model->tied()) items_step_.emplace(&model->items_, adagrad);
  for (size_t i = 0; i < model->tables_.size(); ++i) {
    table_steps_.push_back(std::make_unique<nn::RowwiseAdagrad>(&model->tables_[i], adagrad));
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
  const size_t n = batch.size();
  batch_ = &Thinned(batch.features);
  model_.CutWindows(*batch_, &windows_);
  block_ = nn::BlockFor(n, &pool_);
  d_input_.Reserve(n * model_.layout().width);
  if (options_.dropout > 0.0f) {
    dropout_seed_ = rng_.Next();
    kept_.resize(n * model_.layout().width);
  }
  base::Tasks tasks;
  AppendInputGradients(tasks);
  tasks.push_back([&] { model_.tower_.Begin(n, precision, block_); });
  BeginSoftmax(batch, classes, full, precision, tasks);
  base::RunAll(tasks, &pool_);

  losses_.assign(model_.tower_.blocks(), {});
  pool_.ParallelFor(losses_.size(), 1, [&](size_t begin, size_t end) {
    for (size_t block = begin; block < end; ++block) losses_[block] = RunBlock(block);
  });
  nn::LossValue total;
  for (const nn::LossValue& loss : losses_) total += loss;
  return total;
}

nn::LossValue CandidateTrainer::RunBlock(size_t block) {
  const size_t begin = block * block_, n = std::min(block_, batch_->rows - begin);
  const size_t width = model_.layout().width, dim = model_.dim();
  thread_local kernels::AlignedBuffer<float> input, d_users;
  input.Reserve(n * width);
  d_users.Reserve(n * dim);
  model_.BuildInput(*batch_, windows_, begin, begin + n, input.data());
  if (options_.dropout > 0.0f) DropInput(block, n, input.data());
  const float* users = model_.tower_.ForwardBlock(block, input.data());
  if (block == 0) users_ = users;
  const nn::LossValue loss =
      softmax_.Block(begin, n, users, model_.tower_.output_operand() + begin * dim, d_users.data());
  float* d_input = d_input_.data() + begin * width;
  model_.tower_.BackwardBlock(block, d_users.data(), d_input);
  if (options_.dropout > 0.0f) {
    const float scale = 1.0f / (1.0f - options_.dropout);
    const uint8_t* kept = kept_.data() + begin * width;
    for (size_t i = 0; i < n * width; ++i) d_input[i] = kept[i] ? d_input[i] * scale : 0.0f;
  }
  return loss;
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

const features::FeatureBlock& CandidateTrainer::Thinned(const features::FeatureBlock& batch) {
  if (options_.bag_dropout <= 0.0f) return batch;
  const auto& slots = model_.shape().inputs.query.slots;
  thinned_.categorical.resize(slots.size());
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].list) {
      ThinBags(batch.categorical[i], options_.bag_dropout, rng_, &thinned_.categorical[i]);
    } else {
      thinned_.categorical[i] = batch.categorical[i];
    }
  }
  thinned_.dense = batch.dense;
  thinned_.rows = batch.rows;
  return thinned_;
}

// Inverted dropout: what stays is scaled up, so that nothing needs scaling when the model is used.
// The numbers at the end of the input stay as they are: 0 is a value of theirs, an example age of 0
// means now, and a model trained with age 0 on old examples does not learn what is new (CG-09). Each
// block has its own random stream, whichever thread computes it.
void CandidateTrainer::DropInput(size_t block, size_t n, float* input) {
  const size_t width = model_.layout().width, dropped = model_.layout().dense;
  const float scale = 1.0f / (1.0f - options_.dropout);
  const auto threshold = static_cast<uint32_t>(options_.dropout * 65536.0f);
  uint8_t* kept = kept_.data() + block * block_ * width;
  base::Rng rng(dropout_seed_, block);
  for (size_t row = 0; row < n; ++row, input += width, kept += width) {
    uint64_t random = 0;
    for (size_t i = 0; i < dropped; ++i) {
      random = i % 4 == 0 ? rng.Next() : random >> 16;
      kept[i] = (random & 0xffff) >= threshold;
      input[i] = kept[i] ? input[i] * scale : 0.0f;
    }
    std::fill(kept + dropped, kept + width, uint8_t{1});
  }
}

// Only says where the gradients will be, so that rows can be sorted before they are there. A table
// that the items share gets their gradients too, and is sorted after that.
void CandidateTrainer::AppendInputGradients(base::Tasks& tasks) {
  for (size_t table = 0; table < table_steps_.size(); ++table) {
    tasks.push_back([this, table] {
      const CandidateLayout& layout = model_.layout();
      for (size_t i = 0; i < layout.inputs.size(); ++i) {
        const CandidateLayout::Input& input = layout.inputs[i];
        if (input.table != table) continue;
        table_steps_[table]->AddBags(View(CandidateModel::BagsOf(*batch_, windows_, layout, i)),
                                     d_input_.data() + input.offset, layout.width,
                                     kernels::Pooling::kMean);
      }
      if (items_step_ || table != model_.item_table_) table_steps_[table]->Sort();
    });
  }
}

void CandidateTrainer::AppendProducts(base::Tasks& tasks) {
  const auto pieces = static_cast<size_t>(pool_.threads());
  softmax_.AppendGradients(pieces, model_.tower_.output_operand(), tasks);
  model_.tower_.AppendGradients(pieces, tasks);
  tasks.push_back([this] { model_.tower_.NoteActivity(); });
}

void CandidateTrainer::AppendEarlyUpdates(base::Tasks& tasks) {
  for (nn::RowwiseAdagrad* step : early_steps_) step->AppendStep(tasks);
}

void CandidateTrainer::ApplyLate() {
  softmax_.AddGradients(users_, items_step());
  items_step().Sort();
  base::Tasks tasks;
  items_step().AppendStep(tasks);
  tower_step_.AppendStep(tasks);
  base::RunAll(tasks, &pool_);
  items_step().Clear();
  for (nn::RowwiseAdagrad* step : early_steps_) step->Clear();
}

void CandidateTrainer::AppendState(std::vector<nn::Parameter>& state) {
  tower_step_.AppendState("tower", state);
  if (items_step_) items_step_->AppendState("items", state);
  for (size_t i = 0; i < table_steps_.size(); ++i) {
    table_steps_[i]->AppendState("embedding." + model_.shape().inputs.tables[i].name, state);
  }
}

}  // namespace upnext::retrieval
