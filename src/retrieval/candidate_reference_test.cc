#include "retrieval/candidate_reference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/file.h"
#include "base/test_folder.h"
#include "examples/test_world.h"
#include "features/feature_extractor.h"
#include "kernels/vector_ops.h"
#include "nn/parameter.h"
#include "retrieval/presets.h"
#include "retrieval/test_reference.h"

namespace upnext::retrieval {
namespace {

using features::FeatureSpec;
using features::Model;
using features::Side;

constexpr uint32_t kReferenceDim = 6;

FeatureSpec ReferenceSpec() {
  return {.defaults = true,
          .ranking = {{"dot", "request.retrieval_score", ""},
                      {"user_vector", "vector(request.user_vector, 6)", ""}}};
}

class CandidateReferenceTest : public testing::Test {
 protected:
  static constexpr int64_t kEnd = examples::kStart + 5 * examples::kDay;

  const features::Feature& Named(Side side, std::string_view name) const {
    for (const features::Feature& one : tables_.plan.side(Model::kRanking, side).numbers) {
      if (one.name == name) return one;
    }
    ADD_FAILURE() << name;
    return tables_.plan.side(Model::kRanking, side).numbers.front();
  }
  // What the features should be, by the candidate model itself.
  std::vector<float> UserVectorBy(const features::UserState& state, uint32_t user,
                                  const features::Context& context) const {
    features::FeatureBlock query;
    features::FeatureExtractor(first_, world_.catalogue, Model::kRetrieval)
        .AppendQuery(state, user, context, &query);
    std::vector<float> vector(kReferenceDim);
    CandidateModel::Scratch scratch;
    model_.UserVectors(query, vector.data(), scratch, {});
    return vector;
  }

  const examples::World world_{examples::RandomWorld(3)};
  const features::FeatureStatistics first_ = world_.Learn(ReferenceSpec());
  const CandidateModel model_ = RandomModel(first_, kReferenceDim);
  const features::FeatureStatistics tables_ =
      world_.Learn(ReferenceSpec(), 1, RandomReference(first_, kReferenceDim, kEnd));
};

TEST_F(CandidateReferenceTest, RK16_FeaturesAreTheUserVectorAndItsDotProductWithTheItem) {
  const uint32_t user = world_.user("u0");
  const features::UserState state =
      examples::StateAt(world_.source, user, world_.log.end(user), tables_.plan.state());
  const features::Context context{.time_ms = kEnd + examples::kDay};
  const features::FeatureExtractor extractor(tables_, world_.catalogue, Model::kRanking);
  const std::vector<float> expected = UserVectorBy(state, user, context);
  features::FeatureBlock query, impressions;
  const uint64_t made = tables_.reference->made();
  const auto request = extractor.For(state, user, context);
  request.AppendQuery(&query);
  const features::Feature& vector = Named(Side::kQuery, "user_vector");
  EXPECT_EQ(std::memcmp(query.dense.data() + vector.dense, expected.data(),
                        kReferenceDim * sizeof(float)),
            0);
  const features::Vocabulary& items = first_.vocabulary(features::kItemVocabulary);
  const auto rows = model_.item_vectors().view();
  size_t known = 0;
  for (uint32_t item = 0; item < world_.log.items(); ++item) {
    request.AppendImpression({.item = item}, &impressions);
    const float* const raw = impressions.raw.data() + item * impressions.raw_width;
    const float score = raw[Named(Side::kImpression, "dot").raw];
    if (items.Row(item) == 0) {
      EXPECT_TRUE(std::isnan(score)) << "an item without a vector";
      continue;
    }
    ++known;
    EXPECT_EQ(score,
              kernels::Dot(expected.data(), rows.data + items.Row(item) * rows.dim, kReferenceDim));
  }
  EXPECT_GT(known, 10u);
  EXPECT_LT(known, world_.log.items()) << "no item tests what is missing";
  EXPECT_EQ(tables_.reference->made(), made + 1) << "RK-01: once for all candidates";
}

TEST_F(CandidateReferenceTest, RK16_ARequestThatTheModelMayHaveSeenHasNoUserVector) {
  const uint32_t user = world_.user("u0");
  const features::UserState state =
      examples::StateAt(world_.source, user, world_.log.end(user), tables_.plan.state());
  const features::FeatureExtractor extractor(tables_, world_.catalogue, Model::kRanking);
  const features::Feature& vector = Named(Side::kQuery, "user_vector");
  const features::Feature& dot = Named(Side::kImpression, "dot");
  for (const int64_t after : {-1, 0}) {
    features::FeatureBlock query, impressions;
    const features::Context context{.time_ms = kEnd + after};
    extractor.AppendQuery(state, user, context, &query);
    extractor.AppendImpression(state, user, context, {.item = world_.item("i0")}, &impressions);
    const std::span numbers(query.dense.data() + vector.dense, kReferenceDim);
    const bool zero = std::ranges::all_of(numbers, [](float x) { return x == 0; });
    EXPECT_EQ(zero, after < 0);
    EXPECT_EQ(std::isnan(impressions.raw[dot.raw]), after < 0);
  }
}

// A tower whose output is zero ranks nothing.
TEST_F(CandidateReferenceTest, RK16_AUserVectorOfZeroIsMissing) {
  CandidateModel model = RandomModel(first_, kReferenceDim);
  for (nn::Parameter& parameter : model.Parameters()) {
    if (parameter.name.starts_with("tower")) std::ranges::fill(parameter.value, 0.0f);
  }
  features::FeatureStatistics tables = first_;
  tables.Refer(std::make_shared<const features::RetrievalReference>(
      first_, std::make_shared<const CandidateReference>(std::move(model)), 0, 1));
  const features::FeatureExtractor extractor(tables, world_.catalogue, Model::kRanking);
  const uint32_t user = world_.user("u0");
  features::FeatureBlock impressions;
  extractor.AppendImpression(features::UserState(tables.plan.state()), user, {.time_ms = kEnd},
                             {.item = world_.item("i0")}, &impressions);
  EXPECT_TRUE(std::isnan(impressions.raw[Named(Side::kImpression, "dot").raw]));
}

TEST_F(CandidateReferenceTest, RK16_TheFilesGiveBackTheSameModelAndDigest) {
  const base::TestFolder folder;
  const features::RetrievalReference& reference = *tables_.reference;
  ASSERT_TRUE(SaveReference(reference.tables(), *reference.model(), folder / "f", folder / "m"));
  const auto loaded = LoadReference(folder / "f", folder / "m", kEnd);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ((*loaded)->digest(), reference.digest());
  EXPECT_EQ((*loaded)->end_ms(), kEnd);
  const auto other = RandomReference(first_, kReferenceDim, kEnd, /*seed=*/2);
  EXPECT_NE(other->digest(), reference.digest());
  // Its own statistics alone.
  ASSERT_TRUE(world_.Learn({.drop = {"region"}}).Save(folder / "f"));
  EXPECT_EQ(LoadReference(folder / "f", folder / "m", kEnd).error().code,
            Code::kFailedPrecondition);
}

TEST_F(CandidateReferenceTest, RK16_AnotherWidthIsNamedWithWhatToSet) {
  EXPECT_TRUE(CheckWidth(tables_.plan, 6));
  EXPECT_TRUE(CheckWidth({}, 7)) << "no feature lists it";
  EXPECT_THAT(CheckWidth(tables_.plan, 8).error().message,
              testing::HasSubstr("user vectors of 8 numbers; train again"));
}

class WidthOfOptions : public CandidateReferenceTest {
 protected:
  // "" if all fit vector(request.user_vector, 6).
  std::string Mistake(const std::string& retrieval) const {
    const auto config = base::Config::Parse("[retrieval]\n" + retrieval, "test.toml");
    EXPECT_TRUE(config) << config.error().message;
    const Status fits =
        CheckWidth(tables_.plan, PresetOptions::FromConfig(config->Table("retrieval")));
    return fits ? "" : fits.error().message;
  }
};

TEST_F(WidthOfOptions, RK16_OfAnEnsembleAllItsModelsCountAndOfADistilledOneItself) {
  EXPECT_EQ(Mistake("dim = 6"), "");
  EXPECT_EQ(Mistake("dim = 3\nensemble = 2"), "");
  EXPECT_EQ(Mistake("dim = 6\nensemble = 2\ndistill = 0.5"), "");
  EXPECT_THAT(Mistake("preset = \"watch\"\ndim = 8"),
              testing::HasSubstr("user vectors of 8 numbers; write vector(request.user_vector, 8), "
                                 "or set [retrieval] dim = 6"));
  EXPECT_THAT(Mistake("dim = 6\nensemble = 2"),
              testing::HasSubstr("dim x ensemble = 6 x 2 = 12 numbers; write "
                                 "vector(request.user_vector, 12), or set [retrieval] dim = 3"));
  EXPECT_THAT(Mistake("dim = 2\nensemble = 4"), testing::EndsWith("(request.user_vector, 8)"))
      << "no dim makes four models of it";
}

TEST_F(WidthOfOptions, RK16_PresetsOfSeveralWidthsAskForADim) {
  const auto message = Mistake("preset = \"auto\"");
  EXPECT_THAT(message, testing::HasSubstr("numbers; set [retrieval] dim = 6, or choose a preset"));
  EXPECT_THAT(message, testing::Not(testing::HasSubstr("write")));
  EXPECT_EQ(Mistake("preset = \"auto\"\ndim = 6"), "");
}

}  // namespace
}  // namespace upnext::retrieval
