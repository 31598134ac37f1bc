// What every architecture of the registry must do.
#include "ranking/architecture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "nn/dead_units.h"
#include "nn/gradient_check.h"
#include "nn/parameter.h"

namespace upnext::ranking {
namespace {

constexpr size_t kQuery = 3, kImpression = 2, kLogits = 5, kQueries = 3, kRows = 7;
const std::vector<size_t> kOutputs = {1, 3, 1};  // of the tasks

std::vector<float> RandomNumbers(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<float> numbers(n);
  for (float& number : numbers) number = static_cast<float>(2 * rng.Uniform() - 1);
  return numbers;
}

// Small, but with every part that the architecture can have.
ArchitectureOptions Small(const std::string& name) {
  return {.name = name,
          .widths = {6, 4},
          .task_widths = {5},
          .experts = 3,
          .task_experts = 2,
          .levels = 2,
          .expert_widths = {5, 4},
          .gate_dropout = 0.5f};
}

class EveryArchitecture : public testing::TestWithParam<ArchitectureOptions> {
 protected:
  EveryArchitecture()
      : queries_(RandomNumbers(kQueries * kQuery, 1)),
        impressions_(RandomNumbers(kRows * kImpression, 5)) {
    base::Rng rng(2);
    auto made =
        MakeArchitecture(GetParam(), {.input = {kQuery, kImpression}, .outputs = kOutputs}, rng);
    EXPECT_TRUE(made) << made.error().message;
    net_ = std::move(*made);
    net_->SetOutputBiases(RandomNumbers(kLogits, 3));
    net_->AppendParameters("net", parameters_);
    // Of biases of 0, a unit whose inputs are all 0 has no derivative.
    for (const nn::Parameter& parameter : parameters_) {
      if (!parameter.name.ends_with("bias")) continue;
      std::ranges::copy(RandomNumbers(parameter.size(), 9), parameter.value.begin());
    }
  }
  NetInput Input() const {
    return {.queries = queries_.data(),
            .query_rows = kQueries,
            .impressions = impressions_.data(),
            .query_of = query_of_};
  }
  std::vector<float> Logits(base::Rng* noise = nullptr) {
    const float* logits = net_->Forward(Input(), {}, noise);
    return {logits, logits + kRows * kLogits};
  }

  std::vector<float> queries_, impressions_;
  const std::vector<uint32_t> query_of_ = {0, 0, 1, 1, 1, 2, 0};
  std::unique_ptr<Architecture> net_;
  std::vector<nn::Parameter> parameters_;
};

TEST_P(EveryArchitecture, GradientsEqualFiniteDifferences) {
  const std::vector<float> weights = RandomNumbers(kRows * kLogits, 4);
  const auto loss = [&] {
    base::Rng noise(11);  // the same experts are left out each time
    const std::vector<float> logits = Logits(&noise);
    return std::inner_product(logits.begin(), logits.end(), weights.begin(), 0.0);
  };
  loss();
  std::vector<float> d_queries(queries_.size()), d_impressions(impressions_.size());
  net_->Backward(weights.data(), {d_queries.data(), d_impressions.data()}, {});
  // A small step has the rounding of fp32 sums, a large one crosses the bends of ReLU units; a wrong gradient is wrong
  // by both.
  const auto error = [&](std::span<float> values, std::span<const float> gradient) {
    const auto by = [&](float step) {
      return nn::CheckGradient(values, gradient, loss, {.step = step, .floor = 1e-1});
    };
    const auto small = by(5e-4f);
    if (small.relative_error < 2e-2) return small;
    const auto large = by(1e-3f);
    return large.relative_error < small.relative_error ? large : small;
  };
  EXPECT_LT(error(queries_, d_queries).relative_error, 2e-2) << "queries";
  EXPECT_LT(error(impressions_, d_impressions).relative_error, 2e-2) << "impressions";
  for (const nn::Parameter& parameter : parameters_) {
    const auto worst = error(parameter.value, parameter.gradient);
    EXPECT_LT(worst.relative_error, 2e-2) << parameter.name << " " << worst;
  }
}

// What an adversary says of the shared layer reaches all below it.
TEST_P(EveryArchitecture, TheGradientOfTheSharedLayerIsAdded) {
  const size_t width = net_->shared_width();
  Logits();
  ASSERT_EQ(net_->shared() == nullptr, width == 0);
  if (width == 0) return;
  const std::vector<float> of_logits = RandomNumbers(kRows * kLogits, 4);
  const std::vector<float> of_shared = RandomNumbers(kRows * width, 6);
  const auto loss = [&] {
    const std::vector<float> logits = Logits();
    return std::inner_product(logits.begin(), logits.end(), of_logits.begin(), 0.0) +
           std::inner_product(of_shared.begin(), of_shared.end(), net_->shared(), 0.0);
  };
  loss();
  std::vector<float> d_queries(queries_.size()), d_impressions(impressions_.size());
  net_->Backward(of_logits.data(), {d_queries.data(), d_impressions.data(), of_shared.data()}, {});
  const nn::GradientCheckOptions step{.step = 5e-4f, .floor = 1e-1};
  EXPECT_LT(nn::CheckGradient(impressions_, d_impressions, loss, step).relative_error, 2e-2);
  for (const nn::Parameter& parameter : parameters_) {
    if (!parameter.name.contains(".bottom.")) continue;
    const auto worst = nn::CheckGradient(parameter.value, parameter.gradient, loss, step);
    EXPECT_LT(worst.relative_error, 2e-2) << parameter.name << " " << worst;
  }
}

TEST_P(EveryArchitecture, InferEqualsForwardWithAReusedScratch) {
  const std::vector<float> trained = Logits();
  const auto scratch = net_->MakeScratch();
  std::vector<float> served(trained.size());
  NetInput two = Input();
  two.query_of = two.query_of.first(2);
  net_->Infer(two, served.data(), *scratch, {});
  net_->Infer(Input(), served.data(), *scratch, {});
  for (size_t i = 0; i < served.size(); ++i) EXPECT_NEAR(served[i], trained[i], 1e-5f);
}

// The halves of the first layer, and what is shared by the impressions of a request, must not be
// seen in the result.
TEST_P(EveryArchitecture, ARowDoesNotDependOnTheOthersOfItsBatch) {
  const std::vector<float> together = Logits();
  for (size_t i = 0; i < kRows; ++i) {
    const std::vector<uint32_t> only = {0};
    const float* alone = net_->Forward({.queries = queries_.data() + query_of_[i] * kQuery,
                                        .query_rows = 1,
                                        .impressions = impressions_.data() + i * kImpression,
                                        .query_of = only},
                                       {}, nullptr);
    for (size_t k = 0; k < kLogits; ++k) EXPECT_NEAR(alone[k], together[i * kLogits + k], 1e-5f);
  }
}

TEST_P(EveryArchitecture, OutputsWithoutInformationAreTheBiases) {
  std::ranges::fill(queries_, 0.0f);
  std::ranges::fill(impressions_, 0.0f);
  for (const nn::Parameter& parameter : parameters_) std::ranges::fill(parameter.value, 0.0f);
  const std::vector<float> biases = {.5f, -1, 2, 3, -4};
  net_->SetOutputBiases(biases);
  const std::vector<float> logits = Logits();
  for (size_t i = 0; i < logits.size(); ++i) EXPECT_EQ(logits[i], biases[i % kLogits]);
}

TEST_P(EveryArchitecture, MT05_MultiplicationsAreTheWeightsOfItsMatricesAndThoseOfMixing) {
  size_t weights = 0;
  for (const nn::Parameter& parameter : parameters_) {
    if (parameter.name.ends_with("weight")) weights += parameter.value.size();
    // Each expert's vector is multiplied once for each gate that may use it.
    if (parameter.name.contains(".gate.") && parameter.name.ends_with("weight")) {
      weights += parameter.shape[0] * GetParam().expert_widths.back();
    }
  }
  EXPECT_EQ(net_->multiplications(), weights);
}

TEST_P(EveryArchitecture, NoWeightIsWithoutUse) {
  const std::vector<float> ones(kRows * kLogits, 1.0f);
  Logits();
  std::vector<float> d_queries(queries_.size()), d_impressions(impressions_.size());
  net_->Backward(ones.data(), {d_queries.data(), d_impressions.data()}, {});
  double needed = WeightsOf(GetParam(), {.input = {kQuery, kImpression}, .outputs = kOutputs});
  double there = 0;
  for (const nn::Parameter& parameter : parameters_) {
    there += static_cast<double>(parameter.size());
    EXPECT_TRUE(std::ranges::any_of(parameter.gradient, [](float d) { return d != 0; }))
        << parameter.name;
  }
  EXPECT_LE(needed, there);
  EXPECT_GE(needed, 0.4 * there) << "what is allocated is known before";
}

TEST_P(EveryArchitecture, ActivityIsRestoredFromACheckpoint) {
  Logits();
  const auto layers = net_->ReluLayers();
  const std::vector<double> dead = nn::Shares(layers);
  const std::vector<uint64_t> activity = nn::Save(layers);
  for (nn::DeadUnits* layer : layers) layer->Reset();
  EXPECT_TRUE(nn::Restore(layers, activity));
  EXPECT_EQ(nn::Shares(layers), dead);
  EXPECT_FALSE(nn::Restore(layers, std::vector<uint64_t>(activity.size() + 1)));
}

std::vector<ArchitectureOptions> All() {
  std::vector<ArchitectureOptions> all;
  for (const std::string& name : ArchitectureNames()) all.push_back(Small(name));
  ArchitectureOptions other = Small("mmoe");
  other.gates_on_input = true;
  other.task_widths.clear();
  all.push_back(other);
  other = Small("ple");
  other.expert_layer = ExpertLayer::kNormSilu;
  all.push_back(other);
  return all;
}

// 64 inputs of 1 + 0.1 z, z normal: far from 0, as quantiles and their roots are. Weights of variance
// 2 / 64 give a unit the mean N(0, 2) over impressions and the deviation 0.1 sqrt(2) = 0.14 around it.
// Where the mean is below -4.5 of those deviations (probability .32), no impression of 200 is above 0
// (3e-6 each): of 256 units .32 +- .03 are dead. A unit with mean 0 that varies is above 0 for some.
TEST_P(EveryArchitecture, TR05_CentredUnitsAreActiveForInputsFarFromZero) {
  constexpr size_t kWide = 32, kMany = 200;
  base::Rng rng(8);
  std::vector<float> queries(kMany * kWide), impressions(kMany * kWide);
  for (auto* numbers : {&queries, &impressions}) {
    for (float& number : *numbers) number = static_cast<float>(1 + 0.1 * rng.Normal());
  }
  std::vector<uint32_t> query_of(kMany);
  std::iota(query_of.begin(), query_of.end(), 0);
  const NetInput input{.queries = queries.data(),
                       .query_rows = kMany,
                       .impressions = impressions.data(),
                       .query_of = query_of};
  ArchitectureOptions options = GetParam();
  options.widths = {256};
  const auto net = MakeArchitecture(options, {.input = {kWide, kWide}, .outputs = kOutputs}, rng);
  ASSERT_TRUE(net) << net.error().message;
  if ((*net)->ReluLayers().empty()) return;
  const auto dead = [&] {
    nn::DeadUnits& first = *(*net)->ReluLayers().front();
    first.Reset();
    (*net)->Forward(input, {}, nullptr);
    return first.share();
  };
  EXPECT_GT(dead(), 0.2);
  (*net)->CentreUnits(input, {});
  EXPECT_EQ(dead(), 0);
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryArchitecture, testing::ValuesIn(All()),
                         [](const testing::TestParamInfo<ArchitectureOptions>& made) {
                           std::string name = made.param.name + std::to_string(made.index);
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(MakeArchitecture, NamesTheKnownOnesAndChecksSizes) {
  base::Rng rng(1);
  const auto error = [&](const ArchitectureOptions& options) {
    const auto made = MakeArchitecture(options, {.input = {2, 2}, .outputs = {1}}, rng);
    return made ? std::string("made") : made.error().message;
  };
  EXPECT_THAT(error({.name = "babel"}), testing::HasSubstr("known: tower, shared-bottom, mmoe"));
  EXPECT_THAT(error({.widths = {}}), testing::HasSubstr("widths: expected 1 to 64 layers"));
  EXPECT_THAT(error({.widths = {0}}), testing::HasSubstr("from 1 to 16384, found 0"));
  EXPECT_THAT(error({.name = "mmoe", .experts = 0}), testing::HasSubstr("experts: expected 1"));
  EXPECT_THAT(error({.name = "mmoe", .expert_widths = {}}), testing::HasSubstr("expert_widths"));
  EXPECT_THAT(error({.name = "mmoe", .gate_dropout = 1}), testing::HasSubstr("gate_dropout"));
  EXPECT_THAT(error({.name = "ple", .levels = 9}), testing::HasSubstr("levels: expected 1 to 8"));
  EXPECT_EQ(error({.name = "linear", .widths = {}, .experts = 0}), "made");
}

}  // namespace
}  // namespace upnext::ranking
