// The evaluation ranks as the product does: of every held-out case, its figure is that of the list
// that the engine makes, on a log in which users repeat items, dislike some, and some are removed.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <span>
#include <vector>

#include "ann/index.h"
#include "base/clock.h"
#include "base/test_folder.h"
#include "bundle/bundle.h"
#include "evaluation/evaluate.h"
#include "evaluation/metrics.h"
#include "examples/holdout.h"
#include "examples/test_world.h"
#include "features/live_counts.h"
#include "retrieval/choices.h"
#include "retrieval/feed_order.h"
#include "retrieval/indexed_items.h"
#include "serving/engine.h"

namespace upnext {
namespace {

using examples::World;

examples::WorldOptions WithRepeats(examples::SplitOptions::Kind kind) {
  examples::WorldOptions world =
      examples::RandomWorld(/*seed=*/11, /*users=*/40, /*items=*/60, /*events_of_largest=*/2000);
  world.items[3].removed = true;
  world.split.kind = kind;
  world.split.test_days = 3;
  return world;
}

// A bundle of an untrained candidate model over the training part.
class Served {
 public:
  explicit Served(const World& world, const features::FeedRule& feed,
                  const retrieval::FeedOrder& order = {})
      : world_(world),
        tables_(world.Learn()),
        rng_(3),
        candidate_({.dim = 8, .embedding_dim = 8, .depth = 0, .recent_windows = {}},
                   retrieval::ShapeOf(tables_), rng_),
        feed_(feed),
        order_(order) {
    tables_.log_digest = world.log.digest();
    const ann::Vectors items = retrieval::IndexedItems(
        candidate_.item_vectors(), tables_.vocabulary(features::kItemVocabulary));
    index_ = World::Value(ann::BuildIndex({}, items, {}, pool_, base::NoProgress()));
    bundle::Parts parts(tables_, world.rule);
    parts.Set(bundle::CandidatePart(candidate_));
    parts.Set(bundle::IndexPart(*index_));
    for (const auto& learner : retrieval::LearnersFromConfig({})) {
      parts.Set(bundle::GeneratorPart(learner, {world.source, pool_}));
    }
    bundle::Manifest manifest;
    manifest.order = order;
    EXPECT_TRUE(bundle::WriteBundle(folder_.path(), parts, &manifest));
    bundle_ = World::Value(bundle::Bundle::Open(folder_.path(), world.log.lineage()));
    // Items without a watch are not in the model; the evaluation does not rank them.
    const serving::EngineOptions engine{.budgets = {{"new-items", 0}}, .feed = feed};
    engine_ = std::make_unique<serving::Engine>(*bundle_, world.catalogue, engine);
  }

  evaluation::Report Evaluate(std::vector<double>* ndcg) {
    evaluation::DecidingFigures deciding;
    evaluation::Report report = World::Value(
        evaluation::Evaluate({world_.source, tables_, &candidate_, nullptr},
                             {.feed = feed_, .baselines = false, .served = {.order = order_}},
                             pool_, base::NoProgress(), &deciding));
    *ndcg = deciding.retrieval.front().users.numerators;
    return report;
  }

  // Of the list that the product makes for the case.
  double NdcgOfList(const examples::HoldoutCase& held_out,
                    serving::Stage stage = serving::Stage::kRetrieval,
                    const features::LiveLists* live = nullptr) const {
    const auto name = [&](schema::IdSpace space, uint32_t id) {
      return world_.catalogue.Name(space, id);
    };
    const auto slate = engine_->Recommend(
        examples::StateAt(world_.source, held_out.user, held_out.end_row, tables_.plan.state()),
        {.user = name(schema::IdSpace::kUser, held_out.user),
         .n = 10,
         .device = name(schema::IdSpace::kDevice, held_out.context.device),
         .region = name(schema::IdSpace::kRegion, held_out.context.region),
         .time_ms = held_out.context.time_ms,
         .stage = stage},
        live);
    EXPECT_TRUE(slate);
    std::vector<uint32_t> ranks;
    for (size_t i = 0; i < slate->items.size(); ++i) {
      if (std::ranges::count(held_out.targets, slate->items[i].item) > 0) {
        ranks.push_back(static_cast<uint32_t>(i + 1));
      }
    }
    return evaluation::Ndcg(ranks, held_out.targets.size(), 10);
  }

  base::ThreadPool& pool() { return pool_; }

 private:
  const World& world_;
  base::ThreadPool pool_{2};
  features::FeatureStatistics tables_;
  base::Rng rng_;
  const retrieval::CandidateModel candidate_;
  const features::FeedRule feed_;
  const retrieval::FeedOrder order_;
  const base::TestFolder folder_;
  std::unique_ptr<ann::Index> index_;
  std::unique_ptr<bundle::Bundle> bundle_;
  std::unique_ptr<serving::Engine> engine_;
};

TEST(ServedLists, HaveTheFiguresOfTheEvaluationCaseByCase) {
  using Kind = examples::SplitOptions::Kind;
  for (const Kind kind : {Kind::kTime, Kind::kLeaveOneOut}) {
    const World world(WithRepeats(kind));
    for (const features::FeedRule& feed :
         {features::FeedRule{}, features::FeedRule{.filter_seen = false},
          features::FeedRule{.filter_disliked = false}}) {
      Served served(world, feed);
      std::vector<double> evaluated;
      const evaluation::Report report = served.Evaluate(&evaluated);
      const auto cases =
          examples::HoldoutCases(world.source, examples::SplitPart::kTest, served.pool());
      ASSERT_EQ(cases.size(), evaluated.size());
      ASSERT_GT(cases.size(), 15u);
      double hits = 0;
      for (size_t i = 0; i < cases.size(); ++i) {
        EXPECT_NEAR(evaluated[i], served.NdcgOfList(cases[i]), 1e-12) << "case " << i;
        hits += evaluated[i] > 0 ? 1 : 0;
      }
      EXPECT_GT(hits, 0);
      const evaluation::TargetCounts& targets = report.retrieval->targets;
      EXPECT_EQ(targets.seen > 0, feed.filter_seen);
      if (kind == Kind::kTime) {
        EXPECT_EQ(targets.disliked > 0, feed.filter_disliked);
      }
      const bool noted = std::ranges::any_of(report.notes, [](const std::string& note) {
        return note.find("were seen before the list was made") != std::string::npos;
      });
      EXPECT_EQ(noted, feed.filter_seen);
    }
  }
}

// What a server that started at the first case has counted at `time_ms`.
std::shared_ptr<const features::LiveLists> ChosenAt(const World& world,
                                                    std::span<const examples::HoldoutCase> cases,
                                                    int64_t time_ms, double half_life_hours) {
  features::LiveCounts live({.half_life_hours = half_life_hours});
  const int64_t first_ms =
      std::ranges::min_element(cases, {}, &examples::HoldoutCase::time_ms)->time_ms;
  retrieval::ForChoices(world.catalogue, world.rule, /*clicks=*/false,
                        first_ms - live.options().days * base::kDayMs, time_ms,
                        [&](const features::Choice& choice) { live.Add(choice); });
  return live.lists();
}

// Feeds without a ranker, lowered by what users dislike, in every order that can be chosen.
TEST(ServedLists, HaveTheFiguresOfTheServedOrder) {
  const World world(WithRepeats(examples::SplitOptions::Kind::kTime));
  std::set<double> figures;
  for (const bool filter_seen : {true, false}) {
    for (const retrieval::FeedOrder& order : retrieval::OrdersOf(retrieval::OrderRule::kAuto)) {
      if (order == retrieval::OrdersOf(retrieval::OrderRule::kModel).front()) continue;
      Served served(world, {.filter_seen = filter_seen}, order);
      std::vector<double> of_model;
      const evaluation::Report report = served.Evaluate(&of_model);
      const auto cases =
          examples::HoldoutCases(world.source, examples::SplitPart::kTest, served.pool());
      double sum = 0;
      for (const examples::HoldoutCase& held_out : cases) {
        const auto live = ChosenAt(world, cases, held_out.time_ms, order.HalfLifeHours());
        sum += served.NdcgOfList(held_out, serving::Stage::kRanking, live.get());
      }
      ASSERT_TRUE(report.retrieval->served) << order.ToText();
      const double figure = report.retrieval->served->metrics.at("ndcg@10").value;
      EXPECT_NEAR(figure, sum / static_cast<double>(cases.size()), 1e-12) << order.ToText();
      figures.insert(figure);
    }
  }
  EXPECT_GT(figures.size(), 16u) << "the orders do not differ";
}

}  // namespace
}  // namespace upnext
