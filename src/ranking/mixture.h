// What `shared-bottom`, `mmoe` and `ple` have in common: shared hidden layers, any number of levels
// of experts, and layers of each task. The streams of a level are the gates of the one before it;
// those of the first are the shared hidden layer and, where a gate reads it, the input itself. The
// gates of the last level are the tasks; without a level every task reads the shared layer.
//
//   std::make_unique<Mixture>(options, shape, levels, rng)
//
// Only this room includes it.
#ifndef UPNEXT_RANKING_MIXTURE_H_
#define UPNEXT_RANKING_MIXTURE_H_

#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "nn/dead_units.h"
#include "nn/graph.h"
#include "nn/parameter.h"
#include "ranking/architecture.h"
#include "ranking/bottom.h"
#include "ranking/expert_mix.h"
#include "ranking/task_heads.h"

namespace upnext::ranking {

// A level as its architecture plans it: names of the experts, for reports, with its options.
struct MixLevel {
  ExpertMixOptions mix;
  std::vector<std::string> names = {};  // by expert
};

class Mixture : public Architecture {
 public:
  Mixture(const ArchitectureOptions& options, const NetShape& shape, std::vector<MixLevel> levels,
          base::Rng& rng);

  const float* Forward(const NetInput& input, const nn::Compute& compute,
                       base::Rng* noise) override;
  void Backward(const float* d_logits, const NetGradient& d_input,
                const nn::Compute& compute) override;
  size_t shared_width() const override { return bottom_.output(); }
  const float* shared() const override { return hidden_; }
  std::unique_ptr<ArchitectureScratch> MakeScratch() const override;
  void Infer(const NetInput& input, float* logits, ArchitectureScratch& scratch,
             const nn::Compute& compute) const override;
  nn::Graph::Value AppendTo(nn::Graph& graph, const NetValues& input) const override;
  std::vector<GateWeights> Gates(const ArchitectureScratch& scratch) const override;
  void CentreUnits(const NetInput& input, const nn::Compute& compute) override {
    bottom_.CentreUnits(input, compute);
  }
  void SetOutputBiases(std::span<const float> biases) override { heads_.SetOutputBiases(biases); }
  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters) override;
  size_t multiplications() const override;
  std::vector<nn::DeadUnits*> ReluLayers() override;

 private:
  using Pointers = std::vector<const float*>;
  using Buffers = std::vector<std::vector<float>>;
  struct Scratch : ArchitectureScratch {
    Bottom::Scratch bottom;
    std::vector<float> input;
    std::vector<ExpertMix::Scratch> levels;
    TaskHeads::Scratch heads;
  };
  // The streams of the first level, or of the heads when there is none.
  Pointers FirstStreams(const float* hidden, const NetInput& input,
                        std::vector<float>* joined) const;
  Pointers OfTasks(const Pointers& streams) const;  // what each task's head reads
  bool reads_input() const { return !levels_.empty() && levels_[0].options().streams.size() > 1; }

  NetShape shape_;
  std::vector<std::vector<std::string>> names_;  // of experts, by level
  Bottom bottom_;
  std::vector<ExpertMix> levels_;
  TaskHeads heads_;
  // Of the last Forward.
  NetInput input_;
  const float* hidden_ = nullptr;
  std::vector<float> joined_, logits_;
  Buffers d_outs_, d_streams_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_MIXTURE_H_
