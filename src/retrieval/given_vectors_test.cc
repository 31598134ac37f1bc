#include "retrieval/given_vectors.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>

#include "base/config.h"
#include "examples/learn.h"
#include "examples/test_world.h"
#include "nn/parameter.h"
#include "retrieval/candidate_training.h"
#include "retrieval/test_trainer.h"
#include "schema/schema.h"

namespace upnext::retrieval {
namespace {

using testing::HasSubstr;

// Items i0 to i9, of which the even ones have a vector of (number, 1); the first `watched` have events.
examples::WorldOptions LogWithVectors(uint32_t watched = 10) {
  examples::WorldOptions options;
  options.schema = schema::Schema::Parse("schema.items.vector = 'vector(2)'\n").value();
  const uint32_t vector = *options.schema.FindAttribute(schema::Entity::kItem, "vector");
  for (uint32_t i = 0; i < 10; ++i) {
    options.items.push_back(examples::Item(fmt::format("i{}", i), 60));
    if (i % 2 == 0) options.items.back().attributes = {{vector, fmt::format("{} 1", i)}};
  }
  base::Rng rng(3);
  for (uint32_t u = 0; u < 20; ++u) {
    for (uint32_t e = 0; e < 10; ++e) {
      options.events.push_back(examples::Watch(fmt::format("u{}", u),
                                               fmt::format("i{}", (e + rng.Below(3)) % watched),
                                               e * examples::kHour + u, 60));
    }
  }
  options.split.kind = examples::SplitOptions::Kind::kNone;
  return options;
}

class Notes : public base::Progress {
 public:
  void Begin(std::string_view, std::string_view, uint64_t) override {}
  void Update(uint64_t, std::string_view) override {}
  void End() override {}
  void Note(std::string_view line) override { text += std::string(line) + "\n"; }
  std::string text;
};

Result<TrainedCandidate> TrainFromGiven(const examples::World& world, const std::string& attribute,
                                        float rate, base::Progress& progress, uint32_t dim = 2) {
  CandidateTrainOptions options;
  options.pretrained = attribute;
  options.pretrained_rate = rate;
  options.stop_after = 2;
  base::ThreadPool pool(2);
  return TrainCandidateModel(world.source, world.Learn(),
                             {.dim = dim, .embedding_dim = 2, .recent_windows = {}}, options, pool,
                             progress);
}

TEST(GivenVectors, CG23_AtRateZeroGivenRowsStayAndOthersLearn) {
  const examples::World world(LogWithVectors());
  Notes notes;
  const auto trained = TrainFromGiven(world, "vector", /*rate=*/0, notes);
  ASSERT_TRUE(trained) << trained.error().message;
  const features::Vocabulary items = world.Learn().vocabulary(features::kItemVocabulary);
  base::Rng rng(CandidateTrainOptions().seed, /*stream=*/1);
  const CandidateModel fresh(trained->model->options(), trained->model->shape(), rng);
  for (uint32_t i = 0; i < 10; ++i) {
    const uint32_t row = items.Row(world.item(fmt::format("i{}", i)));
    const std::vector<float> given = {static_cast<float>(i), 1};
    const std::span<const float> found = trained->model->item_vectors().Row(row);
    EXPECT_EQ(std::ranges::equal(found, given), i % 2 == 0) << i;
    EXPECT_FALSE(std::ranges::equal(found, fresh.item_vectors().Row(row))) << i;
  }
  EXPECT_THAT(notes.text, HasSubstr("5 of 10 items start at their 'vector'"));
}

TEST(GivenVectors, CG23_AtRateOneGivenRowsLearnToo) {
  const examples::World world(LogWithVectors());
  const auto trained = TrainFromGiven(world, "vector", /*rate=*/1, base::NoProgress());
  ASSERT_TRUE(trained) << trained.error().message;
  const features::Vocabulary items = world.Learn().vocabulary(features::kItemVocabulary);
  const std::span<const float> found =
      trained->model->item_vectors().Row(items.Row(world.item("i4")));
  EXPECT_FALSE(std::ranges::equal(found, std::vector<float>{4, 1}));
}

TEST(GivenVectors, WhatIsNoVectorOfTheModelsWidthIsRefused) {
  const examples::World world(LogWithVectors());
  const auto why = [&](const std::string& attribute, uint32_t dim) {
    const auto trained = TrainFromGiven(world, attribute, 1, base::NoProgress(), dim);
    return trained ? "trained" : trained.error().message;
  };
  EXPECT_THAT(why("vektor", 2), HasSubstr("which is no attribute; declare it in [schema.items]"));
  EXPECT_THAT(why("title", 2), HasSubstr("which is another kind of attribute"));
  EXPECT_THAT(why("vector", 3), HasSubstr("set retrieval.dim = 2"));
}

// Nothing else is new, so that rows are seen as they start.
TEST(GivenVectors, TR02_NewRowsOfATrainingThatContinuesStartThereToo) {
  const examples::World before(LogWithVectors(/*watched=*/7));
  examples::WorldOptions more = LogWithVectors(/*watched=*/7);
  for (const char* item : {"i7", "i8"}) {
    more.events.push_back(examples::Watch("u0", item, 20 * examples::kHour, 60));
  }
  const examples::World now(more);
  const features::FeatureStatistics old = before.Learn();
  base::ThreadPool pool(2);
  const features::FeatureStatistics tables = examples::World::Value(
      examples::LearnFeatures(now.source, {}, pool, base::NoProgress(), &old));
  const features::Vocabulary& items = tables.vocabulary(features::kItemVocabulary);
  ASSERT_EQ(items.rows(), old.vocabulary(features::kItemVocabulary).rows() + 2);
  const CandidateModelOptions model{.dim = 2, .embedding_dim = 2, .recent_windows = {}};
  CandidateTrainOptions options;
  options.stop_after = 2;
  options.keep_state = true;
  const auto continued = [&](const std::string& pretrained, base::Progress& progress) {
    options.pretrained = pretrained;
    auto first = TrainCandidateModel(before.source, old, model, options, pool, base::NoProgress());
    EXPECT_TRUE(first) << first.error().message;
    auto again = TrainCandidateModel(now.source, tables, model, options, pool, progress,
                                     {first->model.get(), &*first->state, INT64_MAX - 1});
    EXPECT_TRUE(again) << again.error().message;
    const nn::EmbeddingTable &from = first->model->item_vectors(),
                             &to = again->model->item_vectors();
    for (uint32_t row = 0; row < from.rows(); ++row) {
      EXPECT_TRUE(std::ranges::equal(from.Row(row), to.Row(row))) << row;
    }
    const std::span<const float> i7 = to.Row(items.Row(now.item("i7")));
    EXPECT_FALSE(std::ranges::equal(i7, std::vector<float>{7, 1}));
    const std::span<const float> i8 = to.Row(items.Row(now.item("i8")));
    return std::ranges::equal(i8, std::vector<float>{8, 1});
  };
  for (const double decay : {0.0, 0.9}) {
    options.average_decay = decay;
    Notes given, item2vec;
    EXPECT_TRUE(continued("vector", given));
    EXPECT_THAT(given.text, HasSubstr("1 of 2 new items start at their 'vector'"));
    EXPECT_FALSE(continued("item2vec", item2vec));
    EXPECT_THAT(item2vec.text, HasSubstr("2 new items start at random"));
  }
}

TEST(GivenVectors, WhatHasNoEffectIsRefused) {
  const auto mistakes = [](const std::string& text) {
    const auto config = base::Config::Parse("[retrieval]\n" + text, "test.toml");
    EXPECT_TRUE(config);
    CandidateModelOptions::FromConfig(config->Table("retrieval"));
    CandidateTrainOptions::FromConfig(config->Table("retrieval"));
    const Status checked = config->Check();
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_THAT(mistakes("items = \"id\"\nid_dropout = 0.1\n"),
              HasSubstr("test.toml:3:1: retrieval.id_dropout: has no effect with items = \"id\""));
  EXPECT_EQ(mistakes("id_dropout = 0.1\n"), "");
  EXPECT_EQ(mistakes("id_dropout = 0.1\nitems = \"content\"\n"), "");
  EXPECT_THAT(mistakes("pretrained_rate = 0.1\n"), HasSubstr("has no effect without pretrained"));
  EXPECT_EQ(mistakes("pretrained_rate = 0.1\npretrained = \"sound\"\n"), "");
}

// The same step at three rates; the rows of labels 1 to 4 are given.
TEST(GivenVectors, CG23_ARateBetweenMovesGivenRowsThatShareOfTheWay) {
  const std::vector<uint32_t> given = {1, 2, 3, 4};
  for (const bool content : {false, true}) {
    for (const bool tied : {false, true}) {
      SCOPED_TRACE(fmt::format("content {} tied {}", content, tied));
      const auto moved = [&](float rate) {
        CandidateModelOptions model_options = StepOptions(1, tied);
        model_options.items = content ? ItemEncoder::kContent : ItemEncoder::kId;
        CandidateTrainOptions options = ExactOptions();
        options.pretrained_rate = rate;
        options.id_dropout = 0;
        Rig rig(model_options, options, given);
        const std::string name = content ? "item_ids" : tied ? "embedding.item" : "items";
        const std::vector<nn::Parameter> all = rig.model.Parameters();
        const std::span<float> values = std::ranges::find(all, name, &nn::Parameter::name)->value;
        std::vector<float> change(values.begin(), values.end());
        rig.trainer.FullGradients(rig.batch);
        rig.trainer.Apply();
        for (size_t i = 0; i < change.size(); ++i) change[i] = values[i] - change[i];
        return change;
      };
      const std::vector<float> none = moved(0), half = moved(0.5f), whole = moved(1);
      const size_t dim = 4;
      for (size_t i = dim; i < whole.size(); ++i) {
        const bool is_given = i / dim <= given.size();
        EXPECT_NEAR(none[i], is_given ? 0 : whole[i], 1e-6);
        EXPECT_NEAR(half[i], whole[i] * (is_given ? 0.5f : 1), 1e-6);
      }
      EXPECT_TRUE(std::ranges::any_of(whole, [](float x) { return x != 0; }));
    }
  }
}

}  // namespace
}  // namespace upnext::retrieval
