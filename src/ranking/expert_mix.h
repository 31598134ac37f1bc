// Experts and the gates that mix them: one level of a mixture of experts (Zhao 2019, section 3.3;
// Ma et al. 2018) or of progressive layered extraction (Tang et al. 2020).
//
//   f_e = expert e of the stream that it reads            [batch, width]
//   g_k = softmax(W_k s + b_k) of the stream s that gate k reads, over the experts it may use
//   out_k = sum over e of g_k,e f_e
//
//   ExpertMix mix({.streams = {128}, .experts = {0, 0}, .gates = {{0, {0, 1}}}, ...}, rng);
//
// Gate dropout, in training: each expert of a gate is left out with this probability, the rest of
// the softmax is renormalised, and the expert with the largest weight stays when all would go.
// Forward, Backward and gradients belong to one thread; Infer is const. Only this room includes it.
#ifndef UPNEXT_RANKING_EXPERT_MIX_H_
#define UPNEXT_RANKING_EXPERT_MIX_H_

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "nn/dense.h"
#include "nn/graph.h"
#include "nn/parameter.h"
#include "ranking/architecture.h"
#include "ranking/expert.h"

namespace upnext::ranking {

struct ExpertMixOptions {
  struct Gate {
    size_t stream;                // that it reads
    std::vector<size_t> experts;  // that it mixes
  };
  std::vector<size_t> streams;  // width of each input
  std::vector<size_t> experts;  // the stream that each reads
  std::vector<Gate> gates;
  std::vector<size_t> widths;  // of an expert's layers, not empty
  ExpertLayer layer = ExpertLayer::kRelu;
  float gate_dropout = 0;
};

class ExpertMix {
 public:
  using Streams = std::span<const float* const>;  // [streams]: [batch, width] each
  ExpertMix(const ExpertMixOptions& options, base::Rng& rng);

  size_t output() const { return experts_[0].output(); }
  size_t gates() const { return options_.gates.size(); }
  // Those of experts and gates, and one for each expert and number that a gate mixes.
  size_t multiplications() const;

  // Null `noise`: no gate dropout. The streams must stay valid until Backward.
  void Forward(Streams streams, size_t batch, const nn::Compute& compute, base::Rng* noise);
  const float* out(size_t gate) const { return outs_[gate].data(); }  // [batch, output]
  // After Forward. d_outs [gates]: [batch, output] each. d_streams: added to, not overwritten.
  void Backward(Streams d_outs, std::span<float* const> d_streams, const nn::Compute& compute);

  struct Scratch {
    Expert::Scratch expert;
    std::vector<std::vector<float>> experts;  // [experts]: [batch, output]
    std::vector<std::vector<float>> weights;  // [gates]: [batch, experts of the gate]
    std::vector<std::vector<float>> outs;     // [gates]: [batch, output]
  };
  void Infer(Streams streams, size_t batch, Scratch& scratch, const nn::Compute& compute) const;

  // Infer, as operations: what each gate mixes.
  std::vector<nn::Graph::Value> AppendTo(nn::Graph& graph,
                                         const std::vector<nn::Graph::Value>& streams) const;
  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters);
  const ExpertMixOptions& options() const { return options_; }
  std::vector<Expert>& experts() { return experts_; }
  const std::vector<Expert>& experts() const { return experts_; }

 private:
  // Leaves experts out of the weights [batch, experts of the gate].
  void DropExperts(size_t gate, size_t batch, base::Rng& noise);
  void BackwardGate(size_t gate, const float* d_out, std::span<float* const> d_streams,
                    const nn::Compute& compute);

  ExpertMixOptions options_;
  std::vector<Expert> experts_;
  std::vector<nn::Linear> gates_;
  // Of the last Forward.
  std::vector<const float*> streams_;
  size_t batch_ = 0;
  std::vector<const float*> expert_outs_;
  std::vector<std::vector<float>> weights_, outs_;
  std::vector<std::vector<float>> d_experts_;
  std::vector<float> d_weights_, d_x_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_EXPERT_MIX_H_
