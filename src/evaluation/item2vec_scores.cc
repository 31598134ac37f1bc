#include "evaluation/item2vec_scores.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "features/feature_statistics.h"
#include "features/vocabulary.h"
#include "kernels/vector_ops.h"
#include "nn/embedding_table.h"
#include "retrieval/generator.h"
#include "retrieval/item2vec.h"

namespace upnext::evaluation {
namespace {

constexpr size_t kItem2vecWatches = 10;  // newest items whose mean is taken

class Item2vec : public RetrievalModel {
 public:
  Item2vec(const Subject& subject, std::shared_ptr<const ItemOrder> order, uint64_t seed)
      : RetrievalModel(std::string(retrieval::kItem2vec), std::move(order)),
        items_(subject.tables.vocabulary(features::kItemVocabulary)),
        vectors_(retrieval::TrainItem2vec(subject.source, items_, {.seed = seed})) {
    for (uint32_t row = 1; row < vectors_.rows(); ++row) {
      std::vector<float> vector(vectors_.Row(row).begin(), vectors_.Row(row).end());
      const float length = std::sqrt(kernels::Dot(vector.data(), vector.data(), vector.size()));
      for (float& x : vector) x /= length > 0 ? length : 1.0f;
      vectors_.SetRow(row, vector);
    }
  }

  Status Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const override {
    const size_t items = order().size();
    scores->assign(inputs.size() * items, 0.0f);
    for (size_t i = 0; i < inputs.size(); ++i) {
      ScoreOne(inputs[i].state, std::span(*scores).subspan(i * items, items));
    }
    return Ok();
  }

 private:
  // Those of items without a vector are 0, less than all others.
  void ScoreOne(const features::UserState& state, std::span<float> scores) const {
    std::vector<float> mean(vectors_.dim());
    bool any = false;
    retrieval::ForNewestWatches(state, kItem2vecWatches, [&](uint32_t item) {
      const uint32_t row = items_.Row(item);
      if (row == 0) return;
      any = true;
      kernels::Axpy(1.0f, vectors_.Row(row).data(), mean.data(), mean.size());
    });
    if (!any) return;
    const float length = std::sqrt(kernels::Dot(mean.data(), mean.data(), mean.size()));
    for (uint32_t row = 1; row < vectors_.rows(); ++row) {
      const float product = kernels::Dot(mean.data(), vectors_.Row(row).data(), mean.size());
      scores[order().position[items_.Id(row)]] = 2.0f + product / (length > 0 ? length : 1.0f);
    }
  }

  const features::Vocabulary& items_;
  nn::EmbeddingTable vectors_;
};

}  // namespace

std::unique_ptr<RetrievalModel> Item2vecScores(const Subject& subject,
                                               std::shared_ptr<const ItemOrder> order,
                                               uint64_t seed) {
  return std::make_unique<Item2vec>(subject, std::move(order), seed);
}

}  // namespace upnext::evaluation
