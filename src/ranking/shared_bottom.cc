#include "ranking/shared_bottom.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "nn/dense.h"

namespace upnext::ranking {
namespace {

// All tasks share every hidden layer; each has its own linear output.
class SharedBottom : public Architecture {
 public:
  SharedBottom(const ArchitectureOptions& options, base::Rng& rng)
      : tower_({.input = options.input, .widths = options.widths}, rng),
        heads_(tower_.output(), options.tasks, nn::Initialisation::kXavier, rng) {}

  const float* Forward(const float* x, size_t batch, const nn::Compute& compute) override {
    hidden_ = tower_.Forward(x, batch, compute);
    batch_ = batch;
    logits_.resize(batch * heads_.out());
    heads_.Forward(hidden_, batch, logits_.data(), compute);
    return logits_.data();
  }

  void Backward(const float* d_logits, float* d_x, const nn::Compute& compute) override {
    d_hidden_.resize(batch_ * tower_.output());
    heads_.Backward(hidden_, d_logits, batch_, d_hidden_.data(), compute);
    tower_.Backward(d_hidden_.data(), d_x, compute);
  }

  std::unique_ptr<ArchitectureScratch> MakeScratch() const override {
    return std::make_unique<Scratch>();
  }

  void Infer(const float* x, size_t batch, float* logits, ArchitectureScratch& scratch,
             const nn::Compute& compute) const override {
    Scratch& mine = static_cast<Scratch&>(scratch);
    mine.hidden.resize(batch * tower_.output());
    tower_.Infer(x, batch, mine.hidden.data(), mine.tower, compute);
    heads_.Forward(mine.hidden.data(), batch, logits, compute);
  }

  void SetOutputBiases(std::span<const float> biases) override {
    std::ranges::copy(biases, heads_.bias().begin());
  }

  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) override {
    tower_.AppendParameters(fmt::format("{}.tower", name), parameters);
    heads_.AppendParameters(fmt::format("{}.heads", name), parameters);
  }

  size_t multiplications() const override {
    return tower_.multiplications() + heads_.in() * heads_.out();
  }
  std::vector<double> DeadUnitShares() const override { return tower_.DeadUnitShares(); }
  void ResetActivity() override { tower_.ResetActivity(); }
  std::vector<uint64_t> Activity() const override { return tower_.Activity(); }
  bool SetActivity(std::span<const uint64_t> activity) override {
    return tower_.SetActivity(activity);
  }

 private:
  struct Scratch : ArchitectureScratch {
    nn::Tower::Scratch tower;
    std::vector<float> hidden;
  };

  nn::Tower tower_;
  nn::Linear heads_;
  const float* hidden_ = nullptr;
  size_t batch_ = 0;
  std::vector<float> logits_, d_hidden_;
};

}  // namespace

std::unique_ptr<Architecture> MakeSharedBottom(const ArchitectureOptions& options, base::Rng& rng) {
  return std::make_unique<SharedBottom>(options, rng);
}

}  // namespace upnext::ranking
