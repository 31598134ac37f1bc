#include <fmt/format.h>

#include <algorithm>

#include "base/rng.h"
#include "kernels/vector_ops.h"
#include "nn/dense.h"
#include "nn/graph.h"
#include "ranking/architectures.h"
#include "ranking/bottom.h"

namespace upnext::ranking {
namespace {

class TowerArchitecture : public Architecture {
 public:
  TowerArchitecture(const ArchitectureOptions& options, const NetShape& shape, base::Rng& rng)
      : bottom_(shape.input, options.widths, rng),
        heads_(bottom_.output(), shape.logits(), nn::Initialisation::kXavier, rng) {}

  const float* Forward(const NetInput& input, const nn::Compute& compute, base::Rng*) override {
    rows_ = input.rows();
    hidden_ = bottom_.Forward(input, compute);
    logits_.resize(rows_ * heads_.out());
    heads_.Forward(hidden_, rows_, logits_.data(), compute);
    return logits_.data();
  }

  void Backward(const float* d_logits, const NetGradient& d_input,
                const nn::Compute& compute) override {
    d_hidden_.resize(rows_ * bottom_.output());
    heads_.Backward(hidden_, d_logits, rows_, d_hidden_.data(), compute);
    if (d_input.shared != nullptr) {
      kernels::Axpy(1.0f, d_input.shared, d_hidden_.data(), d_hidden_.size());
    }
    bottom_.Backward(d_hidden_.data(), d_input, compute);
  }

  size_t shared_width() const override { return bottom_.output(); }
  const float* shared() const override { return hidden_; }
  std::unique_ptr<ArchitectureScratch> MakeScratch() const override {
    return std::make_unique<Scratch>();
  }

  void Infer(const NetInput& input, float* logits, ArchitectureScratch& scratch,
             const nn::Compute& compute) const override {
    const float* hidden = bottom_.Infer(input, static_cast<Scratch&>(scratch).bottom, compute);
    heads_.Forward(hidden, input.rows(), logits, compute);
  }

  nn::Graph::Value AppendTo(nn::Graph& graph, const NetValues& input) const override {
    return heads_.AppendTo(graph, bottom_.AppendTo(graph, input));
  }

  void CentreUnits(const NetInput& input, const nn::Compute& compute) override {
    bottom_.CentreUnits(input, compute);
  }

  void SetOutputBiases(std::span<const float> biases) override {
    std::ranges::copy(biases, heads_.bias().begin());
  }

  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) override {
    bottom_.AppendParameters(fmt::format("{}.bottom", name), parameters);
    heads_.AppendParameters(fmt::format("{}.heads", name), parameters);
  }

  size_t multiplications() const override {
    return bottom_.multiplications() + heads_.in() * heads_.out();
  }
  std::vector<nn::DeadUnits*> ReluLayers() override {
    std::vector<nn::DeadUnits*> layers;
    bottom_.AppendReluLayers(layers);
    return layers;
  }

 private:
  struct Scratch : ArchitectureScratch {
    Bottom::Scratch bottom;
  };

  Bottom bottom_;
  nn::Linear heads_;
  const float* hidden_ = nullptr;
  size_t rows_ = 0;
  std::vector<float> logits_, d_hidden_;
};

}  // namespace

std::unique_ptr<Architecture> MakeTower(const ArchitectureOptions& options, const NetShape& shape,
                                        base::Rng& rng) {
  return std::make_unique<TowerArchitecture>(options, shape, rng);
}

}  // namespace upnext::ranking
