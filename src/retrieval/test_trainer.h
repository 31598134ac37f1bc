// A trainer with a small model and batch, and its loss by definition, for the tests of losses.
#ifndef UPNEXT_RETRIEVAL_TEST_TRAINER_H_
#define UPNEXT_RETRIEVAL_TEST_TRAINER_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "examples/sampler.h"
#include "features/vocabulary.h"
#include "nn/gradient_check.h"
#include "nn/parameter.h"
#include "retrieval/candidate_trainer.h"
#include "retrieval/test_batch.h"

namespace upnext::retrieval {

// With both of Adagrad's rate and epsilon this large, a step is row -= gradient, so the gradient of
// a table can be read from what a step does to it.
inline constexpr float kPlainDescent = 1e6f;

inline CandidateTrainOptions ExactOptions() {
  CandidateTrainOptions options;
  options.bf16 = false;
  options.negatives = 5;
  options.sampler.kind = examples::SamplerOptions::Kind::kUniform;
  options.table_learning_rate = kPlainDescent;
  return options;
}

struct Rig {
  explicit Rig(const CandidateModelOptions& model_options,
               const CandidateTrainOptions& options = ExactOptions(),
               std::span<const uint32_t> given = {})
      : Rig(model_options, options, given, ShapeFor(model_options)) {}
  Rig(const CandidateModelOptions& model_options, const CandidateTrainOptions& options,
      std::span<const uint32_t> given, const CandidateShape& shape)
      : vocabulary(SmallVocabulary(SmallShape().items)),
        pool(2),
        rng(3),
        content(RandomContent()),
        model(model_options, shape, rng),
        trainer(&model, options, vocabulary, pool, kPlainDescent,
                {.content = &content, .given = given}),
        batch(RandomBatch(12, shape, /*seed=*/5)) {}
  features::Vocabulary vocabulary;
  base::ThreadPool pool;
  base::Rng rng;
  features::FeatureBlock content;  // of items, read with items = "content"
  CandidateModel model;
  CandidateTrainer trainer;
  features::CandidateBatch batch;
};

inline CandidateModelOptions StepOptions(uint32_t depth, bool tied = false) {
  CandidateModelOptions options;
  options.dim = 4;
  options.embedding_dim = tied ? 4 : 3;
  options.context_dim = 2;
  options.depth = depth;
  options.tie_items = tied;
  options.recent_windows = {1, 2};
  return options;
}

// Log of the expected count of a row.
using LogExpected = std::function<double(uint32_t row)>;

// The logit of an example for a row, in double.
inline double LogitOf(const Rig& rig, std::span<const float> users, size_t example, uint32_t row) {
  const size_t dim = rig.model.dim();
  const std::span<const float> item = rig.model.item_vectors().Row(row);
  double sum = 0;
  for (size_t d = 0; d < dim; ++d) sum += double{users[example * dim + d]} * item[d];
  return sum;
}

// The loss by its definition, in double: -log softmax of the label among the label and `classes`,
// those equal to the label left out, each logit less the log of an expected count.
inline double ReferenceLoss(const Rig& rig, std::span<const uint32_t> classes,
                            const LogExpected& of_label, const LogExpected& of_class) {
  const std::vector<float> users = UserVectors(rig.model, rig.batch);
  double loss = 0;
  for (size_t i = 0; i < rig.batch.size(); ++i) {
    const uint32_t label = rig.batch.label[i];
    const double own = LogitOf(rig, users, i, label) - of_label(label);
    double total = std::exp(own);
    for (const uint32_t row : classes) {
      if (row != label) total += std::exp(LogitOf(rig, users, i, row) - of_class(row));
    }
    loss += rig.batch.weight[i] * (std::log(total) - own);
  }
  return loss / static_cast<double>(rig.batch.size());
}
inline double ReferenceLoss(const Rig& rig, std::span<const uint32_t> classes,
                            double log_expected) {
  const auto same = [log_expected](uint32_t) { return log_expected; };
  return ReferenceLoss(rig, classes, same, same);
}

inline std::vector<uint32_t> AllRows() {
  std::vector<uint32_t> all(SmallShape().items - 1);
  std::iota(all.begin(), all.end(), 1u);
  return all;
}

// Every parameter of the model against finite differences of the loss. The trainer must have
// computed gradients and not applied them. Vectors that an item tower makes are no parameters. The rig's seeds keep every unit away from the kink of
// its ReLU, where there is no derivative.
inline void CheckAllGradients(Rig& rig, const std::function<double()>& loss) {
  const std::vector<nn::Parameter> parameters = rig.model.Parameters();
  std::vector<std::vector<float>> gradients, values;
  for (const nn::Parameter& p : parameters) {
    values.emplace_back(p.value.begin(), p.value.end());
    gradients.emplace_back(p.gradient.begin(), p.gradient.end());
  }
  rig.trainer.Apply();
  for (size_t i = 0; i < parameters.size(); ++i) {
    const nn::Parameter& p = parameters[i];
    if (p.gradient.empty()) {
      for (size_t j = 0; j < p.value.size(); ++j) {
        gradients[i].push_back(values[i][j] - p.value[j]);
      }
    }
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    std::ranges::copy(values[i], parameters[i].value.begin());
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    const bool is_made = rig.model.has_item_tower() &&
                         parameters[i].value.data() == rig.model.item_vectors().Row(0).data();
    if (is_made) continue;
    const auto worst = nn::CheckGradient(parameters[i].value, gradients[i], loss, {.step = 2e-3f});
    EXPECT_LT(worst.relative_error, 2e-2) << parameters[i].name << " " << worst;
    const bool moves = std::ranges::any_of(gradients[i], [](float g) { return g != 0; });
    EXPECT_TRUE(moves) << parameters[i].name << " gets no gradient";
  }
}

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEST_TRAINER_H_
