// What every architecture of the registry must do.
#include "ranking/architecture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "base/rng.h"
#include "nn/gradient_check.h"
#include "nn/parameter.h"

namespace upnext::ranking {
namespace {

constexpr size_t kInputs = 5, kTasks = 3, kExamples = 7;

std::vector<float> RandomNumbers(size_t n, uint64_t seed) {
  base::Rng rng(seed);
  std::vector<float> numbers(n);
  for (float& number : numbers) number = static_cast<float>(2 * rng.Uniform() - 1);
  return numbers;
}

class EveryArchitecture : public testing::TestWithParam<std::string> {
 protected:
  EveryArchitecture() : x_(RandomNumbers(kExamples * kInputs, 1)) {
    base::Rng rng(2);
    auto made =
        MakeArchitecture(GetParam(), {.input = kInputs, .widths = {6, 4}, .tasks = kTasks}, rng);
    EXPECT_TRUE(made) << made.error().message;
    net_ = std::move(*made);
    net_->SetOutputBiases(RandomNumbers(kTasks, 3));
    net_->AppendParameters("net", parameters_);
  }
  std::vector<float> Logits() {
    const float* logits = net_->Forward(x_.data(), kExamples, {});
    return {logits, logits + kExamples * kTasks};
  }

  std::vector<float> x_;
  std::unique_ptr<Architecture> net_;
  std::vector<nn::Parameter> parameters_;
};

TEST_P(EveryArchitecture, GradientsEqualFiniteDifferences) {
  const std::vector<float> weights = RandomNumbers(kExamples * kTasks, 4);
  const auto loss = [&] {
    const std::vector<float> logits = Logits();
    return std::inner_product(logits.begin(), logits.end(), weights.begin(), 0.0);
  };
  loss();
  std::vector<float> d_x(x_.size(), 99);
  net_->Backward(weights.data(), d_x.data(), {});
  EXPECT_LT(nn::CheckGradient(x_, d_x, loss).relative_error, 1e-2) << "input";
  for (const nn::Parameter& parameter : parameters_) {
    EXPECT_LT(nn::CheckGradient(parameter.value, parameter.gradient, loss).relative_error, 1e-2)
        << parameter.name;
  }
}

TEST_P(EveryArchitecture, InferEqualsForwardWithAReusedScratch) {
  const std::vector<float> trained = Logits();
  const auto scratch = net_->MakeScratch();
  std::vector<float> served(trained.size());
  net_->Infer(x_.data(), 2, served.data(), *scratch, {});
  net_->Infer(x_.data(), kExamples, served.data(), *scratch, {});
  for (size_t i = 0; i < served.size(); ++i) EXPECT_NEAR(served[i], trained[i], 1e-5f);
}

TEST_P(EveryArchitecture, OutputsWithoutInformationAreTheBiases) {
  std::ranges::fill(x_, 0.0f);
  for (const nn::Parameter& parameter : parameters_) {
    if (!parameter.name.ends_with("heads.bias")) std::ranges::fill(parameter.value, 0.0f);
  }
  const std::vector<float> biases = {.5f, -1, 2};
  net_->SetOutputBiases(biases);
  const std::vector<float> logits = Logits();
  for (size_t i = 0; i < logits.size(); ++i) EXPECT_EQ(logits[i], biases[i % kTasks]);
}

TEST_P(EveryArchitecture, MultiplicationsAreTheWeightsOfItsMatrices) {
  size_t weights = 0;
  for (const nn::Parameter& parameter : parameters_) {
    if (parameter.name.ends_with("weight")) weights += parameter.value.size();
  }
  EXPECT_EQ(net_->multiplications(), weights);
}

TEST_P(EveryArchitecture, ActivityIsRestoredFromACheckpoint) {
  Logits();
  const std::vector<double> dead = net_->DeadUnitShares();
  const std::vector<uint64_t> activity = net_->Activity();
  net_->ResetActivity();
  EXPECT_TRUE(net_->SetActivity(activity));
  EXPECT_EQ(net_->DeadUnitShares(), dead);
  EXPECT_FALSE(net_->SetActivity(std::vector<uint64_t>(activity.size() + 1)));
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryArchitecture, testing::ValuesIn(ArchitectureNames()),
                         [](const testing::TestParamInfo<std::string>& architecture) {
                           std::string name = architecture.param;
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace upnext::ranking
