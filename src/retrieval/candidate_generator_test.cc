#include "retrieval/candidate_generator.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ann/index.h"
#include "base/config.h"
#include "examples/test_world.h"
#include "features/default_features.h"
#include "features/feature_extractor.h"
#include "nn/parameter.h"
#include "retrieval/indexed_items.h"
#include "retrieval/new_item_index.h"
#include "retrieval/test_batch.h"
#include "retrieval/test_generator.h"
#include "retrieval/test_user_item_model.h"
#include "schema/event.h"

namespace upnext::retrieval {
namespace {

using examples::World;

class CandidateGeneratorTest : public testing::Test {
 protected:
  CandidateGeneratorTest() {
    for (nn::Parameter& parameter : model_.Parameters()) {
      for (float& value : parameter.value) value = static_cast<float>(rng_.Uniform() - 0.5);
    }
    base::ThreadPool pool(1);
    index_ = *ann::BuildIndex(
        {}, IndexedItems(model_.item_vectors(), tables_.vocabulary(features::kItemVocabulary)), {},
        pool, base::NoProgress());
    generator_ = *CandidateGenerator::Load({.part = std::nullopt,
                                            .items = world_.log.items(),
                                            .tables = tables_,
                                            .candidate = &model_,
                                            .index = index_.get()});
  }
  std::string ReasonFor(const World& world, const features::UserState& state,
                        const std::string& item) const {
    return generator_->Reason({world.catalogue, state, schema::kNone, {}}, {world.item(item), 1});
  }

  const World world_{examples::RandomWorld(7)};
  const features::FeatureStatistics tables_ = world_.Learn();
  base::Rng rng_{3};
  CandidateModel model_{
      {.dim = 6, .embedding_dim = 6, .depth = 1, .recent_windows = {}}, ShapeOf(tables_), rng_};
  std::unique_ptr<ann::Index> index_;
  std::unique_ptr<const Generator> generator_;
};

TEST_F(CandidateGeneratorTest, ProposesByInnerProductWithTheUsersVector) {
  const features::UserState state =
      examples::StateAt(world_.source, 2, examples::kAllRows, tables_.plan.state());
  const features::Context context{.time_ms = examples::kStart + 30 * examples::kDay};
  const uint32_t user = 2;
  features::FeatureBlock batch;
  features::FeatureExtractor(tables_, world_.catalogue, features::Model::kRetrieval)
      .AppendQuery(state, user, context, &batch);
  const std::vector<float> vector = UserVectors(model_, batch);
  const features::Vocabulary& items = tables_.vocabulary(features::kItemVocabulary);
  std::vector<ScoredItem> want;
  auto even = [](uint32_t item) { return item % 2 == 0; };
  for (uint32_t row = 1; row < items.rows(); ++row) {
    float dot = 0;
    for (size_t d = 0; d < vector.size(); ++d) dot += vector[d] * model_.item_vectors().Row(row)[d];
    if (even(items.Id(row))) want.push_back({items.Id(row), dot});
  }
  std::ranges::sort(want, BetterScore);
  ASSERT_GT(want.size(), 4u);
  std::vector<Candidate> found;
  EXPECT_TRUE(
      generator_->Propose({world_.catalogue, state, user, context}, 4, ItemFilter(even), &found));
  ASSERT_EQ(found.size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(found[i].item, want[i].item);
    EXPECT_NEAR(found[i].score, want[i].score, 1e-5);
  }
  EXPECT_TRUE(generator_->FillsSlate());
}

TEST_F(CandidateGeneratorTest, ReasonNamesAHabitElseTheHistoryElseTheSituation) {
  const auto item = [](const char* name, const char* channel, std::vector<std::string> topics) {
    schema::RawItem raw;
    raw.item = name;
    raw.channel = channel;
    raw.topics = std::move(topics);
    return raw;
  };
  const World world({.events = {examples::Watch("u", "a", 1, 99)},
                     .items = {item("a", "Bakery", {"bread"}), item("b", "Bakery", {}),
                               item("c", "Mill", {"grain", "bread"}), item("d", "Pub", {})},
                     .split = {.kind = examples::SplitOptions::Kind::kNone}});
  const features::UserState twice = StateAfter(world, {"a", "a"}),
                            often = StateAfter(world, {"a", "a", "a"});
  EXPECT_EQ(ReasonFor(world, often, "b"), "you watched Bakery 3 times");
  EXPECT_EQ(ReasonFor(world, often, "c"), "you often watch bread");
  EXPECT_EQ(ReasonFor(world, often, "d"), "people with a history like yours watched it next");
  EXPECT_EQ(ReasonFor(world, twice, "b"), "people with a history like yours watched it next");
  EXPECT_EQ(ReasonFor(world, features::UserState(), "b"),
            "often watched by people in your situation");
}

// Items after those of the tables have no row there.
TEST_F(CandidateGeneratorTest, ReasonOfANewItemIsItsDescription) {
  examples::WorldOptions options = {.events = {examples::Watch("u", "i0", 1, 99)},
                                    .split = {.kind = examples::SplitOptions::Kind::kNone}};
  for (uint32_t i = 0; i <= world_.log.items(); ++i) {
    options.items.push_back(examples::Item(fmt::format("i{}", i), 60));
  }
  const World world(options);
  const std::string fresh = fmt::format("i{}", world_.log.items());
  EXPECT_EQ(ReasonFor(world, StateAfter(world, {"i0"}), fresh),
            "like what you have watched, by its description");
  EXPECT_EQ(ReasonFor(world, features::UserState(), fresh), "new");
  const auto site = base::Config::Parse("verb = \"read\"", "test.toml");
  const SiteVerb reads = SiteVerb::FromConfig(site->root()).For({}, {});
  const features::UserState state = StateAfter(world, {"i0"});
  EXPECT_EQ(generator_->Reason({world.catalogue, state, schema::kNone, {}, reads},
                               {world.item(fresh), 1}),
            "like what you have read, by its description");
}

// Alone and together with other requests.
TEST_F(CandidateGeneratorTest, CG24_NewItemsAreNotProposedBeforeTheyAreCreated) {
  constexpr int64_t kCreated = examples::kStart + 30 * examples::kDay;
  constexpr size_t kAll = 10'000;
  examples::WorldOptions options = examples::RandomWorld(7);
  for (const char* name : {"undated", "late"}) {  // like an item that was watched
    options.items.push_back(options.items.front());
    options.items.back().item = name;
    options.items.back().created_ms = schema::kNoTime;
  }
  options.items.back().created_ms = kCreated;
  const World world(options);
  features::FeatureSpec spec;
  spec.retrieval = features::ContentFeatures();
  const features::FeatureStatistics described = world.Learn(spec);
  base::Rng rng(4);
  CandidateModel by_content({.items = ItemEncoder::kContent,
                             .dim = model_.dim(),
                             .embedding_dim = 6,
                             .depth = 1,
                             .recent_windows = {}},
                            ShapeOf(described), rng);
  for (nn::Parameter& parameter : by_content.Parameters()) {
    for (float& value : parameter.value) value = static_cast<float>(rng.Uniform() - 0.5);
  }
  const auto fresh = NewItemIndex::Make(by_content, described, world.catalogue);
  const std::vector<uint32_t> ids = {world.item("undated"), world.item("late")};
  ASSERT_GE(fresh->size(), ids.size());
  const features::UserState state(tables_.plan.state());
  for (const int64_t time_ms : {kCreated - 1, kCreated}) {
    const features::Context context{.time_ms = time_ms};
    const ProposeRequest request{.catalogue = world.catalogue,
                                 .state = state,
                                 .user = schema::kNone,
                                 .context = context,
                                 .new_items = fresh.get()};
    base::ThreadPool pool(1);
    std::vector<std::vector<Candidate>> found =
        generator_->ProposeMany(std::vector<ProposeRequest>{request}, kAll, pool).value();
    EXPECT_TRUE(generator_->Propose(request, kAll, {}, &found.emplace_back()));
    for (const std::vector<Candidate>& candidates : found) {
      const auto has = [&](uint32_t id) {
        return std::ranges::count(candidates, id, &Candidate::item) > 0;
      };
      EXPECT_TRUE(has(ids[0]));
      EXPECT_EQ(has(ids[1]), time_ms == kCreated);
    }
  }
}

// As those of a network of others, which has learned from examples that are older than the log.
TEST_F(CandidateGeneratorTest, ItemsWithoutAVectorAreNotProposedThoughAllScoresAreNegative) {
  const features::Vocabulary& items = tables_.vocabulary(features::kItemVocabulary);
  const size_t rows = items.rows(), searched = rows - 3;
  const NegativeScores model(rows, searched);
  base::ThreadPool pool(1);
  const auto index = *ann::BuildIndex({}, IndexedItems(model, items), {}, pool, base::NoProgress());
  const auto load = [&](const NegativeScores& of) {
    return *CandidateGenerator::Load(
        {.part = std::nullopt, .tables = tables_, .candidate = &of, .index = index.get()});
  };
  const features::UserState state(tables_.plan.state());
  const features::Context context{.time_ms = examples::kStart + 30 * examples::kDay};
  const std::vector<ProposeRequest> requests = {
      {.catalogue = world_.catalogue, .state = state, .user = schema::kNone, .context = context}};
  const auto generator = load(model);
  std::vector<Candidate> found;
  ASSERT_TRUE(generator->Propose(requests[0], rows, {}, &found));
  ASSERT_EQ(found.size(), searched - 1);
  for (size_t i = 0; i < found.size(); ++i) EXPECT_EQ(items.Row(found[i].item), i + 1);
  EXPECT_EQ(generator->ProposeMany(requests, rows, pool).value().at(0), found);
  // A network may fail.
  const NegativeScores broken(rows, searched, "encoder.onnx: the output is NaN");
  const auto failing = load(broken);
  const Status one = failing->Propose(requests[0], rows, {}, &found);
  const auto many = failing->ProposeMany(requests, rows, pool);
  ASSERT_TRUE(!one && !many);
  EXPECT_EQ(one.error().message, "encoder.onnx: the output is NaN");
  EXPECT_EQ(many.error().message, "encoder.onnx: the output is NaN");
}

TEST_F(CandidateGeneratorTest, WithoutModelOrIndexThereIsNone) {
  for (const CandidateModel* model : {static_cast<CandidateModel*>(nullptr), &model_}) {
    const auto loaded =
        CandidateGenerator::Load({.part = std::nullopt,
                                  .items = 1,
                                  .tables = tables_,
                                  .candidate = model,
                                  .index = model == nullptr ? index_.get() : nullptr});
    ASSERT_TRUE(loaded);
    EXPECT_EQ(*loaded, nullptr);
  }
}

}  // namespace
}  // namespace upnext::retrieval
