#include "evaluation/retrieval_models.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "evaluation/retrieval_baselines.h"
#include "features/feature_extractor.h"
#include "nn/parameter.h"
#include "retrieval/score_items.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

class CandidateScores : public RetrievalModel {
 public:
  CandidateScores(const Subject& subject, std::shared_ptr<const ItemOrder> order)
      : RetrievalModel("candidate model", std::move(order)),
        extractor_(subject.tables, subject.source.catalogue, features::Model::kRetrieval),
        model_(*subject.candidate) {
    for (size_t p = 0; p < this->order().size(); ++p) {  // rows of the item vectors
      const bool known = model_.Knows(static_cast<uint32_t>(p));
      if (!known || this->order().items[p] == schema::kNone) empty_.push_back(p);
    }
  }

  Status Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const override {
    features::FeatureBlock batch;
    for (const CaseInput& input : inputs) {
      extractor_.AppendQuery(input.state, input.user, input.context, &batch);
    }
    std::vector<float> users(inputs.size() * model_.dim());
    retrieval::UserItemModel::Scratch scratch;
    UPNEXT_RETURN_IF_ERROR(model_.EncodeUsers(batch, users.data(), scratch, nn::Compute{}));
    scores->resize(inputs.size() * order().size());
    retrieval::ScoreAllItems(model_.item_vectors(), users, scores->data());
    for (size_t i = 0; i < inputs.size(); ++i) {
      for (const size_t p : empty_) (*scores)[i * order().size() + p] = kUnranked;
    }
    return Ok();
  }

 private:
  const features::FeatureExtractor extractor_;
  const retrieval::UserItemModel& model_;
  std::vector<size_t> empty_;  // positions without an item or a vector
};

}  // namespace

CaseInput InputOf(const Subject& subject, const examples::HoldoutCase& held_out,
                  const examples::HiddenItems& hidden) {
  CaseInput input{.user = held_out.user,
                  .state = StateBefore(subject, held_out),
                  .context = held_out.context,
                  .hidden = {}};
  input.hidden = hidden.Of(held_out, input.state);
  return input;
}

std::vector<uint32_t> ByTime(std::span<const examples::HoldoutCase> cases) {
  std::vector<uint32_t> order(cases.size());
  std::iota(order.begin(), order.end(), 0u);
  std::ranges::stable_sort(order, {}, [&](uint32_t i) { return cases[i].context.time_ms; });
  return order;
}

std::unique_ptr<RetrievalModel> CandidateModelScores(const Subject& subject) {
  return std::make_unique<CandidateScores>(
      subject,
      std::make_shared<const ItemOrder>(ItemOrder::OfVocabulary(
          subject.tables.vocabulary(features::kItemVocabulary), subject.source.log.items())));
}

std::vector<std::unique_ptr<RetrievalModel>> RetrievalModels(
    const Subject& subject, bool baselines, std::span<const examples::HoldoutCase> cases,
    base::ThreadPool& pool, base::Progress& progress) {
  std::vector<std::unique_ptr<RetrievalModel>> models;
  models.push_back(CandidateModelScores(subject));
  if (baselines) AddBaselines(subject, cases, pool, progress, &models);
  return models;
}

}  // namespace upnext::evaluation
