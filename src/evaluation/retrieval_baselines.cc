#include "evaluation/retrieval_baselines.h"

#include <algorithm>
#include <atomic>
#include <unordered_set>
#include <utility>

#include "base/clock.h"
#include "catalogue/catalogue.h"
#include "evaluation/window_popularity.h"
#include "features/user_state.h"
#include "retrieval/category_generator.h"
#include "retrieval/category_lists.h"
#include "retrieval/co_watch.h"
#include "retrieval/decayed_counts.h"
#include "retrieval/generator.h"
#include "retrieval/next_items.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::evaluation {
namespace {

// Scores few items. All others tie at 0.
class CountScores : public RetrievalModel {
 public:
  using RetrievalModel::RetrievalModel;
  Status Score(std::span<const CaseInput> inputs, std::vector<float>* scores) const override {
    scores->assign(inputs.size() * order().size(), 0.0f);
    for (size_t i = 0; i < inputs.size(); ++i) {
      ScoreOne(inputs[i].state, std::span(*scores).subspan(i * order().size(), order().size()));
    }
    return Ok();
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

class ViewedScores : public CountScores {
 public:
  explicit ViewedScores(std::shared_ptr<const ItemOrder> order)
      : CountScores("recently viewed", std::move(order)) {}

 private:
  void ScoreOne(const features::UserState& state, std::span<float> scores) const override {
    float place = 0;
    for (const features::TimedId& one : state.viewed()) {
      scores[order().position[one.id]] = ++place;  // the newest is the last
    }
  }
};

class TopicScores : public CountScores {
 public:
  TopicScores(const examples::ReplaySource& source, std::shared_ptr<const ItemOrder> order)
      : CountScores("same topic", std::move(order)),
        catalogue_(source.catalogue),
        lists_(retrieval::ListsByTopic(
            source.catalogue,
            retrieval::DecayedCounts(source,
                                     retrieval::kHalfLifeDays * static_cast<double>(base::kDayMs)),
            retrieval::kItemsPerCategory)) {}

  bool empty() const { return lists_.items.empty(); }

 private:
  void ScoreOne(const features::UserState& state, std::span<float> scores) const override {
    std::unordered_set<uint32_t> topics;
    retrieval::ForNewestWatches(state, retrieval::kCategoryWatches, [&](uint32_t item) {
      for (const uint32_t topic : catalogue_.item(item).topics) {
        if (size_t{topic} + 1 >= lists_.offsets.size() || !topics.insert(topic).second) continue;
        for (uint64_t i = lists_.offsets[topic]; i < lists_.offsets[topic + 1]; ++i) {
          scores[order().position[lists_.items[i].item]] = lists_.items[i].score;
        }
      }
    });
  }
  const catalogue::Catalogue& catalogue_;
  const retrieval::LearnedLists lists_;
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

class ItemKnnScores : public CountScores {
 public:
  ItemKnnScores(const examples::ReplaySource& source, std::shared_ptr<const ItemOrder> order,
                std::span<const uint8_t> wanted, base::ThreadPool& pool)
      : CountScores("item-knn", std::move(order)),
        co_watch_(retrieval::CoWatchLearner(source, {}, pool).Learn(wanted)) {}

 private:
  void ScoreOne(const features::UserState& state, std::span<float> scores) const override {
    for (const retrieval::CoWatched& one : co_watch_.For(state, schema::kNone)) {
      scores[order().position[one.item]] = one.score;
    }
  }
  const retrieval::CoWatch co_watch_;
};

}  // namespace

Histories HistoriesOf(const Subject& subject, std::span<const examples::HoldoutCase> cases,
                      base::ThreadPool& pool) {
  Histories all{.items = std::vector<uint8_t>(subject.source.log.items(), 0)};
  pool.ParallelFor(cases.size(), 256, [&](size_t begin, size_t end) {
    for (const examples::HoldoutCase& held_out : cases.subspan(begin, end - begin)) {
      const features::UserState state = StateBefore(subject, held_out);
      retrieval::ForNewestWatches(state, retrieval::kCoWatchItems, [&](uint32_t item) {
        std::atomic_ref(all.items[item]).store(1, std::memory_order_relaxed);
      });
      if (!state.viewed().empty()) {
        std::atomic_ref(all.any_viewed).store(true, std::memory_order_relaxed);
      }
    }
  });
  return all;
}

void AddBaselines(const Subject& subject, std::span<const examples::HoldoutCase> cases,
                  base::ThreadPool& pool, base::Progress& progress,
                  std::vector<std::unique_ptr<RetrievalModel>>* models) {
  const examples::ReplaySource& source = subject.source;
  base::ProgressStage stage(progress, "learn baselines", "baselines", 5);
  const auto order =
      std::make_shared<const ItemOrder>(ItemOrder::ByCount(retrieval::CountWatches(source)));
  models->push_back(std::make_unique<PopularityScores>(order));
  stage.Update(1);
  AddWindowPopularity(source, cases, order, pool, models);
  stage.Update(2);
  const Histories histories = HistoriesOf(subject, cases, pool);
  if (histories.any_viewed) models->push_back(std::make_unique<ViewedScores>(order));
  auto topics = std::make_unique<TopicScores>(source, order);
  if (!topics->empty()) models->push_back(std::move(topics));
  stage.Update(3);
  models->push_back(std::make_unique<MarkovScores>(source, order));
  stage.Update(4);
  models->push_back(std::make_unique<ItemKnnScores>(source, order, histories.items, pool));
  stage.Update(5);
}

}  // namespace upnext::evaluation
