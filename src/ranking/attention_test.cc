#include "ranking/attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "base/config.h"
#include "nn/gradient_check.h"
#include "ranking/test_batches.h"

namespace upnext::ranking {
namespace {

using ::testing::HasSubstr;

constexpr size_t kDim = 3, kTableRows = 6, kStride = 8, kCandidate = 1, kOut = 4;

// Requests with a history, without one, and with ids out of vocabulary; one candidate of each row
// of `query_of_`, between columns of others.
class AttentionTest : public testing::Test {
 protected:
  AttentionTest() {
    for (const std::vector<uint32_t>& ids :
         std::vector<std::vector<uint32_t>>{{2, 5, 2}, {}, {0, 3, kTableRows}}) {
      history_.ids.insert(history_.ids.end(), ids.begin(), ids.end());
      history_.Close();
    }
    for (size_t i = 0; i < query_of_.size() * kStride; ++i) rows_.push_back(Number());
    attention_.AppendParameters("attention", parameters_);
    for (nn::Parameter& parameter : parameters_) {
      for (float& value : parameter.value) value = Number();  // biases too
    }
    table_.AppendParameters("table", parameters_);
  }
  float Number() { return static_cast<float>(2 * rng_.Uniform() - 1); }
  AttentionInput Input(std::vector<float>& rows) const {
    return {.history = history_,
            .query_of = query_of_,
            .rows = rows.data(),
            .stride = kStride,
            .candidate = kCandidate,
            .out = kOut};
  }
  std::span<const float> OutOf(size_t row) const {
    return std::span(rows_).subspan(row * kStride + kOut, kDim);
  }

  base::Rng rng_{3};
  features::Bags history_;
  const std::vector<uint32_t> query_of_ = {0, 1, 0, 2};
  std::vector<float> rows_;
  nn::EmbeddingTable table_{{.rows = kTableRows, .dim = kDim, .scale = 1}, rng_};
  Attention attention_{kDim, {4, 3}, rng_};
  std::vector<nn::Parameter> parameters_;
};

TEST_F(AttentionTest, AddsUpTheHistoryByTheWeightOfEachPair) {
  Attention small(kDim, {1}, rng_);
  std::vector<nn::Parameter> parameters;
  small.AppendParameters("a", parameters);
  const auto set = [&](std::string_view name, std::vector<float> values) {
    const auto found = std::ranges::find(parameters, name, &nn::Parameter::name);
    ASSERT_NE(found, parameters.end()) << name;
    std::ranges::copy(values, found->value.begin());
  };
  set("a.pair.query.weight", {1, 0, 0});        // of the key
  set("a.pair.impression.weight", {0, 10, 0});  // of the product
  set("a.candidate.query.weight", {0, 0, 100});
  set("a.pair.bias", {0.5f});
  set("a.0.weight", {2});
  set("a.0.bias", {-1});
  table_.SetRow(2, std::vector<float>{1, 2, 3});
  table_.SetRow(5, std::vector<float>{-1, -3, 1});
  std::ranges::copy(std::vector<float>{1, 2, 0.1f}, rows_.begin() + kCandidate);
  small.Forward(table_, Input(rows_), {});
  // Row 2: ReLU(1 + 10 * 2 * 2 + 100 * .1 + .5) = 51.5, weight 102, twice. Row 5: ReLU(-1 - 60 +
  // 10.5) = 0, weight -1.
  EXPECT_THAT(std::vector<float>(OutOf(0).begin(), OutOf(0).end()),
              testing::Pointwise(testing::FloatNear(1e-3f), {205.f, 411.f, 611.f}));
}

TEST_F(AttentionTest, GradientsOfNetCandidateAndTableEqualFiniteDifferences) {
  std::vector<float> of_out(rows_.size());
  for (float& value : of_out) value = Number();
  const auto loss = [&] {
    attention_.Forward(table_, Input(rows_), {});
    double sum = 0;
    for (size_t i = 0; i < query_of_.size(); ++i) {
      const std::span<const float> out = OutOf(i);
      sum += std::inner_product(out.begin(), out.end(),
                                of_out.begin() + static_cast<ptrdiff_t>(i * kStride + kOut), 0.0);
    }
    return sum;
  };
  loss();
  std::vector<float> d_rows = of_out;
  attention_.Backward(Input(rows_), d_rows.data(), {});
  const nn::GradientCheckOptions step{.step = 5e-4f, .floor = 1e-1};
  for (const nn::Parameter& parameter : parameters_) {
    if (parameter.name == "table") continue;
    const auto worst = nn::CheckGradient(parameter.value, parameter.gradient, loss, step);
    EXPECT_LT(worst.relative_error, 2e-2) << parameter.name << " " << worst;
  }
  std::vector<float> d_table(kTableRows * kDim);  // each row as often as histories have it
  const std::vector<uint32_t> ids(attention_.ids().begin(), attention_.ids().end());
  for (size_t k = 0; k < ids.size(); ++k) {
    for (size_t d = 0; d < kDim; ++d) {
      d_table[ids[k] * kDim + d] += attention_.d_keys()[k * kDim + d];
    }
  }
  const auto of_table = nn::CheckGradient(parameters_.back().value, d_table, loss, step);
  EXPECT_LT(of_table.relative_error, 2e-2) << of_table;
  for (size_t i = 0; i < query_of_.size(); ++i) {
    const size_t at = i * kStride + kCandidate;
    std::vector<float> added;  // to what was there
    for (size_t d = at; d < at + kDim; ++d) added.push_back(d_rows[d] - of_out[d]);
    const auto worst = nn::CheckGradient(std::span(rows_).subspan(at, kDim), added, loss, step);
    EXPECT_LT(worst.relative_error, 2e-2) << "candidate " << i << " " << worst;
  }
}

TEST_F(AttentionTest, NoHistoryGivesZerosAndNoGradient) {
  history_.Clear();
  for (const uint32_t id : {0u, 0u, static_cast<uint32_t>(kTableRows)}) {
    history_.ids.push_back(id);  // out of vocabulary
    history_.Close();
  }
  attention_.Forward(table_, Input(rows_), {});
  for (size_t i = 0; i < query_of_.size(); ++i) EXPECT_THAT(OutOf(i), testing::Each(0.0f));
  std::vector<float> d_rows(rows_.size(), 1.0f);
  attention_.Backward(Input(rows_), d_rows.data(), {});
  EXPECT_THAT(d_rows, testing::Each(1.0f));
  EXPECT_TRUE(attention_.ids().empty());
  for (const nn::Parameter& parameter : parameters_) {
    EXPECT_THAT(parameter.gradient, testing::Each(0.0f)) << parameter.name;
  }
}

TEST_F(AttentionTest, IdsOutOfVocabularyChangeNothing) {
  attention_.Forward(table_, Input(rows_), {});
  const std::vector<float> with = {OutOf(3).begin(), OutOf(3).end()};
  history_.ids = {2, 5, 2, 3};
  history_.offsets = {0, 3, 3, 4};
  attention_.Forward(table_, Input(rows_), {});
  EXPECT_EQ(std::vector<float>(OutOf(3).begin(), OutOf(3).end()), with);
  EXPECT_THAT(with, testing::Not(testing::Each(0.0f)));
}

TEST_F(AttentionTest, InferEqualsForwardWithReusedBuffersAndForAnyThreads) {
  std::vector<float> served = rows_;
  Attention::Work work;
  AttentionInput two = Input(served);
  two.query_of = std::span(query_of_).subspan(2);
  attention_.Infer(table_, two, work, {});
  attention_.Forward(table_, Input(rows_), {});
  served = rows_;
  std::ranges::fill(std::span(served).subspan(kOut, kDim), 7.0f);
  base::ThreadPool pool(3);
  attention_.Infer(table_, Input(served), work, {.pool = &pool});
  EXPECT_THAT(served, testing::Pointwise(testing::FloatNear(1e-5f), rows_));
}

TEST_F(AttentionTest, MultiplicationsAreThoseOfOnePair) {
  // First layer, two more, the product, and the sum.
  EXPECT_EQ(attention_.multiplications(), 3 * kDim * 4 + 4 * 3 + 3 * 1 + 2 * kDim);
  EXPECT_EQ(Attention::WeightsOf(kDim, {4, 3}), 3 * kDim * 4 + 4 * 3 + 3);
}

TEST(AttentionHistories, AreListsThatTheCandidateSharesATableWith) {
  const features::ModelShape shape = SmallShape();
  const auto found = FindHistories({.features = {"watched_channels", "watched_items"}}, shape);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(shape.query.slots[(*found)[0].history].feature, "watched_channels");
  EXPECT_EQ(shape.impression.slots[(*found)[0].candidate].feature, "channel");
  EXPECT_EQ(shape.impression.slots[(*found)[1].candidate].feature, "item");
  for (const std::string name : {"last_watched", "query_tokens", "nothing", "item"}) {
    const auto wrong = FindHistories({.features = {name}}, shape);
    ASSERT_FALSE(wrong) << name;
    EXPECT_EQ(wrong.error().code, Code::kInvalidArgument);
    EXPECT_THAT(wrong.error().message, HasSubstr('"' + name + '"'));
    EXPECT_THAT(wrong.error().message, HasSubstr("watched_items, liked_items"));
  }
  EXPECT_FALSE(FindHistories({.features = {"watched_items"}, .widths = {}}, shape));
  EXPECT_FALSE(FindHistories({.features = {"watched_items"}, .widths = {0}}, shape));
}

TEST(AttentionHistories, AreReadFromTheProjectFile) {
  const auto config = base::Config::Parse(
      "[ranking.attention]\nfeatures = [\"watched_items\"]\nwidths = [16, 8]\n", "test");
  ASSERT_TRUE(config);
  const RankerOptions options = RankerOptions::FromConfig(config->Table("ranking"));
  ASSERT_TRUE(config->Check()) << config->Check().error().message;
  EXPECT_EQ(options.attention.features, std::vector<std::string>{"watched_items"});
  EXPECT_EQ(options.attention.widths, (std::vector<size_t>{16, 8}));
  EXPECT_TRUE(RankerOptions().attention.features.empty()) << "off by default";
}

}  // namespace
}  // namespace upnext::ranking
