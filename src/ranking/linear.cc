#include "ranking/linear.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "nn/dense.h"

namespace upnext::ranking {
namespace {

class LinearArchitecture : public Architecture {
 public:
  LinearArchitecture(const ArchitectureOptions& options, base::Rng& rng)
      : heads_(options.input, options.tasks, nn::Initialisation::kXavier, rng) {}

  const float* Forward(const float* x, size_t batch, const nn::Compute& compute) override {
    x_ = x;
    batch_ = batch;
    logits_.resize(batch * heads_.out());
    heads_.Forward(x, batch, logits_.data(), compute);
    return logits_.data();
  }

  void Backward(const float* d_logits, float* d_x, const nn::Compute& compute) override {
    heads_.Backward(x_, d_logits, batch_, d_x, compute);
  }

  std::unique_ptr<ArchitectureScratch> MakeScratch() const override {
    return std::make_unique<ArchitectureScratch>();
  }

  void Infer(const float* x, size_t batch, float* logits, ArchitectureScratch& /*scratch*/,
             const nn::Compute& compute) const override {
    heads_.Forward(x, batch, logits, compute);
  }

  void SetOutputBiases(std::span<const float> biases) override {
    std::ranges::copy(biases, heads_.bias().begin());
  }

  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) override {
    heads_.AppendParameters(fmt::format("{}.heads", name), parameters);
  }

  size_t multiplications() const override { return heads_.in() * heads_.out(); }
  std::vector<double> DeadUnitShares() const override { return {}; }
  void ResetActivity() override {}
  std::vector<uint64_t> Activity() const override { return {}; }
  bool SetActivity(std::span<const uint64_t> activity) override { return activity.empty(); }

 private:
  nn::Linear heads_;
  const float* x_ = nullptr;
  size_t batch_ = 0;
  std::vector<float> logits_;
};

}  // namespace

std::unique_ptr<Architecture> MakeLinear(const ArchitectureOptions& options, base::Rng& rng) {
  return std::make_unique<LinearArchitecture>(options, rng);
}

}  // namespace upnext::ranking
