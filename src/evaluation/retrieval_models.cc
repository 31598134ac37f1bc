#include "evaluation/retrieval_models.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "features/feature_extractor.h"
#include "nn/parameter.h"
#include "retrieval/co_watch.h"
#include "retrieval/next_items.h"
#include "retrieval/score_items.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

class CandidateScores : public RetrievalModel {
 public:
  CandidateScores(const Subject& subject, std::shared_ptr<const ItemOrder> order)
      : RetrievalModel("candidate model", std::move(order)),
        extractor_(subject.tables, subject.source.catalogue, features::Model::kRetrieval),
        model_(*subject.candidate) {
    for (size_t p = 0; p < this->order().size(); ++p) {
      if (this->order().items[p] == schema::kNone) empty_.push_back(p);
    }
  }

  void Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const override {
    features::FeatureBlock batch;
    for (const CaseInput& input : inputs) {
      extractor_.AppendQuery(input.state, input.user, input.context, &batch);
    }
    std::vector<float> users(inputs.size() * model_.dim());
    retrieval::CandidateModel::Scratch scratch;
    model_.UserVectors(batch, users.data(), scratch, nn::Compute{});
    scores->resize(inputs.size() * order().size());
    retrieval::ScoreAllItems(model_.item_vectors(), users, scores->data());
    for (size_t i = 0; i < inputs.size(); ++i) {
      for (const size_t p : empty_) (*scores)[i * order().size() + p] = kUnranked;
    }
  }

 private:
  const features::FeatureExtractor extractor_;
  const retrieval::CandidateModel& model_;
  std::vector<size_t> empty_;  // positions without an item
};

// Baselines score few items. All others tie at 0 and are ordered by popularity.
class CountScores : public RetrievalModel {
 public:
  using RetrievalModel::RetrievalModel;
  void Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const override {
    scores->assign(inputs.size() * order().size(), 0.0f);
    for (size_t i = 0; i < inputs.size(); ++i) {
      ScoreOne(inputs[i].state, std::span(*scores).subspan(i * order().size(), order().size()));
    }
  }

 private:
  virtual void ScoreOne(const features::UserState& state, std::span<float> scores) const = 0;
};

class PopularityScores : public CountScores {
 public:
  explicit PopularityScores(std::shared_ptr<const ItemOrder> order)
      : CountScores("popularity", std::move(order)) {}

 private:
  void ScoreOne(const features::UserState&, std::span<float>) const override {}
};

class MarkovScores : public CountScores {
 public:
  MarkovScores(const examples::ReplaySource& source, std::shared_ptr<const ItemOrder> order)
      : CountScores("markov", std::move(order)), next_(retrieval::NextItems::Learn(source)) {}

 private:
  void ScoreOne(const features::UserState& state, std::span<float> scores) const override {
    if (state.watches().empty()) return;
    for (const auto& [item, count] : next_.After(state.watches().back().id)) {
      scores[order().position[item]] = static_cast<float>(count);
    }
  }
  const retrieval::NextItems next_;
};

// By item, 1 for those whose neighbours the cases ask for.
std::vector<uint8_t> WatchedItems(const Subject& subject,
                                  std::span<const examples::HoldoutCase> cases,
                                  base::ThreadPool& pool) {
  std::vector<uint8_t> watched(subject.source.log.items(), 0);
  pool.ParallelFor(cases.size(), 256, [&](size_t begin, size_t end) {
    for (const examples::HoldoutCase& held_out : cases.subspan(begin, end - begin)) {
      const features::UserState state = StateBefore(subject, held_out);
      for (const features::TimedId& watch : state.watches()) {
        std::atomic_ref(watched[watch.id]).store(1, std::memory_order_relaxed);
      }
    }
  });
  return watched;
}

class ItemKnnScores : public CountScores {
 public:
  ItemKnnScores(const Subject& subject, std::shared_ptr<const ItemOrder> order,
                std::span<const examples::HoldoutCase> cases, base::ThreadPool& pool)
      : CountScores("item-knn", std::move(order)),
        co_watch_(retrieval::CoWatchLearner(subject.source, {}, pool)
                      .Learn(WatchedItems(subject, cases, pool))) {}

 private:
  void ScoreOne(const features::UserState& state, std::span<float> scores) const override {
    for (const features::TimedId& watch : state.watches()) {
      for (const retrieval::ScoredItem& similar : co_watch_.Similar(watch.id)) {
        scores[order().position[similar.item]] += static_cast<float>(similar.score);
      }
    }
  }
  const retrieval::CoWatch co_watch_;
};

}  // namespace

std::vector<std::unique_ptr<RetrievalModel>> RetrievalModels(
    const Subject& subject, bool baselines, std::span<const examples::HoldoutCase> cases,
    base::ThreadPool& pool, base::Progress& progress) {
  const examples::ReplaySource& source = subject.source;
  std::vector<std::unique_ptr<RetrievalModel>> models;
  models.push_back(std::make_unique<CandidateScores>(
      subject, std::make_shared<const ItemOrder>(ItemOrder::OfVocabulary(
                   subject.tables.vocabulary(features::kItemVocabulary), source.log.items()))));
  if (!baselines) return models;
  base::ProgressStage stage(progress, "learn baselines", "baselines", 3);
  const auto order =
      std::make_shared<const ItemOrder>(ItemOrder::ByCount(retrieval::CountWatches(source)));
  models.push_back(std::make_unique<PopularityScores>(order));
  stage.Update(1);
  models.push_back(std::make_unique<MarkovScores>(source, order));
  stage.Update(2);
  models.push_back(std::make_unique<ItemKnnScores>(subject, order, cases, pool));
  stage.Update(3);
  return models;
}

}  // namespace upnext::evaluation
