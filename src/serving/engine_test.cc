#include "serving/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "ann/index.h"
#include "bundle/test_bundle.h"
#include "features/feature_extractor.h"
#include "retrieval/training_watches.h"
#include "schema/event.h"

namespace upnext::serving {
namespace {

using bundle::TestProject;
using bundle::TestProjectOptions;
using features::UserState;
using testing::HasSubstr;

class EngineTest : public testing::Test {
 protected:
  void Make(const EngineOptions& options = {}, const TestProjectOptions& project = {}) {
    project_ = std::make_unique<TestProject>(project);
    bundle_ = project_->Open();
    ASSERT_NE(bundle_, nullptr);
    engine_ = std::make_unique<Engine>(*bundle_, catalogue(), options);
  }
  const catalogue::Catalogue& catalogue() const { return project_->log().catalogue(); }
  UserState StateOf(const std::string& user) const { return features::Fold(project_->log(), user); }
  Slate Recommend(const Request& request, const UserState& state) const {
    Result<Slate> slate = engine_->Recommend(state, request);
    if (!slate) ADD_FAILURE() << slate.error().message;
    return slate ? *std::move(slate) : Slate{};
  }
  Slate Recommend(const Request& request) const {
    const bool known = catalogue().Find(schema::IdSpace::kUser, request.user) != schema::kNone;
    return Recommend(request, known ? StateOf(request.user) : UserState());
  }
  static Request For(std::string user, uint32_t n = 20, Stage stage = Stage::kRanking) {
    return {.user = std::move(user), .n = n, .time_ms = features::Minutes(20'000), .stage = stage};
  }
  static std::vector<std::string> IdsOf(const Slate& slate) {
    std::vector<std::string> ids;
    for (const Recommendation& item : slate.items) ids.push_back(item.id);
    return ids;
  }
  // The candidate model's inner products with every item, the removed and those of `skip` left out.
  std::vector<ann::Hit> ModelOrder(const Request& request, const UserState& state, size_t n,
                                   bool skip_seen) const {
    const auto find = [&](schema::IdSpace space, const std::string& name) {
      return catalogue().Find(space, name);
    };
    features::FeatureBlock batch;
    features::FeatureExtractor(bundle_->tables(), catalogue(), features::Model::kRetrieval)
        .AppendQuery(state, find(schema::IdSpace::kUser, request.user),
                     {.time_ms = request.time_ms,
                      .device = find(schema::IdSpace::kDevice, request.device),
                      .region = find(schema::IdSpace::kRegion, request.region)},
                     &batch);
    const retrieval::UserItemModel& model = *bundle_->candidate();
    std::vector<float> user(model.dim());
    retrieval::UserItemModel::Scratch scratch;
    EXPECT_TRUE(model.EncodeUsers(batch, user.data(), scratch, {}));
    const features::Vocabulary& items = bundle_->tables().vocabulary(features::kItemVocabulary);
    std::vector<ann::Hit> hits;
    for (uint32_t row = 1; row < items.rows(); ++row) {
      const uint32_t item = items.Id(row);
      if (catalogue().item(item).removed || (skip_seen && state.HasWatched(item))) continue;
      float dot = 0;
      for (size_t d = 0; d < user.size(); ++d) dot += user[d] * model.item_vectors().Row(row)[d];
      hits.push_back({item, dot});
    }
    std::ranges::sort(hits, [](auto& a, auto& b) { return a.score > b.score; });
    hits.resize(std::min(hits.size(), n));
    return hits;
  }

  // The items, ordered by what the ranker predicts for each one alone, as if the candidate model
  // had proposed it.
  std::vector<std::string> RankerOrder(const Request& request, const UserState& state,
                                       std::span<const uint32_t> items) const {
    const features::FeatureExtractor extractor(bundle_->tables(), catalogue(),
                                               features::Model::kRanking);
    const uint32_t user = catalogue().Find(schema::IdSpace::kUser, request.user);
    const features::Context context{.time_ms = request.time_ms};
    const uint32_t source = catalogue().Find(schema::IdSpace::kSource, "candidate-model");
    ranking::Ranker::Scratch scratch;
    std::vector<std::pair<double, uint32_t>> scored;
    for (const uint32_t item : items) {
      features::FeatureBlock query, one;
      extractor.AppendQuery(state, user, context, &query);
      extractor.AppendImpression(state, user, context, {item, source}, &one);
      std::vector<float> predictions(engine_->objectives().size());
      bundle_->ranker()->trained()->Score(query, one, std::vector<uint32_t>{0}, predictions.data(),
                                          scratch, {});
      scored.emplace_back(
          -ranking::CombinedScore(ranking::ExponentsOf(engine_->objectives()), predictions), item);
    }
    std::ranges::sort(scored);
    std::vector<std::string> ids;
    for (const auto& [score, item] : scored) {
      ids.push_back(catalogue().Name(schema::IdSpace::kItem, item));
    }
    return ids;
  }
  static uint32_t Filtered(const StageCounts& counts, std::string_view filter) {
    const auto found = std::ranges::find(counts.filtered, filter, &FilterReason::filter);
    if (found != counts.filtered.end()) return found->items;
    ADD_FAILURE() << "no filter " << filter;
    return 0;
  }
  // Ids of the slate's items, with the names of who proposed each.
  static std::map<std::string, std::set<std::string>> SourcesOf(const Slate& slate) {
    std::map<std::string, std::set<std::string>> sources;
    for (const Recommendation& item : slate.items) {
      for (const SourceScore& source : item.sources) sources[item.id].insert(source.source);
    }
    return sources;
  }
  static EngineOptions Only(const std::string& generator, uint32_t candidates) {
    EngineOptions options;
    for (const auto& entry : retrieval::BuiltInGenerators()) {
      options.budgets[std::string(entry.name)] = entry.name == generator ? candidates : 0;
    }
    return options;
  }

  std::unique_ptr<TestProject> project_;
  std::unique_ptr<bundle::Bundle> bundle_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, SY01_CountsDescribeTheFunnel) {
  Make({.budgets = {{"candidate-model", 12}, {"popular", 6}, {"trending", 5}, {"co-watch", 4}}});
  Request request = For("u", 7);
  request.exclude = {"i5", "no such item"};
  const Slate slate = Recommend(request);
  const StageCounts& c = slate.counts;
  EXPECT_EQ(c.catalogue, 40u);
  EXPECT_EQ(c.shown, 7u);
  EXPECT_EQ(slate.items.size(), 7u);
  EXPECT_EQ(c.ranked, c.after_filters);
  EXPECT_GE(c.after_filters, 12u);  // what the model alone proposes
  EXPECT_LE(c.after_filters, 12u + 6 + 5 + 4);
  EXPECT_EQ(c.after_filters,
            c.distinct - Filtered(c, "seen") - Filtered(c, "removed") - Filtered(c, "excluded"));
  EXPECT_GT(c.proposed, c.distinct);  // generators overlap
  EXPECT_LE(c.distinct, c.catalogue);
}

TEST_F(EngineTest, SY01_EveryFilterCountsWhatItLeavesOut) {
  Make();
  const UserState state = StateOf("u");
  Request request = For("u", 40);
  request.exclude = {"i5", "i20", "no such item"};
  request.current_item = "i21";
  uint32_t seen = 0, excluded = 0, removed = 0;  // of an item that is two of them, the first counts
  for (uint32_t i = 0; i < 40; ++i) {
    const bool was_watched = state.HasWatched(project_->log().item(features::Numbered("i", i)));
    const bool is_excluded = i == 5 || i == 20 || i == 21;
    seen += was_watched ? 1 : 0;
    excluded += !was_watched && is_excluded ? 1 : 0;
    removed += !was_watched && !is_excluded && i == 1 ? 1 : 0;
  }
  ASSERT_GT(seen, 0u);
  const StageCounts counts = Recommend(request, state).counts;
  EXPECT_EQ(Filtered(counts, "seen"), seen);
  EXPECT_EQ(Filtered(counts, "excluded"), excluded);
  EXPECT_EQ(Filtered(counts, "removed"), removed);
  const StageCounts of_nobody = Recommend(For("nobody", 40)).counts;
  EXPECT_EQ(Filtered(of_nobody, "seen"), 0u);
  EXPECT_EQ(Filtered(of_nobody, "excluded"), 0u);
  EXPECT_EQ(Filtered(of_nobody, "removed"), 1u);
}

// The slate is the ranker's order of what the first stage kept: with everything kept, the best of
// the whole catalogue; with less, the best of that.
TEST_F(EngineTest, SY01_SlateIsTheRankersOrderOfWhatTheFirstStageKept) {
  for (const uint32_t kept : {300u, 12u, 6u}) {
    Make(Only("candidate-model", kept));
    for (const std::string user : {"u", "u5"}) {
      const UserState state = StateOf(user);
      const Request request = For(user, 6);
      std::vector<uint32_t> first_stage;
      for (const ann::Hit& hit : ModelOrder(request, state, kept, true)) {
        first_stage.push_back(hit.id);
      }
      std::vector<std::string> expected = RankerOrder(request, state, first_stage);
      ASSERT_GE(expected.size(), 6u);
      expected.resize(6);
      const Slate slate = Recommend(request, state);
      EXPECT_EQ(IdsOf(slate), expected) << user << " " << kept;
      EXPECT_EQ(slate.counts.after_filters, first_stage.size());
    }
  }
}

TEST_F(EngineTest, SY02_ItemOfSeveralSourcesIsOneItemWithAllOfThem) {
  Make();
  const Slate slate = Recommend(For("u", 40));
  std::set<std::string> ids;
  size_t several = 0;
  std::map<std::string, int> sources;
  for (const Recommendation& item : slate.items) {
    EXPECT_TRUE(ids.insert(item.id).second) << item.id << " is there twice";
    ASSERT_FALSE(item.sources.empty());
    std::set<std::string> of_item;
    for (const SourceScore& source : item.sources) {
      EXPECT_TRUE(of_item.insert(source.source).second) << source.source << " counts twice";
      ++sources[source.source];
    }
    several += item.sources.size() > 1 ? 1 : 0;
    EXPECT_FALSE(item.reason.empty());
    EXPECT_EQ(item.title, "Title of " + item.id.substr(1));
  }
  EXPECT_GT(several, 0u);
  EXPECT_THAT(sources,
              testing::UnorderedElementsAre(testing::Key("candidate-model"),
                                            testing::Key("co-watch"), testing::Key("trending"),
                                            testing::Key("popular"), testing::Key("new-items")));
  // Scores are the sources' own.
  const std::vector<uint64_t> watches = retrieval::CountWatches(project_->source());
  for (const Recommendation& item : slate.items) {
    for (const SourceScore& source : item.sources) {
      if (source.source != "popular") continue;
      EXPECT_EQ(source.score, static_cast<double>(watches[item.item]));
    }
  }
}

TEST_F(EngineTest, SY02_WithoutAGeneratorItsItemsStayIfAnotherProposedThem) {
  const EngineOptions all{
      .budgets = {
          {"candidate-model", 0}, {"popular", 0}, {"co-watch", 6}, {"trending", 6}, {"topic", 6}}};
  Make(all);
  const auto before = SourcesOf(Recommend(For("u", 40)));
  for (const std::string dropped : {"co-watch", "trending", "topic"}) {
    auto expected = before;
    for (auto& [item, sources] : expected) sources.erase(dropped);
    const size_t gone =
        std::erase_if(expected, [](const auto& item) { return item.second.empty(); });
    EXPECT_GT(gone, 0u) << "the test asks for items of " << dropped << " alone";
    EngineOptions fewer = all;
    fewer.budgets[dropped] = 0;
    Make(fewer);
    EXPECT_EQ(SourcesOf(Recommend(For("u", 40))), expected);
  }
}

TEST_F(EngineTest, SY02_TheFirstGeneratorInUseThatCanFillsTheSlate) {
  Make({.budgets = {{"candidate-model", 5},
                    {"popular", 0},
                    {"trending", 0},
                    {"co-watch", 0},
                    {"new-items", 0}}});
  EXPECT_EQ(Recommend(For("nobody", 30)).items.size(), 30u);
  Make({.budgets = {{"candidate-model", 0},
                    {"popular", 5},
                    {"trending", 0},
                    {"co-watch", 0},
                    {"new-items", 0}}});
  const Slate popular = Recommend(For("nobody", 12));
  EXPECT_EQ(popular.items.size(), 12u);
  for (const auto& [item, sources] : SourcesOf(popular)) {
    EXPECT_THAT(sources, testing::ElementsAre("popular"));
  }
  const Slate first_stage = Recommend(For("nobody", 12, Stage::kRetrieval));
  for (size_t i = 1; i < 12; ++i) {
    EXPECT_GE(first_stage.items[i - 1].score, first_stage.items[i].score);
  }
  Make(Only("trending", 3));
  EXPECT_EQ(Recommend(For("nobody", 12)).items.size(), 3u);
}

TEST_F(EngineTest, RetrievalStageIsTheModelsOwnOrder) {
  Make();
  Request scored = For("u", 10, Stage::kRetrieval);
  scored.score = "watch:1";
  const auto refused = engine_->Recommend(StateOf("u"), scored);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("none with the stage retrieval"));
  for (const std::string user : {"u", "u5", "a stranger"}) {
    Request request = For(user, 10, Stage::kRetrieval);
    request.device = "tv";
    request.region = "US";
    const UserState state = user[0] == 'u' ? StateOf(user) : UserState();
    const Slate slate = Recommend(request, state);
    const std::vector<ann::Hit> want = ModelOrder(request, state, 10, true);
    ASSERT_EQ(slate.items.size(), 10u);
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(slate.items[i].item, want[i].id);
      EXPECT_NEAR(slate.items[i].score, static_cast<double>(want[i].score), 1e-5);
      EXPECT_THAT(slate.items[i].sources, testing::SizeIs(1));
    }
    EXPECT_EQ(slate.counts.ranked, 0u);
  }
}

TEST_F(EngineTest, SeenRemovedExcludedAndSeedStayOut) {
  Make();
  const UserState state = StateOf("u");
  ASSERT_FALSE(state.watches().empty());
  Request request = For("u", 40);
  request.exclude = {"i20", "i21"};
  request.current_item = "i22";
  const Slate slate = Recommend(request, state);
  for (const Recommendation& item : slate.items) {
    EXPECT_FALSE(state.HasWatched(item.item)) << item.id;
    EXPECT_THAT(item.id, testing::AllOf(testing::Ne("i1"), testing::Ne("i20"), testing::Ne("i21"),
                                        testing::Ne("i22")));
  }
  // Everything else of the catalogue is there: 40 candidates were asked for.
  size_t want = 0;
  for (uint32_t i = 0; i < 40; ++i) {
    const bool out = i == 1 || i == 20 || i == 21 || i == 22;
    want += !out && !state.HasWatched(project_->log().item(features::Numbered("i", i))) ? 1 : 0;
  }
  EXPECT_EQ(slate.items.size(), want);

  Make({.feed = {.filter_seen = false}});
  const std::vector<std::string> with_seen = IdsOf(Recommend(For("u", 40)));
  EXPECT_EQ(with_seen.size(), 39u);  // all but the removed one
}

TEST_F(EngineTest, WhatWasBegunComesBackOnlyWhereTheOptionsShowIt) {
  for (const bool hidden : {true, false}) {
    Make({.budgets = {{"continue", 5}}, .feed = {.filter_started = hidden}});
    UserState state = StateOf("u");
    state.Apply({.time_ms = features::Minutes(19'000),
                 .type = schema::EventType::kWatch,
                 .item = project_->log().item("i30"),
                 .value = 0.5f},
                catalogue(), {});
    ASSERT_TRUE(state.HasStarted(project_->log().item("i30")));
    const Slate slate = Recommend(For("u", 40), state);
    const auto begun = std::ranges::find(slate.items, "i30", &Recommendation::id);
    ASSERT_EQ(begun == slate.items.end(), hidden);
    if (hidden) continue;
    EXPECT_THAT(begun->sources,
                testing::Contains(testing::Field(&SourceScore::source, "continue")));
  }
}

TEST_F(EngineTest, CG22_UnknownUserGetsAValidRegionDependentListAndIsToldWhy) {
  Make();
  Request germany = For("nobody", 10), states = For("nobody", 10), nowhere = For("nobody", 10);
  germany.region = "DE";
  states.region = "US";
  nowhere.region = "Atlantis";
  const Slate in_germany = Recommend(germany), in_states = Recommend(states),
              in_nowhere = Recommend(nowhere);
  for (const Slate* slate : {&in_germany, &in_states, &in_nowhere}) {
    EXPECT_EQ(slate->items.size(), 10u);
    ASSERT_FALSE(slate->notes.empty());
    EXPECT_THAT(slate->notes[0], HasSubstr("unknown user"));
    for (const Recommendation& item : slate->items) EXPECT_NE(item.id, "i1");
  }
  EXPECT_NE(IdsOf(in_germany), IdsOf(in_states));
  EXPECT_THAT(in_nowhere.notes, testing::Contains(HasSubstr("region 'Atlantis' was never seen")));
  Request first = germany, second = states;
  first.stage = second.stage = Stage::kRetrieval;
  EXPECT_NE(IdsOf(Recommend(first)), IdsOf(Recommend(second)));
  // A user with a history needs no such note.
  EXPECT_THAT(Recommend(For("u")).notes, testing::IsEmpty());
}

TEST_F(EngineTest, KnownUserWithoutCompleteWatchIsToldSo) {
  Make();
  UserState state = features::EmptyState();
  state.Apply({.time_ms = 1, .type = schema::EventType::kClick, .item = 3}, catalogue(), {});
  const Slate slate = Recommend(For("u"), state);
  EXPECT_THAT(slate.notes, testing::ElementsAre(HasSubstr("no complete watch")));
}

TEST_F(EngineTest, MoreItemsThanTheCatalogueGiveWhatThereIs) {
  Make({.budgets = {{"candidate-model", 5}}});
  const Slate slate = Recommend(For("nobody", 1'000));
  EXPECT_EQ(slate.items.size(), 39u);
  EXPECT_EQ(slate.counts.shown, 39u);
  const auto none = engine_->Recommend(UserState(), For("u", 0));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::kInvalidArgument);
}

TEST_F(EngineTest, RK01_QueryFeaturesAreMadeOncePerRequest) {
  Make();
  for (const uint32_t n : {1u, 40u}) {
    const Slate slate = Recommend(For("u", n));
    EXPECT_GT(slate.counts.ranked, 20u);
    EXPECT_EQ(slate.counts.queries, 1u);
  }
  EXPECT_EQ(Recommend(For("u", 5, Stage::kRetrieval)).counts.queries, 0u);
}

TEST_F(EngineTest, SV07_SlateScoresEqualOneByOneScores) {
  Make();
  const Slate slate = Recommend(For("u", 10));
  const UserState state = StateOf("u");
  const features::FeatureExtractor extractor(bundle_->tables(), catalogue(),
                                             features::Model::kRanking);
  const uint32_t user = project_->log().Id(schema::IdSpace::kUser, "u");
  const features::Context context{.time_ms = features::Minutes(20'000)};
  ranking::Ranker::Scratch scratch;
  for (size_t i = 0; i < slate.items.size(); ++i) {
    const Recommendation& item = slate.items[i];
    features::FeatureBlock query, one;
    extractor.AppendQuery(state, user, context, &query);
    extractor.AppendImpression(
        state, user, context,
        {item.item, catalogue().Find(schema::IdSpace::kSource, item.sources.front().source)}, &one);
    std::vector<float> alone(engine_->objectives().size());
    bundle_->ranker()->trained()->Score(query, one, std::vector<uint32_t>{0}, alone.data(), scratch,
                                        {});
    EXPECT_THAT(item.predictions, testing::Pointwise(testing::FloatNear(1e-5f), alone));
    EXPECT_NEAR(item.score,
                ranking::CombinedScore(ranking::ExponentsOf(engine_->objectives()), alone), 1e-5);
    EXPECT_GE(slate.items[i > 0 ? i - 1 : 0].score, item.score);
  }
}

TEST_F(EngineTest, WorksWithoutRankerAndWithoutAnyModel) {
  Make({}, {.ranker = false});
  const Slate unranked = Recommend(For("u", 5));
  EXPECT_EQ(unranked.items.size(), 5u);
  EXPECT_THAT(unranked.notes, testing::Contains(HasSubstr("no ranker")));
  EXPECT_TRUE(engine_->objectives().empty());
  EXPECT_EQ(unranked.items[0].sources[0].source, "candidate-model");

  Make({.budgets = {{"trending", 0}, {"co-watch", 0}}}, {.candidate = false, .ranker = false});
  const Slate popular = Recommend(For("nobody", 3));
  ASSERT_EQ(popular.items.size(), 3u);
  for (size_t i = 1; i < 3; ++i) EXPECT_GE(popular.items[i - 1].score, popular.items[i].score);

  Make({}, {.candidate = false, .ranker = false, .generators = false});
  EXPECT_TRUE(Recommend(For("u")).items.empty());
}

}  // namespace
}  // namespace upnext::serving
