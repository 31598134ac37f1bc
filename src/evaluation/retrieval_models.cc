#include "evaluation/retrieval_models.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "nn/parameter.h"
#include "retrieval/co_watch.h"
#include "retrieval/generators.h"
#include "retrieval/score_items.h"

namespace upnext::evaluation {
namespace {

class CandidateScores : public RetrievalModel {
 public:
  CandidateScores(const Subject& subject, std::shared_ptr<const ItemOrder> order)
      : RetrievalModel("candidate model", std::move(order)),
        source_(subject.source),
        extractor_(subject.tables, subject.source.catalogue),
        model_(*subject.candidate) {}

  void Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const override {
    features::CandidateBatch batch;
    for (const CaseInput& input : inputs) {
      extractor_.Append(input.state, source_.catalogue.user(input.user), input.context,
                        /*example_age_ms=*/0, &batch);
    }
    std::vector<float> users(inputs.size() * model_.dim());
    retrieval::CandidateModel::Scratch scratch;
    model_.UserVectors(batch, users.data(), scratch, nn::Compute{});
    scores->resize(inputs.size() * order().size());
    retrieval::ScoreAllItems(model_.item_vectors(), users, scores->data());
    for (size_t i = 0; i < inputs.size(); ++i) (*scores)[i * order().size()] = kUnranked;
  }

 private:
  const examples::ReplaySource& source_;
  const features::CandidateExtractor extractor_;
  const retrieval::CandidateModel& model_;
};

// Baselines score few items; the others tie at 0, so that popularity decides.
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
std::vector<uint8_t> WatchedItems(const examples::ReplaySource& source,
                                  std::span<const examples::HoldoutCase> cases,
                                  base::ThreadPool& pool) {
  std::vector<uint8_t> watched(source.log.items(), 0);
  pool.ParallelFor(cases.size(), 256, [&](size_t begin, size_t end) {
    for (const examples::HoldoutCase& held_out : cases.subspan(begin, end - begin)) {
      const features::UserState state = StateBefore(source, held_out);
      for (const features::TimedId& watch : state.watches()) {
        std::atomic_ref(watched[watch.id]).store(1, std::memory_order_relaxed);
      }
    }
  });
  return watched;
}

class ItemKnnScores : public CountScores {
 public:
  ItemKnnScores(const examples::ReplaySource& source, std::shared_ptr<const ItemOrder> order,
                std::span<const examples::HoldoutCase> cases, base::ThreadPool& pool)
      : CountScores("item-knn", std::move(order)),
        co_watch_(
            retrieval::CoWatchLearner(source, {}, pool).Learn(WatchedItems(source, cases, pool))) {}

 private:
  void ScoreOne(const features::UserState& state, std::span<float> scores) const override {
    for (const features::TimedId& watch : state.watches()) {
      for (const retrieval::Candidate& similar : co_watch_.Similar(watch.id)) {
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
                   subject.tables.vocabulary(features::VocabularyId::kItem), source.log.items()))));
  if (!baselines) return models;
  base::ProgressStage stage(progress, "learn baselines", "baselines", 3);
  const auto popular = retrieval::PopularItems::Learn(source);
  const auto order = std::make_shared<const ItemOrder>(ItemOrder::ByCount(popular.counts()));
  models.push_back(std::make_unique<PopularityScores>(order));
  stage.Update(1);
  models.push_back(std::make_unique<MarkovScores>(source, order));
  stage.Update(2);
  models.push_back(std::make_unique<ItemKnnScores>(source, order, cases, pool));
  stage.Update(3);
  return models;
}

}  // namespace upnext::evaluation
