#include <fmt/format.h>

#include <algorithm>

#include "base/rng.h"
#include "nn/dense.h"
#include "nn/graph.h"
#include "ranking/architectures.h"
#include "ranking/bottom.h"

namespace upnext::ranking {
namespace {

class LinearArchitecture : public Architecture {
 public:
  LinearArchitecture(const NetShape& shape, base::Rng& rng)
      : heads_(shape.input, shape.logits(), nn::Initialisation::kXavier, rng) {}

  const float* Forward(const NetInput& input, const nn::Compute& compute, base::Rng*) override {
    input_ = input;
    logits_.resize(input.rows() * heads_.out());
    heads_.Forward(input, logits_.data(), scratch_, compute);
    return logits_.data();
  }

  void Backward(const float* d_logits, const NetGradient& d_input,
                const nn::Compute& compute) override {
    heads_.Backward(input_, d_logits, d_input, compute);
  }

  std::unique_ptr<ArchitectureScratch> MakeScratch() const override {
    return std::make_unique<Scratch>();
  }

  void Infer(const NetInput& input, float* logits, ArchitectureScratch& scratch,
             const nn::Compute& compute) const override {
    heads_.Forward(input, logits, static_cast<Scratch&>(scratch).heads, compute);
  }

  nn::Graph::Value AppendTo(nn::Graph& graph, const NetValues& input) const override {
    return heads_.AppendTo(graph, input);
  }

  void SetOutputBiases(std::span<const float> biases) override {
    std::ranges::copy(biases, heads_.bias().begin());
  }

  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) override {
    heads_.AppendParameters(fmt::format("{}.heads", name), parameters);
  }

  size_t multiplications() const override { return heads_.multiplications(); }
  std::vector<nn::DeadUnits*> ReluLayers() override { return {}; }

 private:
  struct Scratch : ArchitectureScratch {
    SplitLinear::Scratch heads;
  };

  SplitLinear heads_;
  NetInput input_;
  SplitLinear::Scratch scratch_;
  std::vector<float> logits_;
};

}  // namespace

std::unique_ptr<Architecture> MakeLinear(const ArchitectureOptions&, const NetShape& shape,
                                         base::Rng& rng) {
  return std::make_unique<LinearArchitecture>(shape, rng);
}

}  // namespace upnext::ranking
