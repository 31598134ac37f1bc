#include "retrieval/given_vectors.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "examples/test_world.h"
#include "nn/parameter.h"
#include "retrieval/candidate_training.h"
#include "retrieval/test_trainer.h"
#include "schema/schema.h"

namespace upnext::retrieval {
namespace {

using testing::HasSubstr;

// Items i0 to i9, of which the even ones have a vector of (number, 1).
examples::WorldOptions LogWithVectors() {
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
                                               fmt::format("i{}", (e + rng.Below(3)) % 10),
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
