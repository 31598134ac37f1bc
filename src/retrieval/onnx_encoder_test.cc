#include "retrieval/onnx_encoder.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/section_file.h"
#include "base/test_folder.h"
#include "features/block_columns.h"
#include "onnx/test_network.h"

namespace upnext::retrieval {
namespace {

using onnx::FakeNetwork;
using onnx::Floats;
using onnx::NetworkFunction;
using onnx::Tensor;
using onnx::TensorPort;
using onnx::TensorType;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// The default features and a vocabulary of five items, of which the examples had the first three.
class OnnxEncoderTest : public testing::Test {
 protected:
  OnnxEncoderTest() {
    tables_.vocabularies[tables_.plan.FindVocabulary(features::kItemVocabulary)] =
        features::Vocabulary::Learn(std::vector<uint64_t>{9, 8, 7, 6, 5}, 5);
    rows_ = onnx::RowsOf(tables_);
    rows_[std::string(features::kItemVocabulary)] = 4;
    const features::SidePlan& plan =
        tables_.plan.side(features::Model::kRetrieval, features::Side::kQuery);
    batch_.categorical.resize(plan.categories.size());
    batch_.raw_width = plan.raw_width;
    batch_.dense_width = plan.dense_width;
    for (const features::BlockColumn& column : features::ColumnsOf(plan, "query")) {
      if (column.name == "query.watches") watches_ = column;
    }
  }
  // A user who watched these, and nothing else.
  void AddUser(const std::vector<uint32_t>& rows) {
    std::vector<uint32_t>& ids = batch_.categorical[watches_.slot].ids;
    ids.insert(ids.end(), rows.begin(), rows.end());
    for (features::Bags& bags : batch_.categorical) bags.Close();
    batch_.raw.resize(batch_.raw.size() + batch_.raw_width, kNaN);
    batch_.dense.resize(batch_.dense.size() + batch_.dense_width, 0);
    ++batch_.rows;
  }
  static std::string Manifest(const std::string& inputs, const std::string& more = "") {
    return fmt::format(R"({{"features": "f.uxs", "items": "items.npy", "inputs": [{}]{}}})", inputs,
                       more);
  }
  Result<std::unique_ptr<OnnxEncoder>> Make(std::vector<TensorPort> inputs,
                                            std::vector<TensorPort> outputs,
                                            NetworkFunction compute = {}) {
    return OnnxEncoder::Make(
        {.network = {.name = "model.onnx", .bytes = "bytes", .manifest = manifest_, .rows = rows_},
         .items = items_},
        std::make_unique<FakeNetwork>(std::move(inputs), std::move(outputs), std::move(compute),
                                      &given_),
        tables_);
  }
  Result<std::unique_ptr<OnnxEncoder>> MakeUsual(NetworkFunction compute = {}) {
    return Make({kWatched}, {kVector}, std::move(compute));
  }
  // What an encoder says of itself when it is made.
  std::string Refusal(const TensorPort& output) {
    const auto encoder = Make({kWatched}, {output});
    return encoder ? "none" : encoder.error().message;
  }
  std::string Refusal() { return Refusal(kVector); }

  const TensorPort kWatched{"watched", TensorType::kInt64, "", {-1, 2}};
  const TensorPort kVector{"user_vector", TensorType::kFloat, "", {-1, 2}};
  features::FeatureStatistics tables_;
  features::BlockColumn watches_;
  onnx::VocabularyRows rows_;
  std::string manifest_ = Manifest(R"({"list": "query.watches", "length": 2})");
  // That of no item is not read.
  base::NpyMatrix items_{.rows = 4, .columns = 2, .values = {kNaN, 7, .5f, -1, 2, 3, -4, 0}};
  features::FeatureBlock batch_;
  std::vector<Tensor> given_;
};

TEST_F(OnnxEncoderTest, GivesEachUserTheVectorOfItsNetwork) {
  AddUser({1, 2, 3});
  AddUser({4});
  const auto encoder = MakeUsual([](std::span<const Tensor>) {
    return std::vector<Tensor>{Floats({2, 2}, {1, -2, 3, .25f})};
  });
  ASSERT_TRUE(encoder) << encoder.error().message;
  std::vector<float> out(4, -1);
  UserItemModel::Scratch scratch;
  const Status encoded = (*encoder)->EncodeUsers(batch_, out.data(), scratch, {});
  ASSERT_TRUE(encoded) << encoded.error().message;
  EXPECT_THAT(out, ElementsAre(1, -2, 3, .25f));
  ASSERT_EQ(given_.size(), 1u);
  EXPECT_THAT(std::get<std::vector<int64_t>>(given_[0].values), ElementsAre(2, 3, 0, 0))
      << "item 4 is none that the examples had";
  given_.clear();
  ASSERT_TRUE((*encoder)->EncodeUsers({}, nullptr, scratch, {}));
  EXPECT_TRUE(given_.empty()) << "nobody asks";
  EXPECT_EQ((*encoder)->trained(), nullptr);
  EXPECT_EQ((*encoder)->NetworkName(), "model.onnx");
}

TEST_F(OnnxEncoderTest, TakesTheOutputThatTheManifestNames) {
  AddUser({});
  manifest_ = Manifest(R"({"list": "query.watches", "length": 2})", R"(, "output": "u")");
  const auto encoder = Make(
      {kWatched}, {kVector, {"u", TensorType::kDouble, "", {-1, -1}}}, [](std::span<const Tensor>) {
        return std::vector<Tensor>{Floats({1, 2}, {1, 2}),
                                   Tensor{{1, 2}, std::vector<double>{.1, -3}}};
      });
  ASSERT_TRUE(encoder) << encoder.error().message;
  std::vector<float> out(2);
  UserItemModel::Scratch scratch;
  ASSERT_TRUE((*encoder)->EncodeUsers(batch_, out.data(), scratch, {}));
  EXPECT_THAT(out, ElementsAre(.1f, -3));
}

TEST_F(OnnxEncoderTest, ItemsSinceTheExamplesHaveNoVector) {
  const auto encoder = MakeUsual();
  ASSERT_TRUE(encoder) << encoder.error().message;
  const nn::EmbeddingTable& items = (*encoder)->item_vectors();
  ASSERT_EQ(items.rows(), 6u) << "of the tables";
  EXPECT_EQ((*encoder)->dim(), 2u);
  EXPECT_THAT(items.Row(0), ElementsAre(0, 0));
  EXPECT_THAT(items.Row(1), ElementsAre(.5f, -1));
  EXPECT_THAT(items.Row(3), ElementsAre(-4, 0));
  EXPECT_THAT(items.Row(4), ElementsAre(0, 0));
  EXPECT_THAT(items.Row(5), ElementsAre(0, 0));
  EXPECT_EQ((*encoder)->searched_rows(), 4u);
  EXPECT_TRUE((*encoder)->Knows(3));
  EXPECT_FALSE((*encoder)->Knows(4));
}

TEST_F(OnnxEncoderTest, VectorsOfOtherItemsAreRefused) {
  EXPECT_EQ(Refusal(), "none");
  const base::NpyMatrix usual = items_;
  items_ = {.rows = 3, .columns = 2, .values = std::vector<float>(6)};
  EXPECT_THAT(Refusal(), HasSubstr("model.onnx: items.npy has 3 rows; expected 4"));
  items_ = {.rows = 6, .columns = 2, .values = std::vector<float>(12)};
  EXPECT_THAT(Refusal(), HasSubstr("items.npy has 6 rows; expected 4"));
  for (const float wrong : {kNaN, INFINITY, -INFINITY, -1.01e15f}) {
    items_ = usual;
    items_.values.back() = wrong;
    EXPECT_THAT(Refusal(), HasSubstr("items.npy: expected numbers from -1e+15 to 1e+15, found"));
    EXPECT_THAT(Refusal(), HasSubstr("column 1 of row 3"));
  }
  items_ = {.rows = 4, .columns = 5000, .values = std::vector<float>(20'000)};
  EXPECT_THAT(Refusal(), HasSubstr("items.npy has vectors of 5000 numbers"));
  items_ = usual;
  items_.rows = 7;
  rows_[std::string(features::kItemVocabulary)] = 7;
  items_.values.resize(14);
  EXPECT_THAT(Refusal(), HasSubstr("found 7")) << "the tables have 6";
}

TEST_F(OnnxEncoderTest, WhatDoesNotFitIsNamed) {
  const auto typed = [&](TensorType type, std::vector<int64_t> shape) {
    return TensorPort{"user_vector", type, "", std::move(shape)};
  };
  EXPECT_EQ(Refusal(typed(TensorType::kDouble, {-1, -1})), "none");
  EXPECT_THAT(Refusal(typed(TensorType::kFloat, {-1, 3})),
              HasSubstr("model.onnx: the output \"user_vector\" of the network is float32 [?, 3]; "
                        "expected float32 or float64 [?, 2]"));
  EXPECT_THAT(Refusal(typed(TensorType::kFloat, {-1})), HasSubstr("is float32 [?]; expected"));
  EXPECT_THAT(Refusal(typed(TensorType::kFloat, {-1, 1, 2})), HasSubstr("is float32 [?, 1, 2];"));
  EXPECT_THAT(Refusal(typed(TensorType::kInt64, {-1, 2})), HasSubstr("is int64 [?, 2];"));
  EXPECT_THAT(Refusal({"y", TensorType::kOther, "a sequence", {}}),
              HasSubstr("the output \"y\" of the network is a sequence;"));
  const auto two = Make({kWatched}, {kVector, {"other", TensorType::kFloat, "", {-1, 2}}});
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().code, Code::kInvalidArgument);
  EXPECT_THAT(two.error().message,
              HasSubstr("model.onnx: the network has 2 outputs: say in the manifest which is the "
                        "user's vector, \"output\": one of user_vector, other"));
  manifest_ = Manifest(R"({"columns": ["position"]})");
  EXPECT_THAT(Refusal(), HasSubstr("model.onnx: the manifest has a column \"position\", which is "
                                   "of a candidate"));
  manifest_ = Manifest(R"({"list": "query.watches", "length": 2})", R"(, "output": "u")");
  EXPECT_THAT(Refusal(), HasSubstr("an output \"u\", the network has not; there are: user_vector"));
  manifest_ = R"({"features": "f.uxs", "inputs": [{"list": "query.watches", "length": 2}]})";
  EXPECT_THAT(Refusal(), HasSubstr("the manifest of model.onnx: \"items\" should be a text"));
}

TEST_F(OnnxEncoderTest, WhatIsNoVectorIsAnError) {
  AddUser({1});
  AddUser({2});
  const auto failure = [&](NetworkFunction compute) -> std::string {
    const auto encoder = MakeUsual(std::move(compute));
    if (!encoder) return encoder.error().message;
    std::vector<float> out(4);
    UserItemModel::Scratch scratch;
    const Status encoded = (*encoder)->EncodeUsers(batch_, out.data(), scratch, {});
    if (encoded) return "none";
    EXPECT_EQ(encoded.error().code, Code::kInternal);
    return encoded.error().message;
  };
  const auto gives = [](std::vector<int64_t> shape, auto values) -> NetworkFunction {
    return [=](std::span<const Tensor>) { return std::vector<Tensor>{Tensor{shape, values}}; };
  };
  using Vector = std::vector<float>;
  EXPECT_EQ(failure(gives({2, 2}, Vector{1, 2, 3, 4})), "none");
  EXPECT_EQ(failure({}), "model.onnx: out of order");
  EXPECT_THAT(
      failure(gives({2, 2}, Vector{1, 2, 3, kNaN})),
      HasSubstr("model.onnx: the output \"user_vector\" is NaN in column 1 for user 1 of 2"));
  EXPECT_THAT(failure(gives({2, 2}, Vector{INFINITY, 2, 3, 4})),
              HasSubstr("is infinite in column 0 for user 0 of 2"));
  EXPECT_THAT(
      failure(gives({2, 2}, Vector{-2e15f, 2, 3, 4})),
      HasSubstr(
          "is -2000000000000000 in column 0 for user 0 of 2 (from 0); expected a number from -1e+15 to"));
  EXPECT_THAT(failure(gives({2, 2}, std::vector<double>{1, 2, 1e300, 4})),
              HasSubstr("is infinite in column 0 for user 1 of 2"))
      << "as float32";
  EXPECT_THAT(failure(gives({1, 2}, Vector{1, 2})),
              HasSubstr("the output \"user_vector\" is [1, 2] for 2 users; expected [2, 2]"));
  EXPECT_THAT(failure(gives({2, 1}, Vector{1, 2})), HasSubstr("is [2, 1] for 2 users"));
  EXPECT_THAT(failure(gives({4}, Vector{1, 2, 3, 4})), HasSubstr("is [4] for 2 users"));
}

TEST_F(OnnxEncoderTest, ItsFileHoldsNetworkManifestAndVectors) {
  const base::TestFolder folder;
  const auto file = folder.path() / "onnx_encoder.uxs";
  const auto encoder = MakeUsual();
  ASSERT_TRUE(encoder) << encoder.error().message;
  ASSERT_TRUE((*encoder)->Save(file, 77));
  const auto parts = OnnxEncoder::ReadParts(file, 77);
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(parts->network.name, "model.onnx");
  EXPECT_EQ(parts->network.bytes, "bytes");
  EXPECT_EQ(parts->network.manifest, manifest_);
  EXPECT_EQ(parts->network.rows, rows_);
  EXPECT_EQ(parts->items.rows, 4u);
  EXPECT_EQ(parts->items.columns, 2u);
  EXPECT_THAT(parts->items.values, ElementsAre(0, 0, .5f, -1, 2, 3, -4, 0));
  const auto other = OnnxEncoder::ReadParts(file, 78);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kFailedPrecondition);
  // Fewer items than the network has vectors for: statistics of another training.
  features::FeatureStatistics fewer;
  fewer.vocabularies[fewer.plan.FindVocabulary(features::kItemVocabulary)] =
      features::Vocabulary::Learn(std::vector<uint64_t>{9, 8}, 2);
  const auto refused = OnnxEncoder::Load(file, 77, fewer);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDataLoss);
  EXPECT_THAT(refused.error().message, HasSubstr("rows of the vocabulary item"));
}

TEST_F(OnnxEncoderTest, AFileWhoseVectorsAreCutIsDamaged) {
  const base::TestFolder folder;
  const onnx::GivenNetwork given{
      .name = "model.onnx", .bytes = "bytes", .manifest = manifest_, .rows = rows_};
  for (const size_t numbers : {0, 1, 7, 9}) {
    const auto file = folder.path() / fmt::format("{}.uxs", numbers);
    auto writer = base::SectionWriter::Create(file, kOnnxEncoderKind, kOnnxEncoderVersion);
    ASSERT_TRUE(writer) << writer.error().message;
    ASSERT_TRUE(given.Save(*writer, 77));
    ASSERT_TRUE(writer->Add<float>("items", std::vector<float>(numbers)));
    ASSERT_TRUE(writer->Commit());
    const auto parts = OnnxEncoder::ReadParts(file, 77);
    ASSERT_FALSE(parts) << numbers;
    EXPECT_EQ(parts.error().code, Code::kDataLoss);
    EXPECT_THAT(parts.error().message,
                HasSubstr(fmt::format("{} numbers are no vectors of 4 items", numbers)));
  }
}

}  // namespace
}  // namespace upnext::retrieval
