#include "retrieval/candidate_step.h"

#include <algorithm>
#include <numeric>

#include "kernels/gemm.h"
#include "kernels/vector_ops.h"

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
      if (rng.Uniform() >= rate) thinned->ids.push_back(bags.ids[at]);
    }
    thinned->Close();
  }
}

}  // namespace

CandidateTrainer::CandidateTrainer(CandidateModel* model, const CandidateTrainOptions& options,
                                   const features::Vocabulary& vocabulary, base::ThreadPool& pool,
                                   float table_epsilon)
    : model_(*model),
      options_(options),
      pool_(pool),
      compute_{.precision = options.bf16 ? kernels::Precision::kBf16 : kernels::Precision::kFp32,
               .pool = &pool},
      sampler_(options.sampler, vocabulary),
      rng_(options.seed, /*stream=*/2),
      watches_step_(&model->watches_, {options.table_learning_rate, table_epsilon}),
      tokens_step_(&model->tokens_, {options.table_learning_rate, table_epsilon}),
      regions_step_(&model->regions_, {options.table_learning_rate, table_epsilon}),
      devices_step_(&model->devices_, {options.table_learning_rate, table_epsilon}),
      tower_step_(DenseParameters(*model), {.learning_rate = options.tower_learning_rate}),
      classes_(model->shape().items - 1) {
  if (!model->options().tie_items) {
    items_step_.emplace(&model->items_,
                        kernels::AdagradOptions{options.table_learning_rate, table_epsilon});
  }
  std::iota(classes_.begin(), classes_.end(), 1u);
}

bool CandidateTrainer::full_softmax() const {
  return options_.negatives == 0 || options_.negatives >= classes_.size();
}

nn::LossValue CandidateTrainer::Step(const features::CandidateBatch& batch) {
  const nn::LossValue loss = Gradients(batch);
  Apply();
  return loss;
}

nn::LossValue CandidateTrainer::Gradients(const features::CandidateBatch& batch) {
  if (full_softmax()) return FullGradients(batch);
  negatives_.clear();
  sampler_.Draw(options_.negatives, rng_, &negatives_);
  return SampledGradients(batch, negatives_);
}

nn::LossValue CandidateTrainer::FullGradients(const features::CandidateBatch& batch) {
  const size_t n = batch.size(), classes = classes_.size(), dim = model_.dim();
  const features::CandidateBatch& input = Thinned(batch);
  const float* user = Forward(input);
  const float* rows = model_.item_vectors().view().data + dim;  // class c is row c + 1
  logits_.Reserve(n * classes);
  kernels::Gemm({.m = n, .n = classes, .k = dim, .transpose_b = true}, user, rows, logits_.data(),
                compute_.precision, &pool_);
  targets_.resize(n);
  std::ranges::transform(batch.label, targets_.begin(), [](uint32_t row) { return row - 1; });
  const nn::LossValue loss = nn::FullSoftmaxLoss(n, classes, targets_, logits_.data(), {}, &pool_);

  d_user_.Reserve(n * dim);
  kernels::Gemm({.m = n, .n = dim, .k = classes}, logits_.data(), rows, d_user_.data(),
                compute_.precision, &pool_);
  d_classes_.Reserve(classes * dim);
  kernels::Gemm({.m = classes, .n = dim, .k = n, .transpose_a = true}, logits_.data(), user,
                d_classes_.data(), compute_.precision, &pool_);
  items_step().AddRows(classes_, d_classes_.data(), dim);
  Backward(input);
  return loss;
}

nn::LossValue CandidateTrainer::SampledGradients(const features::CandidateBatch& batch,
                                                 std::span<const uint32_t> negatives) {
  const size_t n = batch.size(), k = negatives.size(), width = 1 + k, dim = model_.dim();
  const features::CandidateBatch& input = Thinned(batch);
  const float* user = Forward(input);
  const nn::EmbeddingTable& items = model_.item_vectors();
  positive_rows_.Reserve(n * dim);
  negative_rows_.Reserve(k * dim);
  items.GatherRows(batch.label, positive_rows_.data(), dim, &pool_);
  items.GatherRows(negatives, negative_rows_.data(), dim, &pool_);

  // Column 0 holds each example's own class, the rest is one product against the shared negatives.
  logits_.Reserve(n * width);
  float* logits = logits_.data();
  kernels::Gemm({.m = n, .n = k, .k = dim, .transpose_b = true, .ldc = width}, user,
                negative_rows_.data(), logits + 1, compute_.precision, &pool_);
  for (size_t i = 0; i < n; ++i) {
    logits[i * width] = kernels::Dot(user + i * dim, positive_rows_.data() + i * dim, dim);
  }
  nn::SampledSoftmaxBatch softmax;
  softmax.batch = n;
  softmax.negatives = k;
  softmax.targets = batch.label;
  softmax.negative_ids = negatives;
  if (options_.logq) {
    const auto expected = [&](std::span<const uint32_t> rows, std::vector<float>& logs) {
      logs.resize(rows.size());
      std::ranges::transform(rows, logs.begin(),
                             [&](uint32_t row) { return sampler_.LogExpectedCount(row, k); });
      return std::span<const float>(logs);
    };
    softmax.target_log_expected = expected(batch.label, target_expected_);
    softmax.negative_log_expected = expected(negatives, negative_expected_);
  }
  const nn::LossValue loss = nn::SampledSoftmaxLoss(softmax, logits, &pool_);

  d_user_.Reserve(n * dim);
  kernels::Gemm({.m = n, .n = dim, .k = k, .lda = width}, logits + 1, negative_rows_.data(),
                d_user_.data(), compute_.precision, &pool_);
  d_classes_.Reserve(k * dim);
  kernels::Gemm({.m = k, .n = dim, .k = n, .transpose_a = true, .lda = width}, logits + 1, user,
                d_classes_.data(), compute_.precision, &pool_);
  d_positive_.Reserve(n * dim);
  std::copy_n(user, n * dim, d_positive_.data());
  for (size_t i = 0; i < n; ++i) {
    const float d = logits[i * width];
    kernels::Axpy(d, positive_rows_.data() + i * dim, d_user_.data() + i * dim, dim);
    kernels::Scale(d, d_positive_.data() + i * dim, dim);
  }
  items_step().AddRows(negatives, d_classes_.data(), dim);
  items_step().AddRows(batch.label, d_positive_.data(), dim);
  Backward(input);
  return loss;
}

const float* CandidateTrainer::Forward(const features::CandidateBatch& batch) {
  model_.BuildInput(batch, scratch_, &pool_);
  if (options_.dropout > 0.0f) DropInput(batch.size());
  return model_.tower_.Forward(scratch_.input.data(), batch.size(), compute_);
}

const features::CandidateBatch& CandidateTrainer::Thinned(const features::CandidateBatch& batch) {
  if (options_.bag_dropout <= 0.0f) return batch;
  ThinBags(batch.watches, options_.bag_dropout, rng_, &thinned_.watches);
  ThinBags(batch.tokens, options_.bag_dropout, rng_, &thinned_.tokens);
  thinned_.region = batch.region;
  thinned_.device = batch.device;
  thinned_.dense = batch.dense;
  return thinned_;
}

// Inverted dropout: what stays is scaled up, so that nothing needs scaling when the model is used.
void CandidateTrainer::DropInput(size_t batch_size) {
  const size_t values = batch_size * model_.layout().width;
  const float scale = 1.0f / (1.0f - options_.dropout);
  const auto threshold = static_cast<uint32_t>(options_.dropout * 65536.0f);
  kept_.resize(values);
  uint64_t random = 0;
  for (size_t i = 0; i < values; ++i) {
    random = i % 4 == 0 ? rng_.Next() : random >> 16;
    kept_[i] = (random & 0xffff) >= threshold;
    scratch_.input[i] = kept_[i] ? scratch_.input[i] * scale : 0.0f;
  }
}

void CandidateTrainer::Backward(const features::CandidateBatch& batch) {
  const CandidateLayout at = model_.layout();
  const size_t n = batch.size();
  d_input_.Reserve(n * at.width);
  float* d_input = d_input_.data();
  model_.tower_.Backward(d_user_.data(), d_input, compute_);
  if (options_.dropout > 0.0f) {
    const float scale = 1.0f / (1.0f - options_.dropout);
    for (size_t i = 0; i < n * at.width; ++i) d_input[i] = kept_[i] ? d_input[i] * scale : 0.0f;
  }
  using enum kernels::Pooling;
  watches_step_.AddBags(View(batch.watches), d_input + at.watches, at.width, kMean);
  for (size_t w = 0; w < scratch_.windows.size(); ++w) {
    watches_step_.AddBags(View(scratch_.windows[w]),
                          d_input + at.windows + w * model_.options().embedding_dim, at.width,
                          kMean);
  }
  tokens_step_.AddBags(View(batch.tokens), d_input + at.tokens, at.width, kMean);
  regions_step_.AddRows(batch.region, d_input + at.region, at.width);
  devices_step_.AddRows(batch.device, d_input + at.device, at.width);
}

void CandidateTrainer::Apply() {
  tower_step_.Step(&pool_);
  watches_step_.Step(&pool_);
  if (items_step_) items_step_->Step(&pool_);
  tokens_step_.Step(&pool_);
  regions_step_.Step(&pool_);
  devices_step_.Step(&pool_);
}

void CandidateTrainer::AppendState(std::vector<nn::Parameter>& state) {
  tower_step_.AppendState("tower", state);
  watches_step_.AppendState("watches", state);
  if (items_step_) items_step_->AppendState("items", state);
  tokens_step_.AppendState("tokens", state);
  regions_step_.AppendState("regions", state);
  devices_step_.AppendState("devices", state);
}

}  // namespace upnext::retrieval
