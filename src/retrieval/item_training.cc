#include "retrieval/item_training.h"

#include <algorithm>
#include <utility>

#include "kernels/aligned_buffer.h"
#include "kernels/gemm.h"

namespace upnext::retrieval {
namespace {

// Finds the items whose vectors a step reads.
class RowsRead {
 public:
  explicit RowsRead(const ItemTrainingArgs& args)
      : slots_(args.read), is_read_(args.vectors->rows()) {}
  // Each once, without row 0; until the next call.
  std::span<const uint32_t> Of(const features::CandidateBatch& batch,
                               std::span<const uint32_t> classes) {
    read_.clear();
    Add(classes);
    Add(batch.label);
    for (const size_t slot : slots_) Add(batch.features.categorical[slot].ids);
    for (const uint32_t row : read_) is_read_[row] = 0;
    return read_;
  }

 private:
  void Add(std::span<const uint32_t> rows) {
    for (const uint32_t row : rows) {
      if (row == 0 || row >= is_read_.size() || std::exchange(is_read_[row], 1) != 0) continue;
      read_.push_back(row);
    }
  }
  const std::vector<size_t> slots_;
  std::vector<uint32_t> read_;
  std::vector<uint8_t> is_read_;  // by row, 0 between calls
};

// Own rows that began at given vectors: a step moves them a share of the way. Whatever the optimiser:
// those that divide by the size of gradients do not change their steps when gradients are scaled.
class GivenRows {
 public:
  GivenRows(nn::EmbeddingTable* table, const ItemTrainingArgs& args)
      : table_(*table), rate_(args.given_rate), is_given_(rate_ < 1 ? table->rows() : 0) {
    if (rate_ >= 1) return;
    for (const uint32_t row : args.sources.given) is_given_[row] = 1;
  }
  bool slow() const { return rate_ < 1; }
  void Before(std::span<const uint32_t> rows) {
    rows_.clear();
    values_.clear();
    for (const uint32_t row : rows) {
      if (is_given_[row] == 0) continue;
      rows_.push_back(row);
      const std::span<const float> values = table_.Row(row);
      values_.insert(values_.end(), values.begin(), values.end());
    }
  }
  void After() {
    const size_t dim = table_.dim();
    for (size_t i = 0; i < rows_.size(); ++i) {
      const std::span<const float> stepped = table_.Row(rows_[i]);
      float* const before = values_.data() + i * dim;
      for (size_t d = 0; d < dim; ++d) before[d] += rate_ * (stepped[d] - before[d]);
      table_.SetRow(rows_[i], {before, dim});
    }
    rows_.clear();
  }

 private:
  nn::EmbeddingTable& table_;
  const float rate_;
  std::vector<uint8_t> is_given_;  // by row; empty at rate 1
  std::vector<uint32_t> rows_;     // given ones of this step
  std::vector<float> values_;      // [rows_, dim] before it
};

// The encoder `id`: a row of the table is the vector.
class ItemRowTraining : public ItemTraining {
 public:
  explicit ItemRowTraining(const ItemTrainingArgs& args)
      : name_(args.name),
        read_(args),
        given_(args.vectors, args),
        step_(args.make_step(args.vectors)) {}
  void Begin(const features::CandidateBatch& batch, std::span<const uint32_t> classes,
             base::Rng&) override {
    if (given_.slow()) given_.Before(read_.Of(batch, classes));
  }
  nn::RowStep& step() override { return *step_; }
  void Finish() override { step_->Sort(); }
  void AppendStep(base::Tasks& tasks) override { step_->AppendStep(tasks); }
  void Clear() override {
    step_->Clear();
    given_.After();
  }
  void AppendState(std::vector<nn::Parameter>& state) override { step_->AppendState(name_, state); }
  std::vector<nn::RowStep*> RowSteps() override { return {step_.get()}; }

 private:
  const std::string name_;
  RowsRead read_;
  GivenRows given_;
  const std::unique_ptr<nn::RowStep> step_;
};

// A step that changes nothing: it adds up the gradients of each row.
class RowSums : public nn::RowStep {
 public:
  explicit RowSums(nn::EmbeddingTable* table) : RowStep(table) {}
  std::span<const uint32_t> rows() const { return rows_; }
  const float* sums() const { return sums_.data(); }  // [rows, dim]
  void set_learning_rate(float) override {}
  void AppendState(std::string_view, std::vector<nn::Parameter>&) override {}

 private:
  void BeginStep() override {
    rows_.resize(gradients_.rows());
    sums_.Reserve(rows_.size() * table_->dim());
  }
  void StepRows(size_t begin, size_t end) override {
    size_t at = begin;
    gradients_.ForEachSum(table_->dim(), begin, end, [&](uint32_t row, const float* gradient) {
      rows_[at] = row;
      std::copy_n(gradient, table_->dim(), sums_.data() + at++ * table_->dim());
    });
  }
  std::vector<uint32_t> rows_;
  kernels::AlignedBuffer<float> sums_;
};

}  // namespace

// The encoder `content`. The table of vectors is made anew for each step where the step reads it, and
// the gradient of a vector is that of its own row, of the rows of its categories and of the map. In
// each step every item loses its own row with probability id_dropout, as label, class and history
// alike: then it is what an item is that the training has not seen.
class ItemTowerTraining : public ItemTraining {
 public:
  explicit ItemTowerTraining(const ItemTrainingArgs& args)
      : args_(args),
        tower_(*args.tower),
        sums_(args.vectors),
        ids_step_(args.make_step(&tower_.ids_)),
        read_(args),
        given_(&tower_.ids_, args),
        bags_(tower_.slots_.size()) {
    for (ItemTower::Content& one : tower_.content_) {
      content_steps_.push_back(args.make_step(&one.table));
    }
  }

  void Begin(const features::CandidateBatch& batch, std::span<const uint32_t> classes,
             base::Rng& rng) override {
    const std::span<const uint32_t> rows = read_.Of(batch, classes);
    if (given_.slow()) given_.Before(rows);
    if (args_.id_dropout > 0) seed_ = rng.Next();
    tower_.EncodeRows(
        *args_.sources.content, rows, [this](uint32_t row) { return HasId(row); }, args_.vectors,
        args_.pool);
  }

  nn::RowStep& step() override { return sums_; }

  void Finish() override {
    sums_.Step(args_.pool);
    const std::span<const uint32_t> rows = sums_.rows();
    base::Tasks tasks;
    tasks.push_back([this, rows] {
      with_id_.assign(rows.begin(), rows.end());
      for (uint32_t& row : with_id_) row = HasId(row) ? row : 0;
      ids_step_->AddRows(with_id_, sums_.sums(), tower_.dim());
      ids_step_->Sort();
    });
    for (size_t table = 0; table < content_steps_.size(); ++table) {
      tasks.push_back([this, rows, table] { AddContent(rows, table); });
    }
    base::RunAll(tasks, args_.pool);
    if (tower_.numbers_ == 0) return;
    numbers_.Reserve(rows.size() * tower_.numbers_);
    SelectNumbers(*args_.sources.content, rows, numbers_.data());
    kernels::Gemm(
        {.m = tower_.dim(), .n = tower_.numbers_, .k = rows.size(), .transpose_a = true, .beta = 1},
        sums_.sums(), numbers_.data(), tower_.d_map_.data(), kernels::Precision::kFp32, args_.pool);
  }

  void AppendStep(base::Tasks& tasks) override {
    ids_step_->AppendStep(tasks);
    for (const auto& step : content_steps_) step->AppendStep(tasks);
  }
  void Clear() override {
    ids_step_->Clear();
    for (const auto& step : content_steps_) step->Clear();
    given_.After();
  }
  void AppendState(std::vector<nn::Parameter>& state) override {
    ids_step_->AppendState("item_ids", state);
    for (size_t table = 0; table < content_steps_.size(); ++table) {
      content_steps_[table]->AppendState("content." + tower_.content_[table].name, state);
    }
  }
  std::vector<nn::RowStep*> RowSteps() override {
    std::vector<nn::RowStep*> steps = {ids_step_.get()};
    for (const auto& step : content_steps_) steps.push_back(step.get());
    return steps;
  }

 private:
  bool HasId(uint32_t row) const {
    if (args_.id_dropout <= 0) return true;
    uint64_t state = seed_ + row;
    return static_cast<double>(base::SplitMix64(state) >> 11) * 0x1.0p-53 >= args_.id_dropout;
  }

  void AddContent(std::span<const uint32_t> rows, size_t table) {
    for (size_t slot = 0; slot < bags_.size(); ++slot) {
      if (tower_.slots_[slot] != table) continue;
      SelectBags(args_.sources.content->categorical[slot], rows, &bags_[slot]);
      content_steps_[table]->AddBags({bags_[slot].ids, bags_[slot].offsets, bags_[slot].weights},
                                     sums_.sums(), tower_.dim(), kernels::Pooling::kMean);
    }
    content_steps_[table]->Sort();
  }

  const ItemTrainingArgs args_;
  ItemTower& tower_;
  RowSums sums_;
  const std::unique_ptr<nn::RowStep> ids_step_;
  std::vector<std::unique_ptr<nn::RowStep>> content_steps_;  // as the tower's tables
  RowsRead read_;
  GivenRows given_;

  // Of the step in progress.
  uint64_t seed_ = 0;  // of which items lose their own row
  std::vector<uint32_t> with_id_;
  std::vector<features::Bags> bags_;       // by feature: of the rows that have gradients
  kernels::AlignedBuffer<float> numbers_;  // [those rows, numbers]
};

std::unique_ptr<ItemTraining> MakeItemTraining(const ItemTrainingArgs& args) {
  if (args.tower == nullptr) return std::make_unique<ItemRowTraining>(args);
  return std::make_unique<ItemTowerTraining>(args);
}

}  // namespace upnext::retrieval
