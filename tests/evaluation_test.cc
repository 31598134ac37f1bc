#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/progress.h"
#include "evaluation/evaluate.h"
#include "examples/test_world.h"
#include "ranking/ranker.h"
#include "report/render.h"

namespace upnext::evaluation {
namespace {

using examples::World;
using ::testing::HasSubstr;

// Untrained models: these tests check the evaluation.
class Untrained {
 public:
  explicit Untrained(const World& world, uint64_t seed = 1)
      : tables(world.Learn()),
        rng_(seed),
        candidate(
            {.dim = 8, .embedding_dim = 8, .context_dim = 2, .depth = 1, .recent_windows = {}},
            retrieval::ShapeOf(tables), rng_),
        ranker(World::Value(ranking::Ranker::Make({.architecture = {.widths = {8}}, .max_dim = 4},
                                                  Objectives(), ranking::ShapeOf(tables), rng_))),
        subject{world.source, tables, &candidate, &ranker} {}

  static std::vector<ranking::Objective> Objectives() {
    using ranking::Objective;
    return {{.name = "watch",
             .label = Objective::Label::kWatchSeconds,
             .loss = Objective::Loss::kWeightedLogistic,
             .score_weight = 1},
            {.name = "click", .event = schema::EventType::kClick}};
  }

  const features::FeatureStatistics tables;

 private:
  base::Rng rng_;

 public:
  const retrieval::CandidateModel candidate;
  const ranking::Ranker ranker;
  const Subject subject;
};

// Enough events for every user to have some on the test day.
examples::WorldOptions DenseWorld(uint64_t seed) {
  return examples::RandomWorld(seed, /*users=*/12, /*items=*/30, /*events_of_largest=*/2000);
}

// Six of ten days test, so that nearly every user has events and new items in them.
examples::WorldOptions LongTestWorld(uint32_t users) {
  examples::WorldOptions world =
      examples::RandomWorld(/*seed=*/3, users, /*items=*/300, /*events_of_largest=*/3000);
  world.split.test_days = 6;
  return world;
}

const ModelMetrics& Baseline(const Report& report, const std::string& name) {
  const auto& rows = report.retrieval->baselines;
  return *std::ranges::find(rows, name, &ModelMetrics::name);
}

Report Measure(const Subject& subject, const EvaluateOptions& options, int threads = 2) {
  base::ThreadPool pool(threads);
  return World::Value(Evaluate(subject, options, pool, base::NoProgress()));
}

TEST(Evaluate, BothStagesWithBaselinesOnTheSameUsers) {
  const World world(DenseWorld(3));
  const Untrained models(world);
  const Report report = Measure(models.subject, {});
  ASSERT_TRUE(report.retrieval);
  ASSERT_TRUE(report.ranking);
  EXPECT_EQ(report.retrieval->items, 30u);
  ASSERT_EQ(report.retrieval->baselines.size(), 8u);
  EXPECT_EQ(report.retrieval->baselines[0].name, "popularity");
  for (const ModelMetrics& row : report.retrieval->baselines) {
    EXPECT_EQ(row.metrics.size(), report.retrieval->model.metrics.size());
  }
  EXPECT_TRUE(report.ranking->model.metrics.contains("weighted_user_loss"));
  EXPECT_TRUE(report.ranking->model.metrics.contains("auc.click"));
  EXPECT_EQ(report.ranking->baselines.size(), 9u);
  EXPECT_EQ(report.split, world.split.Describe());
  EXPECT_THAT(report.machine, HasSubstr("2 threads"));
}

TEST(Evaluate, EveryNumberThatTheRankerPredictsHasErrorsAndBaselines) {
  using ranking::Objective;
  const World world(DenseWorld(3));
  const Untrained models(world);
  std::vector<Objective> objectives = Untrained::Objectives();
  objectives.push_back({.name = "share", .label = Objective::Label::kCompletion});
  base::Rng rng(1);
  const ranking::Ranker ranker =
      World::Value(ranking::Ranker::Make({.architecture = {.widths = {8}}, .max_dim = 4},
                                         objectives, ranking::ShapeOf(models.tables), rng));
  Subject subject = models.subject;
  subject.ranker = &ranker;
  const Report report = Measure(subject, {});
  ASSERT_TRUE(report.ranking);
  for (const char* key : {"mae.share", "rmse.share", "xauc.share"}) {
    EXPECT_TRUE(report.ranking->model.metrics.contains(key)) << key;
    EXPECT_THAT(report::RenderTable(report), HasSubstr(key));
  }
  EXPECT_FALSE(report.ranking->model.metrics.contains("auc.share"));
  const auto& rows = report.ranking->baselines;
  const ModelMetrics &mean = *std::ranges::find(rows, "mean", &ModelMetrics::name),
                     &item = *std::ranges::find(rows, "item mean", &ModelMetrics::name),
                     &rates = *std::ranges::find(rows, "rates", &ModelMetrics::name);
  EXPECT_EQ(mean.metrics.at("xauc.share").value, 0.5);
  EXPECT_GT(mean.metrics.at("rmse.share").value, 0);
  EXPECT_LT(mean.metrics.at("rmse.share").value, 0.5) << "a share, not seconds";
  EXPECT_NE(item.metrics.at("rmse.share").value, mean.metrics.at("rmse.share").value);
  EXPECT_FALSE(rates.metrics.contains("rmse.share"));
  // Additive effects are baselines of yes-or-no objectives too; a median would order nothing.
  EXPECT_TRUE(item.metrics.contains("auc.click"));
  EXPECT_TRUE(std::ranges::find(rows, "additive, shrunk", &ModelMetrics::name)
                  ->metrics.contains("auc.click"));
  EXPECT_FALSE(
      std::ranges::find(rows, "median", &ModelMetrics::name)->metrics.contains("auc.click"));
}

// Five users know "p", which one user of the test day watches; another one watches three items that few
// know.
TEST(Evaluate, UsersWeighEquallyHoweverManyOfTheirListsAreMeasured) {
  examples::WorldOptions options;
  const auto watch = [&](const std::string& user, const std::string& item, int64_t day) {
    options.events.push_back(examples::Watch(user, item, day * examples::kDay, 99));
  };
  for (int i = 0; i < 30; ++i) {
    for (const char* user : {"x", "y"}) watch(user, fmt::format("filler{}", i), 1);
  }
  for (int i = 0; i < 5; ++i) watch(fmt::format("z{}", i), "p", 1);
  for (const char* item : {"a", "b", "c"}) watch("x", item, 2);
  watch("one", "filler0", 1);
  watch("three", "filler0", 1);
  watch("y", "filler0", 8);  // for the validation part
  watch("one", "p", 9);
  for (const char* item : {"a", "b", "c"}) watch("three", item, 9);
  options.split = {.kind = examples::SplitOptions::Kind::kTime};
  const World world(options);
  const Untrained models(world);
  for (const auto targets : {examples::HoldoutTargets::kAll, examples::HoldoutTargets::kLast,
                             examples::HoldoutTargets::kSuccessive}) {
    const Report report = Measure(models.subject, {.targets = targets});
    EXPECT_EQ(report.retrieval->users, 2u);
    EXPECT_EQ(report.retrieval->targets.all, targets == examples::HoldoutTargets::kLast ? 2u : 4u);
    EXPECT_EQ(Baseline(report, "popularity").metrics.at("hr@10").value, 0.5);
  }
}

// Users keep to one of ten groups of items; the vectors find the group.
TEST(Evaluate, CG23_ItemsNearThoseOfTheHistoryByItem2vecAreABaselineOnRequest) {
  examples::WorldOptions options;
  base::Rng rng(4);
  for (int user = 0; user < 100; ++user) {
    for (int day = 0; day < 10; ++day) {
      for (int e = 0; e < 3; ++e) {
        options.events.push_back(examples::Watch(
            fmt::format("u{}", user), fmt::format("g{}-{}", user % 10, rng.Below(8)),
            day * examples::kDay + e * examples::kHour + user, 99));
      }
    }
  }
  options.split = {.kind = examples::SplitOptions::Kind::kTime};
  const World world(options);
  const Untrained models(world);
  EvaluateOptions asked{.feed = {.filter_seen = false}, .item2vec = true};
  const Report report = Measure(models.subject, asked);
  EXPECT_GT(Baseline(report, "item2vec").metrics.at("hr@10").value, 0.9);
  EXPECT_LT(Baseline(report, "popularity").metrics.at("hr@10").value, 0.6);
  asked.item2vec = false;
  const Report without = Measure(models.subject, asked);
  EXPECT_EQ(without.retrieval->baselines.size() + 1, report.retrieval->baselines.size());
}

// What was never trained predicts .5 about everywhere.
TEST(Evaluate, ABaselineThatIsBetterThanTheRankerIsSaid) {
  const World world(LongTestWorld(100));
  const Untrained models(world);
  const Report report = Measure(models.subject, {});
  ASSERT_FALSE(report.ranking->losses.empty());
  for (const BaselineLoss& loss : report.ranking->losses) {
    EXPECT_EQ(loss.ours, "ranker");
    EXPECT_EQ(loss.difference.stage, "ranking");
    EXPECT_NEAR(loss.difference.next,
                report.ranking->model.metrics.at(loss.difference.metric).value, 1e-9);
  }
  EXPECT_THAT(report.notes, testing::Contains(HasSubstr("ranking: ")).Times(testing::Gt(1)));
  EXPECT_THAT(report.notes, testing::Contains(testing::AllOf(HasSubstr(", the ranker "),
                                                             HasSubstr("95 % interval"))));
}

TEST(Evaluate, FiguresHaveIntervalsFromThirtyUsersOnAndANoteBelow) {
  for (const uint32_t users : {12u, 100u}) {
    const World world(LongTestWorld(users));
    const Untrained models(world);
    const Report report = Measure(models.subject, {});
    ASSERT_TRUE(report.retrieval && report.ranking);
    const bool enough = users > kFewestUsers;
    ASSERT_EQ(report.retrieval->users >= kFewestUsers, enough);
    ASSERT_EQ(report.ranking->users >= kFewestUsers, enough);
    for (const Metric& metric : {report.retrieval->baselines[1].metrics.at("hr@10"),
                                 report.ranking->model.metrics.at("watch_rmse_s")}) {
      EXPECT_EQ(metric.interval.low <= metric.value && metric.value <= metric.interval.high,
                enough);
    }
    const std::string table = report::RenderTable(report);
    EXPECT_EQ(table.find("±") != std::string::npos, enough);
    EXPECT_EQ(table.find("too few users") == std::string::npos, enough);
  }
}

// Two models are compared over the users of the same cases, whatever each model knows.
TEST(Evaluate, WhatDecidesIsTheReportedFigureByUser) {
  const World world(LongTestWorld(100));
  const Untrained models(world), others(world, /*seed=*/2);
  base::ThreadPool pool(2);
  DecidingFigures next, current;
  const auto report = Evaluate(models.subject, {}, pool, base::NoProgress(), &next);
  const auto before =
      Evaluate(others.subject, {.baselines = false}, pool, base::NoProgress(), &current);
  ASSERT_TRUE(report && before);
  const auto retrieval = Difference(next.retrieval, current.retrieval, 1);
  const auto ranking = Difference(next.ranking, current.ranking, 1);
  ASSERT_TRUE(retrieval && ranking);
  EXPECT_EQ(retrieval->users, report->retrieval->users);
  EXPECT_NEAR(retrieval->next, report->retrieval->model.metrics.at("ndcg@10").value, 1e-12);
  EXPECT_NEAR(retrieval->current, before->retrieval->model.metrics.at("ndcg@10").value, 1e-12);
  EXPECT_EQ(ranking->metric, "weighted_user_loss");
  EXPECT_NEAR(ranking->next, report->ranking->model.metrics.at("weighted_user_loss").value, 1e-12);
}

TEST(Evaluate, TheNumberOfThreadsDoesNotShow) {
  const World world(DenseWorld(4));
  const Untrained models(world);
  Report one = Measure(models.subject, {}, 1), three = Measure(models.subject, {}, 3);
  one.machine = three.machine = "";
  EXPECT_EQ(report::RenderJson(one), report::RenderJson(three));
}

TEST(Evaluate, NullModelsAndBaselinesNotRequestedAreOmitted) {
  const World world(DenseWorld(3));
  const Untrained models(world);
  const Report report =
      Measure({world.source, models.tables, &models.candidate, nullptr}, {.baselines = false});
  ASSERT_TRUE(report.retrieval);
  EXPECT_TRUE(report.retrieval->baselines.empty());
  EXPECT_FALSE(report.ranking);
}

TEST(Evaluate, FrozenStatesGiveOtherScoresAndSaySo) {
  const World world(DenseWorld(5));
  const Untrained models(world);
  const Report live = Measure(models.subject, {});
  const Report frozen = Measure(models.subject, {.frozen_state = true});
  ASSERT_TRUE(live.ranking && frozen.ranking);
  EXPECT_EQ(live.ranking->impressions, frozen.ranking->impressions);
  EXPECT_NE(live.ranking->model.metrics.at("watch_rmse_s").value,
            frozen.ranking->model.metrics.at("watch_rmse_s").value);
  // Metrics that do not depend on states are unchanged.
  EXPECT_EQ(live.ranking->baselines[0].metrics.at("watch_rmse_s").value,
            frozen.ranking->baselines[0].metrics.at("watch_rmse_s").value);
  // Every report contains the kind of states.
  EXPECT_THAT(frozen.notes,
              testing::Contains(HasSubstr("states are frozen at the start of the test part")));
  EXPECT_THAT(live.notes, testing::Contains(HasSubstr("states are live")));
  EXPECT_THAT(live.notes, testing::Not(testing::Contains(HasSubstr("frozen"))));
  for (const std::string& text :
       {report::RenderTable(live), report::RenderJson(live), report::RenderHtml(live)}) {
    EXPECT_THAT(text, HasSubstr("states are live: all events before each impression"));
  }
}

TEST(Evaluate, MarkovFollowsTheLastWatchOfTheInput) {
  // All users watch a, b, c in turn; the last user's input ends in b.
  std::vector<schema::RawEvent> events;
  for (const char* user : {"u", "v", "w"}) {
    int64_t at = 0;
    for (const char* item : {"a", "b", "c", "d", "e"}) {
      events.push_back(examples::Watch(user, item, at += examples::kHour, 60));
    }
  }
  for (const char* item : {"e", "d", "a", "b", "c"}) {
    events.push_back(
        examples::Watch("x", item, static_cast<int64_t>(events.size()) * examples::kHour, 60));
  }
  const World world(
      {.events = events, .split = {.kind = examples::SplitOptions::Kind::kLeaveOneOut}});
  const Untrained models(world);
  const Report report = Measure({world.source, models.tables, &models.candidate, nullptr}, {});
  // x: after b, training has c, the target. Of the others' targets (e) training contains only x's
  // first watch; it is the only item that they have not seen, so it is ranked first too.
  EXPECT_EQ(report.retrieval->users, 4u);
  EXPECT_EQ(Baseline(report, "markov").metrics.at("recall@1").value, 1.0);
}

TEST(Evaluate, ItemKnnUsesNeighboursOfItemsThatTheEvaluatedUsersWatched) {
  // Two circles of users. The users of the smaller one, u1, u3 and u5, watch one of its items last.
  // The larger one makes its own items more popular.
  std::vector<schema::RawEvent> events;
  const auto watch = [&](const std::string& user, std::initializer_list<const char*> items) {
    int64_t at = 0;
    for (const char* item : items) {
      events.push_back(examples::Watch(user, item, at += examples::kHour, 60));
    }
  };
  watch("u1", {"a", "b", "e", "c", "d"});
  watch("u3", {"a", "b", "d", "c", "e"});
  watch("u5", {"d", "e", "c", "a", "b"});
  for (const char* user : {"u2", "u4", "u6", "u7", "u8"}) watch(user, {"p", "q", "r", "s", "t"});
  const World world(
      {.events = events, .split = {.kind = examples::SplitOptions::Kind::kLeaveOneOut}});
  const Untrained models(world);
  const auto recall = [&](const EvaluateOptions& options, const char* name) {
    const Report report =
        Measure({world.source, models.tables, &models.candidate, nullptr}, options);
    return Baseline(report, name).metrics.at("recall@1").value;
  };
  EXPECT_EQ(recall({}, "popularity"), 0.0);
  EXPECT_EQ(recall({}, "item-knn"), 3.0 / 8);
  EXPECT_EQ(recall({.max_users = 4}, "item-knn"), 3.0 / 4);  // every second: u1, u3, u5 and u7
}

TEST(Evaluate, ACapOnUsersEvaluatesSomeOfThemWithANote) {
  examples::WorldOptions options = DenseWorld(3);
  options.split.kind = examples::SplitOptions::Kind::kLeaveOneOut;
  const World world(options);
  const Untrained models(world);
  const Report all = Measure(models.subject, {});
  ASSERT_GT(all.retrieval->users, 4u);
  const Report some = Measure(models.subject, {.max_users = 4});
  EXPECT_EQ(some.retrieval->users, 4u);
  const std::string note = fmt::format("retrieval: 4 of the {} users", all.retrieval->users);
  EXPECT_THAT(some.notes, testing::Contains(HasSubstr(note)));
  const Report exact =
      Measure(models.subject, {.max_users = static_cast<uint32_t>(all.retrieval->users)});
  EXPECT_EQ(report::RenderJson(exact), report::RenderJson(all));
}

TEST(Evaluate, TablesOfAnotherVocabularyAreRefused) {
  const World world(DenseWorld(3));
  const Untrained models(world);
  const features::FeatureStatistics other = world.Learn({.max_items = 3, .drop = {}});
  base::ThreadPool pool(1);
  const auto report =
      Evaluate({world.source, other, &models.candidate, nullptr}, {}, pool, base::NoProgress());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(report.error().message, HasSubstr("item vectors"));
}

TEST(Evaluate, TheTrainingPartIsRefused) {
  const World world(DenseWorld(3));
  const Untrained models(world);
  base::ThreadPool pool(1);
  const auto report =
      Evaluate(models.subject, {.part = examples::SplitPart::kTrain}, pool, base::NoProgress());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kInvalidArgument);
}

class Impatient : public base::Progress {
 public:
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view) override {}
  bool stop_requested() const override { return true; }
};

TEST(Evaluate, StopsWhenAsked) {
  const World world(DenseWorld(3));
  const Untrained models(world);
  base::ThreadPool pool(1);
  Impatient progress;
  const auto report = Evaluate(models.subject, {}, pool, progress);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCancelled);
}

}  // namespace
}  // namespace upnext::evaluation
