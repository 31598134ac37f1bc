#include "ranking/ranker_trainer.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "base/section_file.h"
#include "kernels/row_gradients.h"
#include "kernels/vector_ops.h"
#include "nn/checkpoint.h"

namespace upnext::ranking {
namespace {

// Random streams of one seed: 0 is the stream of examples, 1 the first weights.
constexpr uint64_t kDropoutStream = 2;
constexpr char kStateDigest[] = "features_digest", kRandomState[] = "random";

// Measures the parts of a step, one after the other.
class Laps {
 public:
  void AddTo(double* seconds) {
    const auto now = std::chrono::steady_clock::now();
    *seconds += std::chrono::duration<double>(now - start_).count();
    start_ = now;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

RankerTrainer::RankerTrainer(Ranker* ranker, const RankerTrainOptions& options,
                             base::ThreadPool& pool)
    : ranker_(*ranker),
      options_(options),
      compute_{.precision = options.bf16 ? kernels::BestPrecision() : kernels::Precision::kFp32,
               .pool = &pool},
      exact_{.pool = &pool},
      adam_(ranker->Parameters(),
            {.learning_rate = options.learning_rate, .weight_decay = options.weight_decay}),
      bias_(ranker->bias_.get()),
      dropout_(options.seed, kDropoutStream),
      scratch_(ranker->architecture_->MakeScratch()) {
  for (const auto& table : ranker_.tables_) {
    table_steps_.push_back(std::make_unique<nn::RowwiseAdagrad>(
        table.get(), kernels::AdagradOptions{.learning_rate = options.table_learning_rate}));
  }
}

void RankerTrainer::ScaleLearningRates(float share) {
  adam_.set_learning_rate(share * options_.learning_rate);
  for (const auto& step : table_steps_) {
    step->set_learning_rate(share * options_.table_learning_rate);
  }
  bias_.ScaleLearningRates(share);
}

void RankerTrainer::StartFrom(const examples::RankingBatch& batch) {
  std::vector<float> biases;
  for (const Objective& objective : ranker_.objectives_) {
    MakeTargets(objective, batch, &targets_);
    const std::vector<float> best = BestConstants(objective, targets_);
    biases.insert(biases.end(), best.begin(), best.end());
  }
  ranker_.architecture_->SetOutputBiases(biases);
  ranker_.architecture_->CentreUnits(ServedInput(batch), exact_);
}

void RankerTrainer::Losses(const examples::RankingBatch& batch, const float* logits, bool gradients,
                           std::span<nn::LossValue> losses) {
  const size_t n = batch.size(), width = ranker_.columns_.width;
  if (gradients) d_logits_.resize(n * width);
  for (size_t k = 0; k < ranker_.objectives_.size(); ++k) {
    const Objective& objective = ranker_.objectives_[k];
    const auto [first, outputs] = ranker_.columns_.heads[k];
    column_.resize(n * outputs);
    d_column_.resize(n * outputs);
    for (size_t i = 0; i < n; ++i) {
      std::copy_n(logits + i * width + first, outputs, column_.data() + i * outputs);
    }
    MakeTargets(objective, batch, &targets_);
    losses[k] +=
        ObjectiveLoss(objective, column_, targets_, gradients ? d_column_.data() : nullptr);
    if (!gradients) continue;
    for (size_t i = 0; i < n; ++i) {
      std::copy_n(d_column_.data() + i * outputs, outputs, d_logits_.data() + i * width + first);
    }
  }
}

void RankerTrainer::Backward(const examples::RankingBatch& batch, std::span<nn::LossValue> losses) {
  Laps laps;
  const features::Bags& cells = bias_.Draw(batch.queries, batch.query_of, batch.position, dropout_);
  BuildSide(ranker_.query_, batch.queries, nullptr, &queries_);
  BuildSide(ranker_.impression_, batch.impressions, &cells, &impressions_);
  laps.AddTo(&times_.inputs);
  Attend(batch);
  const float* net_logits =
      ranker_.architecture_->Forward({.queries = queries_.values.data(),
                                      .query_rows = batch.queries.rows,
                                      .impressions = impressions_.values.data(),
                                      .query_of = batch.query_of},
                                     compute_, &dropout_);
  logits_.assign(net_logits, net_logits + batch.size() * ranker_.columns_.width);
  ranker_.bias_->AddLogits(cells, ranker_.columns_, logits_.data());
  laps.AddTo(&times_.forward);
  Losses(batch, logits_.data(), /*gradients=*/true, losses);
  laps.AddTo(&times_.losses);
  const float* const d_shared =
      bias_.Adversary(ranker_.architecture_->shared(), batch.position, compute_);
  ranker_.architecture_->Backward(
      d_logits_.data(), {queries_.gradient.data(), impressions_.gradient.data(), d_shared},
      compute_);
  AttendBackward(batch);
  laps.AddTo(&times_.backward);
  AddTableGradients(ranker_.query_, batch.queries, queries_);
  AddTableGradients(ranker_.impression_, batch.impressions, impressions_);
  bias_.AddGradients(d_logits_, ranker_.columns_,
                     impressions_.gradient.data() + ranker_.impression_.bias,
                     ranker_.impression_.width);
  laps.AddTo(&times_.tables);
}

// What is left out of a request is left out for all its impressions.
void RankerTrainer::BuildSide(const Ranker::SideLayout& layout, const features::FeatureBlock& block,
                              const features::Bags* cells, SideInput* side) {
  ranker_.BuildSide(layout, block, cells, side->values, compute_.pool);
  side->gradient.assign(side->values.size(), 0.0f);
  side->keep.clear();
  if (options_.dropout <= 0 && options_.field_dropout <= 0) return;
  side->keep.assign(side->values.size(), 1.0f);
  if (options_.dropout > 0) {
    const float kept = 1.0f / (1.0f - options_.dropout);
    for (float& keep : side->keep) keep = dropout_.Uniform() < options_.dropout ? 0.0f : kept;
  }
  if (options_.field_dropout > 0) {
    for (size_t i = 0; i < block.rows; ++i) {
      float* const row = side->keep.data() + i * layout.width;
      for (const Ranker::Slot& slot : layout.slots) {
        if (dropout_.Uniform() >= options_.field_dropout) continue;
        std::fill_n(row + slot.offset, ranker_.tables_[slot.table]->dim(), 0.0f);
      }
    }
  }
  for (size_t i = 0; i < side->keep.size(); ++i) side->values[i] *= side->keep[i];
}

void RankerTrainer::Attend(const examples::RankingBatch& batch) {
  float* const rows = impressions_.values.data();
  for (size_t a = 0; a < ranker_.attentions_.size(); ++a) {
    const AttentionInput input = ranker_.AttentionOf(a, batch.queries, batch.query_of, rows);
    ranker_.attentions_[a].Forward(ranker_.AttendedTable(a), input, compute_);
    KeepAttended(a, rows);
  }
}

// What is dropped of the candidate's embedding is dropped for attention too.
void RankerTrainer::AttendBackward(const examples::RankingBatch& batch) {
  float* const d_rows = impressions_.gradient.data();
  for (size_t a = 0; a < ranker_.attentions_.size(); ++a) {
    KeepAttended(a, d_rows);
    Attention& attention = ranker_.attentions_[a];
    attention.Backward(
        ranker_.AttentionOf(a, batch.queries, batch.query_of, impressions_.values.data()), d_rows,
        compute_);
    const nn::EmbeddingTable& table = ranker_.AttendedTable(a);
    table_steps_[ranker_.query_.slots[ranker_.histories_[a].history].table]->AddRows(
        attention.ids(), attention.d_keys(), table.dim());
  }
}

void RankerTrainer::KeepAttended(size_t a, float* rows) const {
  if (impressions_.keep.empty()) return;
  const size_t width = ranker_.impression_.width, dim = ranker_.AttendedTable(a).dim();
  for (size_t at = ranker_.impression_.attended[a]; at < impressions_.keep.size(); at += width) {
    for (size_t d = at; d < at + dim; ++d) rows[d] *= impressions_.keep[d];
  }
}

void RankerTrainer::AddTableGradients(const Ranker::SideLayout& layout,
                                      const features::FeatureBlock& block, SideInput& side) {
  for (size_t i = 0; i < side.keep.size(); ++i) side.gradient[i] *= side.keep[i];
  for (const Ranker::Slot& slot : layout.slots) {
    table_steps_[slot.table]->AddBags(View(block.categorical[slot.feature]),
                                      side.gradient.data() + slot.offset, layout.width,
                                      kernels::Pooling::kMean);
  }
}

void RankerTrainer::Apply() {
  Laps laps;
  adam_.Step(compute_.pool);
  laps.AddTo(&times_.weights);
  for (const auto& step : table_steps_) {
    step->Step(compute_.pool);
  }
  bias_.Step(compute_.pool);
  laps.AddTo(&times_.tables);
}

NetInput RankerTrainer::ServedInput(const examples::RankingBatch& batch) {
  ranker_.bias_->Cells(batch.queries, batch.query_of, {}, &cells_);
  ranker_.BuildSide(ranker_.query_, batch.queries, nullptr, queries_.values, exact_.pool);
  ranker_.BuildSide(ranker_.impression_, batch.impressions, &cells_, impressions_.values,
                    exact_.pool);
  ranker_.Attend(batch.queries, batch.query_of, impressions_.values, attention_work_, exact_);
  return {.queries = queries_.values.data(),
          .query_rows = batch.queries.rows,
          .impressions = impressions_.values.data(),
          .query_of = batch.query_of};
}

void RankerTrainer::Evaluate(const examples::RankingBatch& batch, std::span<nn::LossValue> losses) {
  const NetInput input = ServedInput(batch);
  logits_.resize(batch.size() * ranker_.columns_.width);
  ranker_.architecture_->Infer(input, logits_.data(), *scratch_, exact_);
  ranker_.bias_->AddLogits(cells_, ranker_.columns_, logits_.data());
  Losses(batch, logits_.data(), /*gradients=*/false, losses);
}

void RankerTrainer::AppendState(std::vector<nn::Parameter>& state) {
  adam_.AppendState("net", state);
  for (size_t i = 0; i < table_steps_.size(); ++i) {
    table_steps_[i]->AppendState(ranker_.shape_.tables[i].name, state);
  }
  bias_.AppendState(state);
}

// Rows of tables come first and new ones last, but the cells of a bias lie elsewhere.
void RankerTrainer::ContinueFrom(RankerTrainer& old) {
  std::vector<nn::Parameter> from, to;
  const auto append = [](RankerTrainer& of, std::vector<nn::Parameter>& state) {
    of.adam_.AppendState("", state);
    for (const auto& step : of.table_steps_) step->AppendState("", state);
  };
  append(old, from);
  append(*this, to);
  nn::CopyRows(from, to);
  bias_.CopyFrom(old.bias_);
  dropout_ = old.dropout_;
}

Status RankerTrainer::SaveState(const std::filesystem::path& path, uint64_t features_digest) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path, kRankerStateKind, kRankerStateVersion));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>(kStateDigest, std::span(&features_digest, 1)));
  const std::array<uint64_t, 4> random = dropout_.state();
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>(kRandomState, std::span(random)));
  std::vector<nn::Parameter> state;
  AppendState(state);
  UPNEXT_RETURN_IF_ERROR(nn::SaveParameters(writer, state));
  return writer.Commit();
}

Status RankerTrainer::LoadState(const std::filesystem::path& path, uint64_t features_digest) {
  UPNEXT_ASSIGN_OR_RETURN(const base::SectionFile file,
                          base::SectionFile::Open(path, kRankerStateKind, kRankerStateVersion));
  UPNEXT_ASSIGN_OR_RETURN(const auto digest, file.Get<uint64_t>(kStateDigest, 1));
  if (digest[0] != features_digest) {
    return FailedPrecondition(
        "{}: belongs to a ranker with feature tables of digest {:016x}, but that at hand has "
        "{:016x}; train without --continue",
        path.string(), digest[0], features_digest);
  }
  UPNEXT_ASSIGN_OR_RETURN(const auto random, file.Get<uint64_t>(kRandomState, 4));
  std::vector<nn::Parameter> state;
  AppendState(state);
  UPNEXT_RETURN_IF_ERROR(nn::LoadParameters(file, state));
  std::array<uint64_t, 4> copy{};
  std::ranges::copy(random, copy.begin());
  dropout_.set_state(copy);
  return Ok();
}

}  // namespace upnext::ranking
