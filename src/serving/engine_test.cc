#include "serving/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "bundle/test_bundle.h"
#include "retrieval/index.h"
#include "schema/event.h"
#include "serving/similar.h"

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
  std::vector<retrieval::Hit> ModelOrder(const Request& request, const UserState& state, size_t n,
                                         bool skip_seen) const {
    const auto find = [&](schema::IdSpace space, const std::string& name) {
      return catalogue().Find(space, name);
    };
    features::CandidateBatch batch;
    features::CandidateExtractor(bundle_->tables(), catalogue())
        .Append(state, catalogue().user(find(schema::IdSpace::kUser, request.user)),
                {.time_ms = request.time_ms,
                 .device = find(schema::IdSpace::kDevice, request.device),
                 .region = find(schema::IdSpace::kRegion, request.region)},
                0, &batch);
    const retrieval::CandidateModel& model = *bundle_->candidate();
    std::vector<float> user(model.dim());
    retrieval::CandidateModel::Scratch scratch;
    model.UserVectors(batch, user.data(), scratch, {});
    const features::Vocabulary& items = bundle_->tables().vocabulary(features::VocabularyId::kItem);
    std::vector<retrieval::Hit> hits;
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

  std::unique_ptr<TestProject> project_;
  std::unique_ptr<bundle::Bundle> bundle_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, SY01_CountsDescribeTheFunnel) {
  Make({.candidates = 12, .popular = 6, .trending = 5, .co_watch = 4});
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
            c.distinct - c.filtered_seen - c.filtered_removed - c.filtered_excluded);
  EXPECT_GT(c.filtered_seen, 0u);
  EXPECT_EQ(c.filtered_excluded, 1u);
  const StageCounts of_nobody = Recommend(For("nobody", 7)).counts;
  EXPECT_EQ(of_nobody.filtered_seen, 0u);
  EXPECT_EQ(of_nobody.filtered_removed, 1u);
  EXPECT_GT(c.proposed, c.distinct);  // sources overlap
  EXPECT_LE(c.distinct, c.catalogue);
}

TEST_F(EngineTest, SY01_FirstStageThatKeepsEverythingLosesNoBestItem) {
  Make({.candidates = 40});
  const Slate all = Recommend(For("u", 5));
  Make({.candidates = 20});
  const Slate some = Recommend(For("u", 5));
  EXPECT_EQ(all.counts.after_filters, 40u - all.counts.filtered_seen - all.counts.filtered_removed);
  EXPECT_LT(some.counts.after_filters, all.counts.after_filters);
  // The ranker's best of everything leads; a narrower first stage can only lose items.
  EXPECT_GE(all.items[0].score, some.items[0].score);
}

TEST_F(EngineTest, SY02_ItemOfSeveralSourcesIsOneItemWithAllOfThem) {
  Make();
  const Slate slate = Recommend(For("u", 40));
  std::set<std::string> ids;
  size_t several = 0;
  std::map<std::string_view, int> sources;
  for (const Recommendation& item : slate.items) {
    EXPECT_TRUE(ids.insert(item.id).second) << item.id << " is there twice";
    ASSERT_FALSE(item.sources.empty());
    std::set<std::string_view> of_item;
    for (const SourceScore& source : item.sources) {
      EXPECT_TRUE(of_item.insert(source.source).second) << source.source << " counts twice";
      ++sources[source.source];
    }
    several += item.sources.size() > 1 ? 1 : 0;
    EXPECT_FALSE(item.reason.empty());
    EXPECT_EQ(item.title, "Title of " + item.id.substr(1));
  }
  EXPECT_GT(several, 0u);
  EXPECT_THAT(sources, testing::UnorderedElementsAre(
                           testing::Key("candidate-model"), testing::Key("co-watch"),
                           testing::Key("trending"), testing::Key("popular")));
  // Scores are the sources' own.
  for (const Recommendation& item : slate.items) {
    for (const SourceScore& source : item.sources) {
      if (source.source != "popular") continue;
      EXPECT_EQ(source.score, static_cast<double>(bundle_->popular().counts()[item.item]));
    }
  }
}

TEST_F(EngineTest, SY02_DroppingASourceDropsItsItems) {
  Make({.candidates = 0, .popular = 0, .trending = 0, .co_watch = 10});
  const Slate slate = Recommend(For("u", 1));
  for (const Recommendation& item : slate.items) {
    for (const SourceScore& source : item.sources) EXPECT_NE(source.source, "popular");
  }
  Make({.candidates = 0, .popular = 40, .trending = 0, .co_watch = 0});
  EXPECT_GT(Recommend(For("u", 1)).counts.after_filters, slate.counts.after_filters);
}

TEST_F(EngineTest, RetrievalStageIsTheModelsOwnOrder) {
  Make();
  for (const std::string user : {"u", "u5", "a stranger"}) {
    Request request = For(user, 10, Stage::kRetrieval);
    request.device = "tv";
    request.region = "US";
    const UserState state = user[0] == 'u' ? StateOf(user) : UserState();
    const Slate slate = Recommend(request, state);
    const std::vector<retrieval::Hit> want = ModelOrder(request, state, 10, true);
    ASSERT_EQ(slate.items.size(), 10u);
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(slate.items[i].item, want[i].row);
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

  Make({.filter_seen = false});
  const std::vector<std::string> with_seen = IdsOf(Recommend(For("u", 40)));
  EXPECT_EQ(with_seen.size(), 39u);  // all but the removed one
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
  UserState state;
  state.Apply({.time_ms = 1, .type = schema::EventType::kClick, .item = 3}, catalogue(), {});
  const Slate slate = Recommend(For("u"), state);
  EXPECT_THAT(slate.notes, testing::ElementsAre(HasSubstr("no complete watch")));
}

TEST_F(EngineTest, MoreItemsThanTheCatalogueGiveWhatThereIs) {
  Make({.candidates = 5});
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
  const features::RankingExtractor extractor(bundle_->tables(), catalogue());
  const schema::User user = catalogue().user(project_->log().Id(schema::IdSpace::kUser, "u"));
  const features::Context context{.time_ms = features::Minutes(20'000)};
  ranking::Ranker::Scratch scratch;
  for (size_t i = 0; i < slate.items.size(); ++i) {
    const Recommendation& item = slate.items[i];
    features::RankingBlock query(features::Side::kQuery), one(features::Side::kImpression);
    extractor.AppendQuery(state, user, context, &query);
    extractor.AppendImpression(
        state, user, context,
        {item.item, catalogue().Find(schema::IdSpace::kSource, item.sources.front().source)}, &one);
    std::vector<float> alone(engine_->objectives().size());
    bundle_->ranker()->Score(query, one, std::vector<uint32_t>{0}, alone.data(), scratch, {});
    EXPECT_THAT(item.predictions, testing::Pointwise(testing::FloatNear(1e-5f), alone));
    EXPECT_NEAR(item.score, ranking::CombinedScore(engine_->objectives(), alone), 1e-5);
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

  Make({.trending = 0, .co_watch = 0}, {.candidate = false, .ranker = false});
  const Slate popular = Recommend(For("nobody", 3));
  ASSERT_EQ(popular.items.size(), 3u);
  for (size_t i = 1; i < 3; ++i) EXPECT_GE(popular.items[i - 1].score, popular.items[i].score);

  Make({}, {.candidate = false, .ranker = false, .generators = false});
  EXPECT_TRUE(Recommend(For("u")).items.empty());
}

TEST_F(EngineTest, RequestIdsAreFreshAndListsAreNot) {
  Make();
  const Slate first = Recommend(For("u", 10)), second = Recommend(For("u", 10));
  EXPECT_NE(first.request, second.request);
  EXPECT_EQ(IdsOf(first), IdsOf(second));
}

TEST_F(EngineTest, ReasonNamesTheWatchedItemBehindACoWatchedOne) {
  Make({.candidates = 0, .popular = 0, .trending = 0, .co_watch = 5});
  const Slate slate = Recommend(For("u", 5));
  size_t because = 0;
  for (const Recommendation& item : slate.items) {
    if (item.sources.front().source != "co-watch") continue;
    EXPECT_THAT(item.reason, testing::StartsWith("because you watched Title of "));
    ++because;
  }
  EXPECT_GT(because, 0u);
}

TEST_F(EngineTest, SimilarItemsComeFromCoWatchThenFromVectors) {
  Make();
  const auto similar = SimilarItems(*bundle_, catalogue(), "i2", 38);
  ASSERT_TRUE(similar) << similar.error().message;
  EXPECT_EQ(similar->size(), 38u);  // all but itself and the removed one
  std::set<std::string> ids;
  bool vectors = false;
  double last = 1e9;
  for (const Recommendation& item : *similar) {
    EXPECT_TRUE(ids.insert(item.id).second);
    EXPECT_THAT(item.id, testing::AllOf(testing::Ne("i2"), testing::Ne("i1")));
    const bool of_vectors = item.sources.front().source == "item-vectors";
    EXPECT_TRUE(of_vectors || !vectors) << "co-watch comes first";
    if (of_vectors != vectors) last = 1e9;
    vectors = of_vectors;
    EXPECT_LE(item.score, last + 1e-12);
    last = item.score;
    EXPECT_TRUE(!of_vectors || std::abs(item.score) <= 1 + 1e-6);
  }
  EXPECT_TRUE(vectors);
  EXPECT_EQ(SimilarItems(*bundle_, catalogue(), "i2", 3)->size(), 3u);
  EXPECT_TRUE(SimilarItems(*bundle_, catalogue(), "i2", 0)->empty());
}

TEST_F(EngineTest, SimilarItemsOfAnUnknownItemAreAnError) {
  Make();
  const auto similar = SimilarItems(*bundle_, catalogue(), "no such item", 3);
  ASSERT_FALSE(similar);
  EXPECT_EQ(similar.error().code, Code::kNotFound);
  EXPECT_THAT(similar.error().message, HasSubstr("no such item"));
}

}  // namespace
}  // namespace upnext::serving
