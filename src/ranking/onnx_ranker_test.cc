#include "ranking/onnx_ranker.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/test_folder.h"
#include "features/feature_statistics.h"
#include "onnx/test_network.h"

namespace upnext::ranking {
namespace {

using onnx::FakeNetwork;
using onnx::Floats;
using onnx::NetworkFunction;
using onnx::Tensor;
using onnx::TensorPort;
using onnx::TensorType;
using testing::ElementsAre;
using testing::HasSubstr;

Objective ClickOf(float score_weight = 1) {
  return {.name = "click", .label = Objective::Label::kEvent, .score_weight = score_weight};
}
Objective WatchOf() {
  return {.name = "watch",
          .label = Objective::Label::kWatchSeconds,
          .loss = Objective::Loss::kOrdinal,
          .score_weight = .5f};
}

// The default features of the ranker, of which these tests set some by hand.
class OnnxRankerTest : public testing::Test {
 protected:
  OnnxRankerTest() {
    for (size_t side = 0; side < 2; ++side) {
      const features::SidePlan& plan =
          tables_.plan.side(features::Model::kRanking, static_cast<features::Side>(side));
      features::FeatureBlock& block = side == 0 ? queries_ : impressions_;
      block.categorical.resize(plan.categories.size());
      block.raw_width = plan.raw_width;
      block.dense_width = plan.dense_width;
      columns_[side] = features::ColumnsOf(plan, features::kSideNames[side]);
    }
  }
  const features::BlockColumn& Column(size_t side, features::BlockColumn::Kind kind) const {
    const auto found = std::ranges::find(columns_[side], kind, &features::BlockColumn::kind);
    EXPECT_NE(found, columns_[side].end());
    return *found;
  }
  // A row without ids and numbers, of a duration.
  void AddRow(size_t side, float duration_s = std::nanf("")) {
    features::FeatureBlock& block = side == 0 ? queries_ : impressions_;
    for (features::Bags& bags : block.categorical) bags.Close();
    block.raw.resize(block.raw.size() + block.raw_width, std::nanf(""));
    block.dense.resize(block.dense.size() + block.dense_width, 0);
    if (side == 1) block.duration_s.push_back(duration_s);
    ++block.rows;
  }
  static std::string Manifest(const std::string& inputs, const std::string& outputs) {
    return fmt::format(R"({{"features": "f.uxs", "inputs": [{}], "outputs": [{}]}})", inputs,
                       outputs);
  }
  Result<std::unique_ptr<OnnxRanker>> Make(
      const std::string& manifest, std::vector<TensorPort> inputs, std::vector<TensorPort> outputs,
      NetworkFunction compute = {}, std::vector<Objective> objectives = {ClickOf(), WatchOf()}) {
    return OnnxRanker::Make(
        {.network = {.name = "model.onnx", .bytes = "bytes", .manifest = manifest, .rows = rows_},
         .objectives = std::move(objectives)},
        std::make_unique<FakeNetwork>(std::move(inputs), std::move(outputs), std::move(compute),
                                      &given_),
        tables_.plan);
  }
  // What a ranker of one input and one output says of itself when it is made.
  std::string Refusal(const std::string& inputs, const std::string& outputs, TensorPort input,
                      TensorPort output) {
    const auto ranker = Make(Manifest(inputs, outputs), {std::move(input)}, {std::move(output)});
    return ranker ? "none" : ranker.error().message;
  }
  Status Predict(const OnnxRanker& ranker, std::vector<float>* predictions) {
    predictions->assign(impressions_.rows * ranker.objectives().size(), -1);
    RankerScratch scratch;
    return ranker.Predict(queries_, impressions_, query_of_, predictions->data(), scratch, {});
  }

  const features::FeatureStatistics tables_;
  onnx::VocabularyRows rows_ = onnx::RowsOf(tables_);
  features::FeatureBlock queries_, impressions_;
  std::vector<uint32_t> query_of_;
  std::vector<features::BlockColumn> columns_[2];
  std::vector<Tensor> given_;
};

using Kind = features::BlockColumn::Kind;

TEST_F(OnnxRankerTest, ReadsARowForEachCandidateAsTheExamplesHaveIt) {
  const features::BlockColumn& number = Column(0, Kind::kNumber);
  const features::BlockColumn& item = Column(1, Kind::kId);
  ASSERT_TRUE(number.is_raw);
  rows_[tables_.plan.vocabularies()[item.vocabulary].name] = 5;
  for (const float value : {2.5f, 3.5f}) {
    AddRow(0);
    queries_.raw[(queries_.rows - 1) * queries_.raw_width + number.at] = value;
  }
  for (const uint32_t id : {4u, 5u, 0u}) {
    impressions_.categorical[item.slot].ids.push_back(id);
    AddRow(1, 30);
  }
  AddRow(1);
  query_of_ = {1, 1, 0, 0};
  const std::string inputs = fmt::format(
      R"({{"name": "x", "columns": ["{}", "{}", "duration_s", {{"column": "position", "missing": 1}}]}},
         {{"name": "ids", "columns": ["{}"], "missing": 9}})",
      number.name, item.name, item.name);
  const auto ranker =
      Make(Manifest(inputs, R"({"objective": "click", "name": "p", "column": 1})"),
           {{"ids", TensorType::kInt64, "", {-1}}, {"x", TensorType::kFloat, "", {-1, 4}}},
           {{"label", TensorType::kInt64, "", {-1}}, {"p", TensorType::kFloat, "", {-1, 2}}},
           [](std::span<const Tensor>) {
             return std::vector<Tensor>{Tensor{{4}, std::vector<int64_t>(4)},
                                        Floats({4, 2}, {.9f, .1f, .8f, .2f, .7f, .3f, .6f, .4f})};
           });
  ASSERT_TRUE(ranker) << ranker.error().message;
  ASSERT_EQ((*ranker)->objectives().size(), 1u);
  std::vector<float> predictions;
  ASSERT_TRUE(Predict(**ranker, &predictions));
  EXPECT_THAT(predictions, ElementsAre(.1f, .2f, .3f, .4f));
  ASSERT_EQ(given_.size(), 2u);
  EXPECT_THAT(given_[0].shape, ElementsAre(4));
  EXPECT_THAT(std::get<std::vector<int64_t>>(given_[0].values), ElementsAre(4, 0, 0, 9))
      << "row 5 is none that the examples had";
  EXPECT_THAT(given_[1].shape, ElementsAre(4, 4));
  const auto& x = std::get<std::vector<float>>(given_[1].values);
  EXPECT_THAT(std::span(x).first(8), ElementsAre(3.5f, 4, 30, 1, 3.5f, 0, 30, 1));
  EXPECT_THAT(std::span(x).subspan(8, 5), ElementsAre(2.5f, 0, 30, 1, 2.5f));
  EXPECT_TRUE(std::isnan(x[13]));
  EXPECT_TRUE(std::isnan(x[14]));
}

TEST_F(OnnxRankerTest, AListHasItsNewestAtTheEnd) {
  const features::BlockColumn& list = Column(0, Kind::kIds);
  const auto set = [&](std::vector<uint32_t> ids) {
    features::Bags& bags = queries_.categorical[list.slot];
    const size_t begin = bags.ids.size();
    bags.ids.insert(bags.ids.end(), ids.begin(), ids.end());
    bags.Weigh(begin, .5f);
    AddRow(0);
  };
  rows_[tables_.plan.vocabularies()[list.vocabulary].name] = 100;
  set({1, 2, 3, 4});
  set({9, 100});
  AddRow(1);
  AddRow(1);
  query_of_ = {0, 1};
  const auto ranker =
      Make(Manifest(fmt::format(R"({{"name": "h", "list": "{0}", "length": 3}},
                              {{"name": "w", "list": "{0}.weights", "length": 3}})",
                                list.name),
                    R"({"objective": "click", "is": "logit"})"),
           {{"h", TensorType::kInt64, "", {-1, 3}}, {"w", TensorType::kDouble, "", {-1, -1}}},
           {{"logit", TensorType::kFloat, "", {-1}}},
           [](std::span<const Tensor>) { return std::vector<Tensor>{Floats({2}, {0, -1})}; });
  ASSERT_TRUE(ranker) << ranker.error().message;
  std::vector<float> predictions;
  ASSERT_TRUE(Predict(**ranker, &predictions));
  EXPECT_THAT(predictions, ElementsAre(.5f, testing::FloatNear(1 / (1 + std::exp(1.f)), 1e-7f)));
  EXPECT_THAT(std::get<std::vector<int64_t>>(given_[0].values), ElementsAre(2, 3, 4, 0, 9, 0));
  EXPECT_THAT(std::get<std::vector<double>>(given_[1].values), ElementsAre(.5, .5, .5, 0, .5, .5));
}

TEST_F(OnnxRankerTest, WhatDoesNotFitIsNamed) {
  const std::string number = Column(0, Kind::kNumber).name, list = Column(0, Kind::kIds).name;
  const std::string one = fmt::format(R"({{"columns": ["{}"]}})", number);
  const std::string click = R"({"objective": "click"})";
  const TensorPort x{"x", TensorType::kFloat, "", {-1, 1}}, y{"y", TensorType::kFloat, "", {-1, 1}};
  const auto typed = [](TensorPort port, TensorType type, std::vector<int64_t> shape) {
    port.type = type;
    port.shape = std::move(shape);
    return port;
  };
  EXPECT_EQ(Refusal(one, click, x, y), "none");
  EXPECT_THAT(Refusal(R"({"columns": ["query.agee"]})", click, x, y),
              HasSubstr("model.onnx: the manifest has a column \"query.agee\""));
  EXPECT_THAT(Refusal(fmt::format(R"({{"columns": ["{}x"]}})", number), click, x, y),
              HasSubstr(fmt::format("did you mean '{}'?", number)));
  EXPECT_THAT(Refusal(fmt::format(R"({{"columns": ["{}"]}})", list), click, x, y),
              HasSubstr("is a list: give it an input of its own"));
  EXPECT_THAT(Refusal(fmt::format(R"({{"list": "{}", "length": 1}})", number), click, x, y),
              HasSubstr("is no list"));
  EXPECT_THAT(Refusal(R"({"name": "z", "columns": ["position"]})", click, x, y),
              HasSubstr("has an input \"z\", the network has not; there are: x"));
  EXPECT_THAT(Refusal(one + ", " + one, click, x, y), HasSubstr("the input \"x\" twice"));
  EXPECT_THAT(Refusal(one, click, typed(x, TensorType::kFloat, {-1, 12}), y),
              HasSubstr("the input \"x\" of the network is float32 [?, 12], but the columns of the "
                        "manifest make float32 [?, 1]"));
  EXPECT_THAT(Refusal(one, click, typed(x, TensorType::kFloat, {1, 1}), y),
              HasSubstr("float32 [1, 1]: expected any number of rows"));
  EXPECT_THAT(Refusal(one, click, typed(x, TensorType::kFloat, {}), y), HasSubstr("float32 []"));
  EXPECT_THAT(Refusal(one, click, {"x", TensorType::kOther, "texts", {}}, y),
              HasSubstr("the input \"x\" of the network is texts"));
  EXPECT_THAT(
      Refusal(one, click, x, {"y", TensorType::kOther, "a sequence", {}}),
      HasSubstr("the output \"y\" of the network is a sequence; expected a tensor of float32 "
                "or float64 (convert classifiers with zipmap = False)"));
  EXPECT_THAT(Refusal(one, click, x, typed(y, TensorType::kInt64, {-1})), HasSubstr("int64 [?]"));
  EXPECT_THAT(Refusal(one, R"({"objective": "click", "column": 1})", x, y),
              HasSubstr("in column 1 (from 0) of the output \"y\", which is float32 [?, 1]"));
  EXPECT_THAT(Refusal(one, R"({"objective": "like"})", x, y),
              HasSubstr("predicts an objective \"like\", but the [[ranking.objective]] that can be "
                        "evaluated here are click, watch"));
  EXPECT_THAT(Refusal(one, R"({"objective": "watch", "is": "logit"})", x, y),
              HasSubstr("the objective \"watch\" is no probability"));
  const auto two = Make(Manifest(one, click), {x, x}, {y});
  ASSERT_FALSE(two);
  EXPECT_THAT(two.error().message, HasSubstr("the network has 2 inputs: give each"));
  const auto unused = Make(Manifest(R"({"name": "x", "columns": ["position"]})", click),
                           {x, {"z", TensorType::kFloat, "", {-1, 3}}}, {y});
  ASSERT_FALSE(unused);
  EXPECT_THAT(unused.error().message,
              HasSubstr("the network has an input \"z\", float32 [?, 3], the manifest has not"));
  const auto no_order = Make(Manifest(one, click), {x}, {y}, {}, {ClickOf(0), WatchOf()});
  ASSERT_FALSE(no_order);
  EXPECT_THAT(no_order.error().message, HasSubstr("nothing would order the feed"));
}

TEST_F(OnnxRankerTest, WhatIsNoPredictionIsAnError) {
  AddRow(0);
  AddRow(1);
  AddRow(1);
  query_of_ = {0, 0};
  const auto failure = [&](const std::string& output, NetworkFunction compute) -> std::string {
    const auto ranker = Make(Manifest(R"({"columns": ["position"]})", output),
                             {{"x", TensorType::kFloat, "", {-1, 1}}},
                             {{"y", TensorType::kFloat, "", {-1, -1}}}, std::move(compute));
    if (!ranker) return ranker.error().message;
    std::vector<float> predictions;
    const Status predicted = Predict(**ranker, &predictions);
    return predicted ? fmt::format("{} {}", predictions[0], predictions[1])
                     : predicted.error().message;
  };
  const auto gives = [](std::vector<int64_t> shape, std::vector<float> values) -> NetworkFunction {
    return [=](std::span<const Tensor>) { return std::vector<Tensor>{Floats(shape, values)}; };
  };
  const std::string click = R"({"objective": "click"})", watch = R"({"objective": "watch"})";
  EXPECT_EQ(failure(click, gives({2, 1}, {-.0005f, 1.0005f})), "0 1") << "of fp32";
  EXPECT_EQ(failure(watch, gives({2, 1}, {-3, 50})), "-3 50") << "in its own unit";
  EXPECT_THAT(failure(click, gives({2, 1}, {.5f, NAN})),
              HasSubstr("model.onnx: the output \"y\" is NaN for candidate 1 of 2"));
  EXPECT_THAT(failure(watch, gives({2, 1}, {INFINITY, 1})),
              HasSubstr("is infinite for candidate 0 of 2"));
  EXPECT_THAT(
      failure(click, gives({2, 1}, {.5f, 1.5f})),
      HasSubstr("the output \"y\" is 1.5 for candidate 1 of 2, and the manifest says that it "
                "is a probability"));
  EXPECT_THAT(failure(click, gives({1, 2}, {.5f, .5f})),
              HasSubstr("the output \"y\" is [1, 2] for 2 candidates"));
  EXPECT_THAT(failure(R"({"objective": "click", "column": 1})", gives({2, 1}, {.5f, .5f})),
              HasSubstr("[2, 1] for 2 candidates, of which column 1"));
  EXPECT_EQ(failure(click, {}), "model.onnx: out of order");
}

TEST_F(OnnxRankerTest, ItsFileHoldsNetworkManifestAndObjectives) {
  const base::TestFolder folder;
  const auto file = folder.path() / "onnx_ranker.uxs";
  const auto manifest = Manifest(R"({"columns": ["position"]})", R"({"objective": "watch"})");
  const auto ranker = Make(manifest, {{"x", TensorType::kFloat, "", {-1, 1}}},
                           {{"y", TensorType::kFloat, "", {-1}}});
  ASSERT_TRUE(ranker) << ranker.error().message;
  ASSERT_TRUE((*ranker)->Save(file, 77));
  const auto parts = OnnxRanker::ReadParts(file, 77);
  ASSERT_TRUE(parts) << parts.error().message;
  EXPECT_EQ(parts->network.name, "model.onnx");
  EXPECT_EQ(parts->network.bytes, "bytes");
  EXPECT_EQ(parts->network.manifest, manifest);
  EXPECT_EQ(parts->network.rows, rows_);
  ASSERT_EQ(parts->objectives.size(), 1u);
  EXPECT_EQ(parts->objectives[0].name, "watch");
  EXPECT_EQ(parts->objectives[0].score_weight, .5f);
  EXPECT_EQ(parts->objectives[0].loss, Objective::Loss::kSquared) << "it has no levels to learn";
  const auto other = OnnxRanker::ReadParts(file, 78);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kFailedPrecondition);
  // Fewer rows than the network has learned: statistics of another training.
  onnx::VocabularyRows more = rows_;
  for (auto& [name, rows] : more) ++rows;
  std::swap(rows_, more);
  const auto larger = Make(manifest, {{"x", TensorType::kFloat, "", {-1, 1}}},
                           {{"y", TensorType::kFloat, "", {-1}}});
  ASSERT_TRUE(larger);
  ASSERT_TRUE((*larger)->Save(file, 77));
  const auto refused = OnnxRanker::Load(file, 77, tables_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDataLoss);
  EXPECT_THAT(refused.error().message, HasSubstr("rows of the vocabulary"));
}

}  // namespace
}  // namespace upnext::ranking
