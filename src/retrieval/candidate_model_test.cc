#include "retrieval/candidate_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "examples/test_world.h"
#include "features/feature_extractor.h"
#include "retrieval/bag_input.h"
#include "retrieval/test_batch.h"

namespace upnext::retrieval {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

CandidateModel Model(const CandidateModelOptions& options, uint64_t seed = 1) {
  base::Rng rng(seed);
  return CandidateModel(options, SmallShape(), rng);
}
CandidateModelOptions SmallOptions() {
  CandidateModelOptions options;
  options.dim = 6;
  options.embedding_dim = 5;
  options.context_dim = 3;
  return options;
}

uint64_t Values(CandidateModel& model) {
  uint64_t n = 0;
  for (const nn::Parameter& parameter : model.Parameters()) n += parameter.value.size();
  return n;
}

TEST(CandidateModelOptions, CG10_WidthsHalveDownToDim) {
  CandidateModelOptions options;
  options.dim = 256;
  const auto widths = [&](uint32_t depth) {
    options.depth = depth;
    return options.widths();
  };
  EXPECT_THAT(widths(0), ElementsAre(256));
  EXPECT_THAT(widths(1), ElementsAre(256));
  EXPECT_THAT(widths(3), ElementsAre(1024, 512, 256));
  EXPECT_THAT(widths(4), ElementsAre(2048, 1024, 512, 256));
}

TEST(CandidateModel, CG10_DepthZeroIsLinearAndDeeperOnesEndInRelu) {
  const features::CandidateBatch batch = RandomBatch(200, SmallShape());
  CandidateModelOptions options = SmallOptions();
  for (const uint32_t depth : {0u, 1u, 2u, 3u}) {
    options.depth = depth;
    const std::vector<float> u = UserVectors(Model(options), batch);
    const bool negative = std::ranges::any_of(u, [](float x) { return x < 0; });
    EXPECT_EQ(negative, depth == 0) << depth;
    EXPECT_TRUE(std::ranges::any_of(u, [](float x) { return x > 0; })) << depth;
  }
}

TEST(CandidateModel, CG02_InputHoldsTheMeanOfTheWatchesByHand) {
  // Depth 0 with the identity for the part that reads the watches: u is their mean.
  CandidateModelOptions options = SmallOptions();
  options.dim = options.embedding_dim = 4;
  options.depth = 0;
  CandidateModel model = Model(options);
  for (const nn::Parameter& parameter : model.Parameters()) {
    if (parameter.name == "tower.0.bias") std::ranges::fill(parameter.value, 0.0f);
    if (parameter.name == "tower.0.weight") {
      const CandidateLayout layout = LayoutOf(options, SmallShape().inputs);
      std::ranges::fill(parameter.value, 0.0f);
      for (size_t d = 0; d < 4; ++d)
        parameter.value[d * layout.width + layout.inputs[0].offset + d] = 1;
    }
    if (parameter.name == "embedding.item") {
      for (size_t i = 4; i < parameter.value.size(); ++i) {
        parameter.value[i] = static_cast<float>(i);
      }
    }
  }
  features::CandidateBatch batch = RandomBatch(3, SmallShape());
  WatchesOf(batch).ids = {1, 3, 0, 2};
  WatchesOf(batch).offsets = {0, 2, 4, 4};
  const std::vector<float> u = UserVectors(model, batch);
  // Rows 1 and 3 start at 4 and 12; row 0 counts in the mean and is zero; an empty bag is zero.
  EXPECT_THAT(u, ElementsAre(8, 9, 10, 11, 4, 4.5, 5, 5.5, 0, 0, 0, 0));
}

TEST(CandidateModel, CG02_CG21_OrderOfWatchesAndTokensDoesNotMatter) {
  const CandidateModel model = Model(SmallOptions());
  features::CandidateBatch batch = RandomBatch(1, SmallShape());
  WatchesOf(batch).ids = {1, 2, 3, 4, 4, 5};
  WatchesOf(batch).offsets = {0, 6};
  TokensOf(batch).ids = {3, 1, 2, 6};
  TokensOf(batch).offsets = {0, 4};
  const std::vector<float> u = UserVectors(model, batch);
  std::ranges::reverse(WatchesOf(batch).ids);
  std::swap(TokensOf(batch).ids[0], TokensOf(batch).ids[3]);
  const std::vector<float> shuffled = UserVectors(model, batch);
  for (size_t d = 0; d < u.size(); ++d) EXPECT_NEAR(u[d], shuffled[d], 1e-6);
  WatchesOf(batch).ids[0] = 7;
  EXPECT_NE(UserVectors(model, batch), shuffled);
}

// Through the extractor: two users whose searches differ in order alone are one to the model, to
// the byte.
TEST(CandidateModel, CG21_UsersWhoSearchInAnotherOrderGetEqualVectors) {
  using namespace examples;
  WorldOptions options;
  for (const char* user : {"a", "b"}) {
    options.events.push_back(Watch(user, "x", kHour, 60));
    options.events.push_back(Watch(user, "y", 2 * kHour, 60));
  }
  const char* queries[] = {"taylor swift live", "cats", "how to cook rice"};
  for (int i = 0; i < 3; ++i) {
    options.events.push_back(Search("a", queries[i], (3 + i) * kHour));
    options.events.push_back(Search("b", queries[2 - i], (3 + i) * kHour));
  }
  options.split.kind = SplitOptions::Kind::kNone;
  const World world(options);
  const features::FeatureStatistics tables = world.Learn();
  ASSERT_GT(tables.tokens.rows(), 8u);
  base::Rng rng(1);
  const CandidateModel model(SmallOptions(), ShapeOf(tables), rng);
  const features::FeatureExtractor extractor(tables, world.catalogue, features::Model::kRetrieval);
  features::CandidateBatch batch;
  for (const char* name : {"a", "b"}) {
    const uint32_t user = world.user(name);
    extractor.AppendQuery(
        StateAt(world.source, user, world.log.end(user), tables.plan.retrieval_state()), user,
        {.time_ms = kStart}, &batch.features);
  }
  ASSERT_FALSE(TokensOf(batch).ids.empty());
  const std::vector<float> u = UserVectors(model, batch);
  EXPECT_EQ(std::memcmp(u.data(), u.data() + model.dim(), model.dim() * sizeof(float)), 0);
}

TEST(CandidateModel, CG22_WithoutHistoryTheVectorIsFiniteAndDependsOnTheRegion) {
  const CandidateModel model = Model(SmallOptions());
  features::FeatureBlock batch;
  batch.categorical.resize(4);  // watches, tokens, region, device
  for (const uint32_t region : {1u, 2u}) {
    batch.categorical[2].ids.push_back(region);
    for (features::Bags& bags : batch.categorical) bags.Close();
    batch.dense.insert(batch.dense.end(), {0, 1, 0, 1, 0, 1});
    batch.dense.resize(++batch.rows * SmallShape().inputs.query.dense);
  }
  const std::vector<float> u = UserVectors(model, batch);
  EXPECT_TRUE(std::ranges::all_of(u, [](float x) { return std::isfinite(x); }));
  EXPECT_FALSE(std::equal(u.begin(), u.begin() + model.dim(), u.begin() + model.dim()));
}

TEST(CandidateModel, CG12_TyingHalvesTheItemParameters) {
  CandidateModelOptions options = SmallOptions();
  options.embedding_dim = options.dim;
  CandidateModel separate = Model(options);
  options.tie_items = true;
  CandidateModel tied = Model(options);
  const uint64_t table = SmallShape().items * options.dim;
  EXPECT_EQ(Values(separate) - Values(tied), table);
  EXPECT_EQ(separate.item_vectors().rows(), SmallShape().items);
  EXPECT_EQ(tied.item_vectors().rows(), SmallShape().items);
  EXPECT_EQ(tied.item_vectors().Row(3).data(), tied.Parameters()[0].value.data() + 3 * options.dim);
}

TEST(CandidateModel, RecentWindowsSeeTheNewestWatches) {
  features::Bags bags, newest;
  bags.ids = {1, 2, 3, 4, 5, 6};
  bags.offsets = {0, 4, 4, 6};
  NewestOfBags(bags, 3, &newest);
  EXPECT_THAT(newest.ids, ElementsAre(2, 3, 4, 5, 6));
  EXPECT_THAT(newest.offsets, ElementsAre(0, 3, 3, 5));

  CandidateModelOptions options = SmallOptions();
  options.recent_windows = {1};
  const CandidateModel model = Model(options);
  features::CandidateBatch batch = RandomBatch(1, SmallShape());
  WatchesOf(batch).ids = {1, 2, 3};
  WatchesOf(batch).offsets = {0, 3};
  const std::vector<float> u = UserVectors(model, batch);
  std::swap(WatchesOf(batch).ids[0], WatchesOf(batch).ids[1]);
  const std::vector<float> older_swapped = UserVectors(model, batch);
  for (size_t d = 0; d < u.size(); ++d) EXPECT_NEAR(u[d], older_swapped[d], 1e-6);
  std::swap(WatchesOf(batch).ids[1], WatchesOf(batch).ids[2]);
  EXPECT_NE(UserVectors(model, batch), older_swapped);
}

class CandidateModelFile : public testing::Test {
 protected:
  CandidateModelFile() {
    std::string name =
        (std::filesystem::temp_directory_path() / "upnext-candidate-XXXXXX").string();
    directory_ = mkdtemp(name.data());
    path_ = directory_ / "candidate";
  }
  ~CandidateModelFile() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path directory_, path_;
};

TEST_F(CandidateModelFile, ReadBackGivesTheSameBytes) {
  const features::CandidateBatch batch = RandomBatch(20, SmallShape());
  for (const bool tied : {false, true}) {
    CandidateModelOptions options = SmallOptions();
    options.embedding_dim = options.dim;
    options.tie_items = tied;
    options.recent_windows = {1, 4};
    const CandidateModel model = Model(options, /*seed=*/7);
    ASSERT_TRUE(model.Save(path_, 42));
    const auto loaded = CandidateModel::Load(path_, 42);
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(UserVectors(*loaded, batch), UserVectors(model, batch));
    for (uint32_t row = 0; row < SmallShape().items; ++row) {
      EXPECT_TRUE(
          std::ranges::equal(loaded->item_vectors().Row(row), model.item_vectors().Row(row)));
    }
    EXPECT_EQ(loaded->options().recent_windows, options.recent_windows);
  }
}

TEST_F(CandidateModelFile, SV03_OtherFeaturesAreRefused) {
  ASSERT_TRUE(Model(SmallOptions()).Save(path_, 42));
  const auto loaded = CandidateModel::Load(path_, 43);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kFailedPrecondition);
  EXPECT_THAT(loaded.error().message, HasSubstr("train again"));
}

TEST_F(CandidateModelFile, ADamagedFileIsRefused) {
  ASSERT_TRUE(Model(SmallOptions()).Save(path_, 42));
  std::ifstream in(path_, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  std::ofstream(path_, std::ios::binary) << bytes;
  const auto loaded = CandidateModel::Load(path_, 42);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kDataLoss);
  std::filesystem::remove(path_);
  EXPECT_EQ(CandidateModel::Load(path_, 42).error().code, Code::kNotFound);
}

// A whole file whose tables fit, but whose options ask for a tower of many gigabytes.
TEST_F(CandidateModelFile, OptionsThatAskForMoreThanTheFileHoldsAreRefused) {
  auto writer = base::SectionWriter::Create(path_, kCandidateModelKind, kCandidateModelVersion);
  ASSERT_TRUE(writer);
  const auto floats = [&](std::string_view name, size_t count) {
    return writer->Add<float>(name, std::vector<float>(count));
  };
  ASSERT_TRUE(writer->Add<uint64_t>("features_digest", std::vector<uint64_t>{42}));
  ASSERT_TRUE(writer->Add<uint32_t>("options",
                                    std::vector<uint32_t>{4096, 1, 1, 8, 0, 0, 200, 2, 1, 0, 1}));
  ASSERT_TRUE(base::AddStrings(*writer, "encoders", std::vector<std::string>{"bag", "id"}));
  ASSERT_TRUE(writer->Add<uint32_t>("windows", std::vector<uint32_t>{}));
  ASSERT_TRUE(features::ModelShape().Save(*writer));
  ASSERT_TRUE(writer->Add<uint32_t>("shape.items", std::vector<uint32_t>{1}));
  ASSERT_TRUE(floats("items", 4096));
  ASSERT_TRUE(writer->Commit());
  const auto loaded = CandidateModel::Load(path_, 42);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code, Code::kDataLoss);
  EXPECT_THAT(loaded.error().message, HasSubstr("bytes of weights"));
}

TEST(CandidateModelOptions, ReadsItsTable) {
  const auto config =
      base::Config::Parse("[retrieval]\ndim = 32\ndepth = 3\nrecent_windows = [1, 8]\n", "test");
  ASSERT_TRUE(config);
  const auto options = CandidateModelOptions::FromConfig(config->Table("retrieval"));
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_EQ(options.dim, 32u);
  EXPECT_EQ(options.embedding_dim, 32u);
  EXPECT_EQ(options.depth, 3u);
  EXPECT_THAT(options.recent_windows, ElementsAre(1, 8));
}

TEST(CandidateModelOptions, RefusesToTieTablesOfTwoWidths) {
  const auto config =
      base::Config::Parse("[retrieval]\ndim = 32\nembedding_dim = 16\ntie_items = true\n", "test");
  ASSERT_TRUE(config);
  CandidateModelOptions::FromConfig(config->Table("retrieval"));
  const Status checked = config->Check();
  ASSERT_FALSE(checked);
  EXPECT_THAT(checked.error().message, HasSubstr("embedding_dim"));
}

}  // namespace
}  // namespace upnext::retrieval
