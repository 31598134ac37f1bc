// The evaluation ranks as the product does: of every held-out case, its figure is that of the list
// that the engine makes, on a log in which users repeat items, dislike some, and some are removed.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ann/index.h"
#include "base/clock.h"
#include "base/test_folder.h"
#include "bundle/bundle.h"
#include "evaluation/evaluate.h"
#include "evaluation/metrics.h"
#include "evaluation/reach.h"
#include "examples/hidden_items.h"
#include "examples/holdout.h"
#include "examples/test_world.h"
#include "features/live_counts.h"
#include "ranking/ranker.h"
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
  for (schema::RawEvent& event : world.events) {  // what the ranker knows of generators
    if (event.source == "s0") event.source = "co-watch";
    if (event.source == "s1") event.source = "candidate-model";
  }
  world.split.kind = kind;
  world.split.test_days = 3;
  return world;
}

// A bundle of an untrained candidate model over the training part.
class Served {
 public:
  explicit Served(const World& world, const features::FeedRule& feed,
                  const retrieval::FeedOrder& order = {}, uint32_t every = 5,
                  retrieval::GeneratorBudgets budgets = {}, bool with_ranker = false)
      : world_(world),
        tables_(world.Learn()),
        rng_(3),
        candidate_({.dim = 8, .embedding_dim = 8, .depth = 0, .recent_windows = {}},
                   retrieval::ShapeOf(tables_), rng_),
        ranker_(with_ranker ? std::optional(MakeRanker(tables_, rng_)) : std::nullopt),
        feed_(feed),
        order_(order),
        live_{.every = every},
        budgets_(std::move(budgets)) {
    tables_.log_digest = world.log.digest();
    const ann::Vectors items = retrieval::IndexedItems(
        candidate_.item_vectors(), tables_.vocabulary(features::kItemVocabulary));
    index_ = World::Value(ann::BuildIndex({}, items, {}, pool_, base::NoProgress()));
    bundle::Parts parts(tables_, world.rule);
    parts.Set(bundle::CandidatePart(candidate_));
    parts.Set(bundle::IndexPart(*index_));
    if (ranker_) parts.Set(bundle::RankerPart(*ranker_));
    for (const auto& learner : retrieval::LearnersFromConfig({})) {
      parts.Set(bundle::GeneratorPart(learner, {world.source, pool_}));
    }
    bundle::Manifest manifest;
    manifest.order = order;
    EXPECT_TRUE(bundle::WriteBundle(folder_.path(), parts, &manifest));
    bundle_ = World::Value(bundle::Bundle::Open(folder_.path(), world.log.lineage()));
    // Items without a watch are not in the model; the evaluation does not rank them.
    budgets_.try_emplace("new-items", 0);
    const serving::EngineOptions engine{.budgets = budgets_, .feed = feed, .live = live_};
    engine_ = std::make_unique<serving::Engine>(*bundle_, world.catalogue, engine);
  }

  evaluation::Report Evaluate(std::vector<double>* ndcg) {
    evaluation::DecidingFigures deciding;
    evaluation::Report report = World::Value(evaluation::Evaluate(
        subject(), {.feed = feed_, .baselines = false, .served = {.order = order_, .live = live_}},
        pool_, base::NoProgress(), &deciding));
    *ndcg = deciding.retrieval.front().users.numerators;
    return report;
  }

  // With what the generators propose, and the ranker's order of it.
  evaluation::Report EvaluateCandidates() {
    return World::Value(
        evaluation::Evaluate(subject(), CandidateOptions(), pool_, base::NoProgress()));
  }
  evaluation::Reach Reach(std::span<const examples::HoldoutCase> cases) {
    return World::Value(
        evaluation::MeasureReach(subject(), CandidateOptions(), cases, pool_, base::NoProgress()));
  }

  // The list that the product makes for the case.
  serving::Slate List(const examples::HoldoutCase& held_out, uint32_t n, serving::Stage stage,
                      const features::LiveLists* live) const {
    const auto name = [&](schema::IdSpace space, uint32_t id) {
      return world_.catalogue.Name(space, id);
    };
    const auto slate = engine_->Recommend(
        examples::StateAt(world_.source, held_out.user, held_out.end_row, tables_.plan.state()),
        {.user = name(schema::IdSpace::kUser, held_out.user),
         .n = n,
         .device = name(schema::IdSpace::kDevice, held_out.context.device),
         .region = name(schema::IdSpace::kRegion, held_out.context.region),
         .time_ms = held_out.context.time_ms,
         .stage = stage},
        live);
    EXPECT_TRUE(slate);
    return *slate;
  }
  double NdcgOfList(const examples::HoldoutCase& held_out,
                    serving::Stage stage = serving::Stage::kRetrieval,
                    const features::LiveLists* live = nullptr) const {
    const serving::Slate slate = List(held_out, 10, stage, live);
    std::vector<uint32_t> ranks;
    for (size_t i = 0; i < slate.items.size(); ++i) {
      if (std::ranges::count(held_out.targets, slate.items[i].item) > 0) {
        ranks.push_back(static_cast<uint32_t>(i + 1));
      }
    }
    return evaluation::Ndcg(ranks, held_out.targets.size(), 10);
  }

  base::ThreadPool& pool() { return pool_; }

 private:
  static ranking::Ranker MakeRanker(const features::FeatureStatistics& tables, base::Rng& rng) {
    using ranking::Objective;
    const std::vector<Objective> objectives = {
        {.name = "watch",
         .label = Objective::Label::kWatchSeconds,
         .loss = Objective::Loss::kWeightedLogistic,
         .score_weight = 1},
        {.name = "like", .event = schema::EventType::kLike, .score_weight = -0.5f}};
    return World::Value(ranking::Ranker::Make({.architecture = {.widths = {8}}, .max_dim = 4},
                                              objectives, ranking::ShapeOf(tables), rng));
  }
  evaluation::Subject subject() const {
    return {world_.source, tables_, &candidate_, ranker_ ? &*ranker_ : nullptr};
  }
  evaluation::EvaluateOptions CandidateOptions() const {
    return {.feed = feed_,
            .served = {.order = order_, .budgets = budgets_, .live = live_},
            .reach = {.learners = retrieval::LearnersFromConfig({}), .scratch = folder_ / "reach"}};
  }

  const World& world_;
  base::ThreadPool pool_{2};
  features::FeatureStatistics tables_;
  base::Rng rng_;
  const retrieval::CandidateModel candidate_;
  const std::optional<ranking::Ranker> ranker_;
  const features::FeedRule feed_;
  const retrieval::FeedOrder order_;
  const features::LiveOptions live_;
  retrieval::GeneratorBudgets budgets_;
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
  retrieval::ForChoices(world.catalogue, world.rule, first_ms - live.options().days * base::kDayMs,
                        time_ms, [&](const features::Choice& choice) { live.Add(choice); });
  return live.lists();
}

// Feeds without a ranker, lowered by what users dislike, in every order that can be chosen.
TEST(ServedLists, HaveTheFiguresOfTheServedOrder) {
  const World world(WithRepeats(examples::SplitOptions::Kind::kTime));
  std::set<double> figures;
  for (const bool filter_seen : {true, false}) {
    for (const retrieval::FeedOrder& order : retrieval::OrdersOf(retrieval::OrderRule::kAuto)) {
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
      const bool is_model = order == retrieval::OrdersOf(retrieval::OrderRule::kModel).front();
      ASSERT_TRUE(report.retrieval->served || is_model) << order.ToText();
      const auto& row = report.retrieval->served.value_or(report.retrieval->model);
      const double figure = row.metrics.at("ndcg@10").value;
      EXPECT_NEAR(figure, sum / static_cast<double>(cases.size()), 1e-12) << order.ToText();
      figures.insert(figure);
    }
  }
  EXPECT_GT(figures.size(), 16u) << "the orders do not differ";
}

// Without one that fills a slate by itself, so that every generator proposes as many as it may.
TEST(ServedLists, HaveTheCandidatesThatTheReportMeasures) {
  const World world(WithRepeats(examples::SplitOptions::Kind::kTime));
  Served served(
      world, {}, {}, /*every=*/5,
      {{"candidate-model", 0}, {"popular", 0}, {"co-watch", 6}, {"trending", 4}, {"new-items", 3}});
  const auto cases =
      examples::HoldoutCases(world.source, examples::SplitPart::kTest, served.pool());
  std::map<std::string, std::pair<double, double>> expected;  // recall and candidates, sums
  for (const examples::HoldoutCase& held_out : cases) {
    const auto live =
        ChosenAt(world, cases, held_out.time_ms, features::LiveOptions::kHalfLifeHours);
    const serving::Slate slate = served.List(held_out, 100, serving::Stage::kRanking, live.get());
    const auto targets = static_cast<double>(held_out.targets.size());
    for (const serving::Recommendation& item : slate.items) {
      const double hit = std::ranges::count(held_out.targets, item.item) > 0 ? 1 / targets : 0;
      std::set<std::string> rows = {evaluation::kAllGenerators};
      for (const auto& source : item.sources) rows.insert(source.source);
      for (const std::string& row : rows) {
        expected[row].first += hit;
        expected[row].second += 1;
      }
    }
  }
  const std::vector<evaluation::ModelMetrics> reach = served.Reach(cases).rows;
  ASSERT_EQ(reach.size(), expected.size());
  EXPECT_GE(reach.size(), 4u);
  EXPECT_EQ(reach.back().name, evaluation::kAllGenerators);
  for (const evaluation::ModelMetrics& row : reach) {
    const auto [recall, candidates] = expected[row.name];
    const auto n = static_cast<double>(cases.size());
    EXPECT_NEAR(row.metrics.at("recall").value, recall / n, 1e-12) << row.name;
    EXPECT_NEAR(row.metrics.at("candidates").value, candidates / n, 1e-12) << row.name;
    EXPECT_GT(candidates, 0) << row.name;
    EXPECT_LE(recall, expected[evaluation::kAllGenerators].first) << row.name;
  }
  EXPECT_GT(reach.back().metrics.at("recall").value, 0.05);
}

// As many candidates as there are items, of the generators that do not fill a slate by themselves.
retrieval::GeneratorBudgets Budgets(uint32_t topic, uint32_t co_watch, uint32_t trending,
                                    uint32_t new_items) {
  return {{"candidate-model", 0}, {"popular", 0},          {"next", 0},
          {"bought-together", 0}, {"topic", topic},        {"co-watch", co_watch},
          {"trending", trending}, {"new-items", new_items}};
}

// SY-01: what the first stage loses of the best of all items, by lists of the product itself.
TEST(ServedLists, SY01_LoseTheShareOfTheBestItemsThatTheReportMeasures) {
  const World world(WithRepeats(examples::SplitOptions::Kind::kTime));
  const features::FeedRule feed{.filter_seen = false};
  const auto make = [&](const retrieval::GeneratorBudgets& budgets) {
    return std::make_unique<Served>(world, feed, retrieval::FeedOrder{}, /*every=*/5, budgets,
                                    /*with_ranker=*/true);
  };
  const auto served = make(Budgets(8, 6, 4, 3)), whole = make(Budgets(1000, 1000, 1000, 1000));
  auto cases = examples::HoldoutCases(world.source, examples::SplitPart::kTest, served->pool());
  const auto list_of = [&](const Served& of, const examples::HoldoutCase& held_out, uint32_t n) {
    const auto live =
        ChosenAt(world, cases, held_out.time_ms, features::LiveOptions::kHalfLifeHours);
    std::vector<uint32_t> list;
    for (const auto& one : of.List(held_out, n, serving::Stage::kRanking, live.get()).items) {
      list.push_back(one.item);
    }
    return list;
  };
  // Those in which the generators together reach every item that the feed may have.
  const examples::HiddenItems hidden(world.source, feed);
  const features::StateSpec spec = world.Learn().plan.state();
  std::vector<examples::HoldoutCase> reached;
  for (const examples::HoldoutCase& held_out : cases) {
    const auto state = examples::StateAt(world.source, held_out.user, held_out.end_row, spec);
    const size_t left_out = hidden.Of(held_out, state).size();
    if (list_of(*whole, held_out, 1000).size() + left_out == world.log.items()) {
      reached.push_back(held_out);
    }
  }
  cases = reached;
  ASSERT_GT(cases.size(), 10u);
  double lost = 0;
  for (const examples::HoldoutCase& held_out : cases) {
    const std::vector<uint32_t> all = list_of(*whole, held_out, 1000);
    const std::vector<uint32_t> candidates = list_of(*served, held_out, 1000);
    ASSERT_LT(candidates.size(), 22u);
    for (size_t place = 0; place < 20; ++place) {
      lost += std::ranges::count(candidates, all[place]) == 0 ? 1.0 / 20 : 0;
    }
  }
  const evaluation::Reach reach = served->Reach(cases);
  EXPECT_EQ(reach.fully_ranked, cases.size());
  const auto& figures = reach.rows.back().metrics;
  EXPECT_GT(lost, 0);
  EXPECT_NEAR(figures.at("lost@20").value, lost / static_cast<double>(cases.size()), 1e-12);
  EXPECT_EQ(whole->Reach(cases).rows.back().metrics.at("lost@20").value, 0);
}

// What a generator adds is what the union has less without it.
TEST(ServedLists, AGeneratorAddsWhatTheUnionLosesWithoutIt) {
  const World world(WithRepeats(examples::SplitOptions::Kind::kTime));
  const auto rows_with = [&](const retrieval::GeneratorBudgets& budgets) {
    Served served(world, {}, {}, /*every=*/5, budgets);
    const auto cases =
        examples::HoldoutCases(world.source, examples::SplitPart::kTest, served.pool());
    return served.Reach(cases).rows;
  };
  const auto recall = [](const std::vector<evaluation::ModelMetrics>& rows) {
    return rows.back().metrics.at("recall").value;
  };
  const auto all = rows_with(Budgets(8, 6, 4, 3));
  double added = 0;
  for (const auto& [name, fewer] :
       {std::pair("topic", Budgets(0, 6, 4, 3)), std::pair("co-watch", Budgets(8, 0, 4, 3)),
        std::pair("trending", Budgets(8, 6, 0, 3))}) {
    const auto row = std::ranges::find(all, name, &evaluation::ModelMetrics::name);
    ASSERT_NE(row, all.end()) << name;
    const double adds = row->metrics.at("adds").value;
    EXPECT_NEAR(adds, recall(all) - recall(rows_with(fewer)), 1e-12) << name;
    EXPECT_EQ(row->metrics.at("recall@10").value, row->metrics.at("recall").value)
        << "no budget is above 10";
    added += adds;
  }
  EXPECT_GT(added, 0);
}

// Feeds with a ranker, from end to end: few candidates of each generator, by the untrained ranker's
// score, lowered by what users dislike, in orders with and without live counts of their own.
TEST(ServedLists, WithARankerAreThoseThatTheReportMeasures) {
  const World world(WithRepeats(examples::SplitOptions::Kind::kTime));
  const auto orders = retrieval::OrdersOf(retrieval::OrderRule::kTrending);
  for (const bool filter_seen : {true, false}) {
    for (const retrieval::FeedOrder& order : {retrieval::FeedOrder{}, orders.front()}) {
      Served served(world, {.filter_seen = filter_seen}, order, /*every=*/5,
                    {{"candidate-model", 12}, {"co-watch", 6}, {"trending", 4}, {"new-items", 3}},
                    /*with_ranker=*/true);
      const auto cases =
          examples::HoldoutCases(world.source, examples::SplitPart::kTest, served.pool());
      ASSERT_GT(cases.size(), 15u);
      const evaluation::Reach reach = served.Reach(cases);
      ASSERT_EQ(reach.ranked.size(), cases.size());
      double sum = 0;
      for (size_t i = 0; i < cases.size(); ++i) {
        const double hours =
            order.parts.empty() ? features::LiveOptions::kHalfLifeHours : order.HalfLifeHours();
        const auto live = ChosenAt(world, cases, cases[i].time_ms, hours);
        const serving::Slate slate =
            served.List(cases[i], 10, serving::Stage::kRanking, live.get());
        std::vector<uint32_t> list;
        for (const serving::Recommendation& one : slate.items) list.push_back(one.item);
        EXPECT_EQ(reach.ranked[i].top, list) << "case " << i;
        EXPECT_FALSE(list.empty());
        sum += served.NdcgOfList(cases[i], serving::Stage::kRanking, live.get());
      }
      const evaluation::Report report = served.EvaluateCandidates();
      ASSERT_TRUE(report.retrieval->ranked);
      EXPECT_EQ(report.retrieval->ranked_users, cases.size());
      EXPECT_GT(sum, 0);
      EXPECT_NEAR(report.retrieval->ranked->metrics.at("ndcg@10").value,
                  sum / static_cast<double>(cases.size()), 1e-12);
    }
  }
}

}  // namespace
}  // namespace upnext
