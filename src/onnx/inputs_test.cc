#include "onnx/inputs.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "features/default_features.h"
#include "features/feature_spec.h"
#include "features/feature_statistics.h"

namespace upnext::onnx {
namespace {

using features::BlockColumn;
using features::Model;
using features::Side;
using testing::ElementsAre;
using testing::HasSubstr;
using Kind = BlockColumn::Kind;

Input InputOf(std::string name, const std::string& column, std::optional<double> missing = {}) {
  Input input;
  input.name = std::move(name);
  input.columns.push_back({.name = column, .missing = missing});
  return input;
}
Input ListInput(std::string name, const std::string& list, uint32_t length) {
  Input input;
  input.name = std::move(name);
  input.list = list;
  input.length = length;
  return input;
}

// The default features, and those of the content of items.
features::FeatureStatistics TablesWithContent() {
  features::FeatureSpec spec;
  spec.retrieval = features::ContentFeatures();
  return {spec, features::FeaturePlan::Compile(spec, {}).value()};
}

// Those of rankers are tested with them (ranking/onnx_ranker_test.cc).
class UserEncoderInputsTest : public testing::Test {
 protected:
  UserEncoderInputsTest() {
    const features::SidePlan& plan = tables_.plan.side(Model::kRetrieval, Side::kQuery);
    queries_.categorical.resize(plan.categories.size());
    queries_.dense_width = plan.dense_width;
  }
  BlockColumn Column(Kind kind) const {
    const auto found = std::ranges::find_if(columns_, [&](const BlockColumn& column) {
      return column.kind == kind && (kind != Kind::kNumber || column.flag != SIZE_MAX);
    });
    EXPECT_NE(found, columns_.end());
    return *found;
  }
  void AddQuery(const BlockColumn& list, const std::vector<uint32_t>& ids,
                const BlockColumn& number, float value) {
    features::Bags& bags = queries_.categorical[list.slot];
    bags.ids.insert(bags.ids.end(), ids.begin(), ids.end());
    for (features::Bags& each : queries_.categorical) each.Close();
    const size_t begin = queries_.dense.size();
    queries_.dense.resize(begin + queries_.dense_width, 0);
    queries_.dense[begin + (std::isnan(value) ? number.flag : number.at)] =
        std::isnan(value) ? 1 : value;
    ++queries_.rows;
  }
  // What is said of an input of this column.
  std::string Refusal(const std::string& column) const {
    const auto inputs =
        Inputs::Bind(std::vector{InputOf("", column)}, {{"x", TensorType::kFloat, "", {-1, 1}}},
                     tables_.plan, RowsOf(tables_), Of::kUserEncoder);
    return inputs ? "none" : inputs.error().message;
  }

  const features::FeatureStatistics tables_ = TablesWithContent();
  const std::vector<BlockColumn> columns_ =
      features::ColumnsOf(tables_.plan.side(Model::kRetrieval, Side::kQuery), "query");
  features::FeatureBlock queries_;
};

TEST_F(UserEncoderInputsTest, HaveARowForEachQuery) {
  const BlockColumn list = Column(Kind::kIds), number = Column(Kind::kNumber);
  AddQuery(list, {1, 2, 3}, number, 1.5f);
  AddQuery(list, {9}, number, 2.5f);
  AddQuery(list, {}, number, std::nanf(""));
  VocabularyRows rows = RowsOf(tables_);
  rows[tables_.plan.vocabularies()[list.vocabulary].name] = 9;
  const auto inputs = Inputs::Bind(
      std::vector{ListInput("watched", list.name, 2), InputOf("x", number.name, -1)},
      {{"x", TensorType::kFloat, "", {-1, 1}}, {"watched", TensorType::kInt64, "", {-1, 2}}},
      tables_.plan, rows, Of::kUserEncoder);
  ASSERT_TRUE(inputs) << inputs.error().message;
  const std::vector<Tensor> tensors = inputs->Make(queries_);
  ASSERT_EQ(tensors.size(), 2u);
  EXPECT_THAT(tensors[0].shape, ElementsAre(3, 1));
  EXPECT_THAT(std::get<std::vector<float>>(tensors[0].values), ElementsAre(1.5f, 2.5f, -1));
  EXPECT_THAT(tensors[1].shape, ElementsAre(3, 2));
  EXPECT_THAT(std::get<std::vector<int64_t>>(tensors[1].values), ElementsAre(2, 3, 0, 0, 0, 0))
      << "row 9 is none that the examples had";
}

TEST_F(UserEncoderInputsTest, KnowNoCandidate) {
  std::vector<std::string> of_candidates = {"position", "duration_s"};
  for (const Model model : {Model::kRanking, Model::kRetrieval}) {
    const auto columns =
        features::ColumnsOf(tables_.plan.side(model, Side::kImpression), features::kSideNames[1]);
    ASSERT_FALSE(columns.empty());
    for (const BlockColumn& column : columns) {
      if (!column.is_list()) of_candidates.push_back(column.name);
    }
  }
  for (const std::string& column : of_candidates) {
    EXPECT_EQ(
        Refusal(column),
        fmt::format("the manifest has a column \"{}\", which is of a candidate; a user encoder "
                    "reads the user and the request only: columns that begin with \"query.\"",
                    column));
  }
  const std::string number = Column(Kind::kNumber).name;
  EXPECT_EQ(Refusal(number), "none");
  EXPECT_THAT(Refusal(number + "x"),
              testing::AllOf(HasSubstr("the features of the candidate model have not"),
                             HasSubstr(fmt::format("did you mean '{}'?", number)),
                             HasSubstr("--stage retrieval")));
  // The two models have features of their own.
  const std::vector<BlockColumn> of_rankers =
      features::ColumnsOf(tables_.plan.side(Model::kRanking, Side::kQuery), "query");
  const auto other = std::ranges::find_if(of_rankers, [&](const BlockColumn& column) {
    return std::ranges::count(columns_, column.name, &BlockColumn::name) == 0;
  });
  ASSERT_NE(other, of_rankers.end());
  EXPECT_THAT(Refusal(other->name), HasSubstr("the features of the candidate model have not"));
}

}  // namespace
}  // namespace upnext::onnx
