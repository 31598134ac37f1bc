// What a request does when a stage is late or fails, by generators and a ranker that do so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <vector>

#include "base/config.h"
#include "bundle/test_bundle.h"
#include "features/user_state.h"
#include "ranking/ranker.h"
#include "retrieval/generator.h"
#include "schema/event.h"
#include "serving/engine.h"
#include "store/test_store.h"

namespace upnext::serving {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A clock that goes as far as tests say.
std::atomic<int64_t> passed_ms{0};
StageClock::TimePoint TestNow() {
  return StageClock::TimePoint(std::chrono::milliseconds(passed_ms));
}
void Pass(int64_t ms) { passed_ms += ms; }

// Why it fails, after it proposed; empty: it does not.
std::string odd_failure;
bool odd_leads = false;

// Proposes an item that no other generator has; `before` runs first.
std::function<void()>& BeforeOdd() {
  static std::function<void()> before = [] {};
  return before;
}
class OddGenerator : public retrieval::Generator {
 public:
  static Result<std::unique_ptr<const Generator>> Load(retrieval::LoadInput) {
    return std::make_unique<const OddGenerator>();
  }
  Status Propose(const retrieval::ProposeRequest& request, size_t,
                 const retrieval::ItemFilter& filter,
                 std::vector<retrieval::Candidate>* out) const override {
    BeforeOdd()();
    const uint32_t item = request.catalogue.Find(schema::IdSpace::kItem, "i7");
    if (request.state.totals().events > 0 && filter.Admits(item)) out->push_back({item, 1});
    return odd_failure.empty() ? Ok() : Internal("{}", odd_failure);
  }
  std::string Reason(const retrieval::ProposeRequest&, const retrieval::Candidate&) const override {
    return "odd";
  }
  bool FillsSlate() const override { return odd_leads; }
};

// The odd one first, then the built-in ones.
retrieval::GeneratorRegistry WithOdd() {
  static const std::vector<retrieval::GeneratorEntry> all = [] {
    std::vector<retrieval::GeneratorEntry> entries = {{"odd", 5, 0, nullptr, OddGenerator::Load}};
    const auto built_in = retrieval::BuiltInGenerators();
    entries.insert(entries.end(), built_in.begin(), built_in.end());
    return entries;
  }();
  return all;
}

std::vector<std::string> Degraded(const Slate& slate) {
  std::vector<std::string> all;
  for (const Degradation& one : slate.degraded) {
    all.push_back(one.stage + " " + one.source + ": " + one.reason);
  }
  return all;
}

bool Proposes(const Slate& slate, std::string_view source) {
  return std::ranges::any_of(slate.items, [&](const Recommendation& item) {
    return std::ranges::any_of(item.sources,
                               [&](const SourceScore& one) { return one.source == source; });
  });
}

class PipelineTest : public testing::Test {
 protected:
  ~PipelineTest() override {
    BeforeOdd() = [] {};
    odd_failure.clear();
    odd_leads = false;
  }
  void Make(const EngineOptions& options, EngineStages stages = {}) {
    stages.now = TestNow;
    engine_ = std::make_unique<Engine>(*bundle_, project_.log().catalogue(), options, stages);
  }
  static EngineOptions Budget(double ms, double odd_ms = 0) {
    const auto config = base::Config::Parse(
        fmt::format("[serving]\nbudget_ms = {}\nfilter_seen = false\n", ms), "upnext.toml");
    EngineOptions options = EngineOptions::FromConfig(*config);
    if (odd_ms > 0) options.generator_ms["odd"] = odd_ms;
    return options;
  }
  Slate Recommend(Request request = {}) const {
    request.user = "u";
    request.time_ms = features::Minutes(20'000);
    const auto state =
        std::make_shared<const features::UserState>(features::Fold(project_.log(), "u"));
    Result<Slate> slate = engine_->Recommend(state, request, engine_->StartClock());
    EXPECT_TRUE(slate);
    return slate ? *std::move(slate) : Slate{};
  }
  static std::vector<std::string> IdsOf(const Slate& slate) {
    std::vector<std::string> ids;
    for (const Recommendation& one : slate.items) ids.push_back(one.id);
    return ids;
  }
  const bundle::TestProject project_{{.registry = WithOdd()}};
  const std::unique_ptr<bundle::Bundle> bundle_ = project_.Open();
  std::unique_ptr<Engine> engine_;
};

TEST_F(PipelineTest, StagesAreTimedAndCountedAndAHealthyRequestIsNotDegraded) {
  BeforeOdd() = [] { Pass(7); };
  Make(Budget(1000));
  const Slate slate = Recommend({.n = 5});
  EXPECT_THAT(Degraded(slate), IsEmpty());
  std::vector<std::string> names;
  for (const StageTime& one : slate.stages) names.emplace_back(one.stage);
  EXPECT_THAT(names,
              ElementsAre("context", "generators", "pool", "features", "ranker", "rules", "slate"));
  EXPECT_EQ(slate.stages[1].ms, 7);
  EXPECT_EQ(slate.stages[1].left_ms, 993);
  EXPECT_EQ(slate.stages[1].out, slate.stages[2].in);
  EXPECT_EQ(slate.stages[2].out, slate.counts.after_filters);
  EXPECT_EQ(slate.stages[5].out, 5u);
  ASSERT_FALSE(slate.generators.empty());
  EXPECT_EQ(slate.generators[0].source, "odd");
  EXPECT_EQ(slate.generators[0].ms, 7);
  EXPECT_EQ(slate.generators[0].proposed, 1u);
}

TEST_F(PipelineTest, ALateGeneratorIsLeftBehindAndTheOthersAreUsed) {
  store::Gate gate;
  BeforeOdd() = [&] { gate.Wait(); };
  Make(Budget(1000, /*odd_ms=*/20));
  const Slate slate = Recommend({.explain = true});
  EXPECT_THAT(Degraded(slate), ElementsAre(HasSubstr("generators odd: was not done after")));
  EXPECT_FALSE(Proposes(slate, "odd"));
  EXPECT_TRUE(Proposes(slate, "candidate-model"));
  // It still reads its request, whose answer was given; then it ends, and the next one is on time.
  Recommend();
  const Slate third = Recommend();
  EXPECT_THAT(
      Degraded(third),
      ElementsAre("generators odd: was not asked: 2 of its earlier searches have not ended"));
  gate.Open();
  BeforeOdd() = [] {};
  Make(Budget(1000, /*odd_ms=*/60'000));  // waits for what the engine before left behind
  const Slate last = Recommend();
  EXPECT_THAT(Degraded(last), IsEmpty());
  EXPECT_TRUE(Proposes(last, "odd"));
}

TEST_F(PipelineTest, NextToTheRequestAGeneratorFindsTheSameAsInIt) {
  Make(Budget(0));
  const Slate here = Recommend({.exclude = {"i7"}, .explain = true});
  Make(Budget(0, /*odd_ms=*/60'000));
  const Slate next = Recommend({.exclude = {"i7"}, .explain = true});
  EXPECT_EQ(IdsOf(next), IdsOf(here));
  EXPECT_EQ(next.counts.distinct, here.counts.distinct);
  EXPECT_EQ(next.counts.proposed, here.counts.proposed);
  ASSERT_EQ(next.counts.filtered.size(), here.counts.filtered.size());
  for (size_t f = 0; f < here.counts.filtered.size(); ++f) {
    EXPECT_EQ(next.counts.filtered[f].items, here.counts.filtered[f].items);
  }
  EXPECT_FALSE(Proposes(next, "odd")) << "i7 is excluded there too";
}

TEST_F(PipelineTest, AGeneratorThatFailsIsAbsent) {
  BeforeOdd() = [] { throw std::runtime_error("its index is gone"); };
  for (const double odd_ms : {0.0, 60'000.0}) {
    Make(Budget(1000, odd_ms));
    const Slate slate = Recommend();
    EXPECT_THAT(Degraded(slate), ElementsAre("generators odd: failed: its index is gone"));
    EXPECT_GT(slate.items.size(), 10u);
  }
}

TEST_F(PipelineTest, WhatAGeneratorProposedBeforeItFailedMeansNothing) {
  odd_failure = "encoder.onnx: the output \"u\" is NaN";
  for (const double odd_ms : {0.0, 60'000.0}) {
    Make(Budget(1000, odd_ms));
    const Slate slate = Recommend({.explain = true});
    EXPECT_THAT(Degraded(slate), ElementsAre("generators odd: failed: " + odd_failure));
    EXPECT_FALSE(Proposes(slate, "odd"));
    EXPECT_GT(slate.items.size(), 10u);
  }
  odd_leads = true;  // so that it orders the list of a request
  Make(Budget(1000));
  const Slate given = Recommend({.stage = Stage::kRetrieval, .items = {"i3", "i7"}});
  EXPECT_THAT(Degraded(given), ElementsAre("generators odd: failed: " + odd_failure));
  EXPECT_THAT(IdsOf(given), testing::UnorderedElementsAre("i3", "i7"));
}

TEST_F(PipelineTest, WithoutTimeGeneratorsAreNotAskedAndNothingIsRanked) {
  BeforeOdd() = [] { Pass(30); };
  Make(Budget(30));
  const Slate slate = Recommend();
  EXPECT_EQ(IdsOf(slate), std::vector<std::string>{"i7"}) << "what the first one found";
  EXPECT_THAT(Degraded(slate),
              testing::AllOf(
                  testing::Contains("generators candidate-model: was not asked: no time was left"),
                  testing::Contains("ranker : 0.0 ms were left, enough for 0 of 1 "
                                    "candidates: the order is that of retrieval")));
  EXPECT_EQ(slate.counts.ranked, 0u);
}

// A ranker that takes a millisecond for a candidate.
Status SlowScore(const ranking::RankingModel& ranker, std::span<const float> exponents,
                 ranking::CandidateScratch& scratch) {
  Pass(static_cast<int64_t>(scratch.impressions.rows));
  return ranking::ScoreExtracted(ranker, exponents, scratch);
}

TEST_F(PipelineTest, WithLittleTimeTheBestByRetrievalAreRanked) {
  Make(Budget(100), {.score = SlowScore});
  const Slate first = Recommend({.n = 5});
  EXPECT_THAT(Degraded(first), IsEmpty()) << "the first ranking finds out how long it takes";
  const uint32_t all = first.counts.ranked;
  ASSERT_GT(all, 15u);
  BeforeOdd() = [] { Pass(90); };
  const Slate slate = Recommend({.n = 5, .explain = true});
  EXPECT_THAT(Degraded(slate),
              ElementsAre(fmt::format("ranker : 10.0 ms were left, enough for 10 of {} candidates: "
                                      "the best by retrieval were ranked",
                                      all)));
  EXPECT_EQ(slate.counts.ranked, 10u);
  EXPECT_EQ(slate.items.size(), 5u);
  EXPECT_EQ(slate.dropped.size(), slate.counts.distinct - 5);
  EXPECT_EQ(slate.dropped.back().reason, "no time was left to rank it");
  for (const Recommendation& one : slate.items) EXPECT_FALSE(one.predictions.empty());
  const Slate fewer = Recommend({.n = 15});
  EXPECT_EQ(fewer.counts.ranked, 0u) << "fewer than the slate has";
  EXPECT_EQ(fewer.items.size(), 15u);
}

TEST_F(PipelineTest, ARankerThatWasSlowOnceIsTriedAgain) {
  Make(Budget(100),
       {.score = [](const ranking::RankingModel& ranker, std::span<const float> exponents,
                    ranking::CandidateScratch& scratch) {
         static bool is_first = true;
         if (std::exchange(is_first, false)) Pass(5000);
         return ranking::ScoreExtracted(ranker, exponents, scratch);
       }});
  Recommend();
  EXPECT_EQ(Recommend().counts.ranked, 0u);
  int requests = 0;
  while (Recommend().counts.ranked == 0 && requests < 1000) ++requests;
  EXPECT_LT(requests, 100);
}

TEST_F(PipelineTest, WithoutScoresTheOrderIsThatOfRetrieval) {
  Make(Budget(1000));
  using Score = decltype(EngineStages::score);
  const Score throws = [](const ranking::RankingModel&, std::span<const float>,
                          ranking::CandidateScratch&) -> Status {
    throw std::runtime_error("no memory");
  };
  const Score fails = [](const ranking::RankingModel&, std::span<const float>,
                         ranking::CandidateScratch&) -> Status { return Internal("no network"); };
  const Score no_number = [](const ranking::RankingModel& ranker, std::span<const float> exponents,
                             ranking::CandidateScratch& scratch) {
    const Status scored = ranking::ScoreExtracted(ranker, exponents, scratch);
    scratch.scores[1] = std::numeric_limits<double>::quiet_NaN();
    return scored;
  };
  EngineOptions options = Budget(1000);
  for (const auto& entry : retrieval::BuiltInGenerators()) {
    if (entry.name != "candidate-model") options.budgets[std::string(entry.name)] = 0;
  }
  options.budgets["odd"] = 0;
  Make(options);
  const std::vector<std::string> expected = IdsOf(Recommend({.stage = Stage::kRetrieval}));
  for (const auto& [score, reason] :
       {std::pair(throws, "ranker : failed: no memory: the order is that of retrieval"),
        std::pair(fails, "ranker : failed: no network: the order is that of retrieval"),
        std::pair(no_number,
                  "ranker : gave a score that is no number: the order is that of retrieval")}) {
    Make(options, {.score = score});
    const Slate slate = Recommend();
    EXPECT_THAT(Degraded(slate), ElementsAre(reason));
    EXPECT_EQ(IdsOf(slate), expected);
    EXPECT_TRUE(slate.items[0].predictions.empty());
  }
}

TEST_F(PipelineTest, BudgetsDoNotCountForEvaluations) {
  BeforeOdd() = [] { Pass(50); };
  Make(Budget(10, /*odd_ms=*/1));
  const auto state = features::Fold(project_.log(), "u");
  const Result<Slate> slate =
      engine_->Recommend(state, {.user = "u", .time_ms = features::Minutes(20'000)});
  ASSERT_TRUE(slate);
  EXPECT_THAT(Degraded(*slate), IsEmpty());
  EXPECT_TRUE(Proposes(*slate, "odd"));
}

}  // namespace
}  // namespace upnext::serving
