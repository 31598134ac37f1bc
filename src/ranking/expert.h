// One expert: hidden layers of ReLU units as in Zhao 2019, or normalised ones with SiLU, of which
// none can die (nn/norm_silu.h).
//
//   Expert expert(128, {64}, ExpertLayer::kRelu, rng);
//
// Forward, Backward and gradients belong to one thread; Infer is const. Only this room includes it.
#ifndef UPNEXT_RANKING_EXPERT_H_
#define UPNEXT_RANKING_EXPERT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "base/rng.h"
#include "nn/dense.h"
#include "nn/graph.h"
#include "nn/norm_silu.h"
#include "nn/parameter.h"
#include "ranking/architecture.h"

namespace upnext::ranking {

class Expert {
 public:
  Expert(size_t input, const std::vector<size_t>& widths, ExpertLayer layer, base::Rng& rng);

  size_t output() const;
  size_t multiplications() const;
  // As nn::Tower. d_x is overwritten.
  const float* Forward(const float* x, size_t batch, const nn::Compute& compute);
  void Backward(const float* d_out, float* d_x, const nn::Compute& compute);
  struct Scratch {
    nn::Tower::Scratch relu;
    nn::NormSiluTower::Scratch norm_silu;
  };
  void Infer(const float* x, size_t batch, float* out, Scratch& scratch,
             const nn::Compute& compute) const;
  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters);
  nn::Graph::Value AppendTo(nn::Graph& graph, const nn::Graph::Value& x) const {
    return std::visit([&](const auto& net) { return net.AppendTo(graph, x); }, net_);
  }
  // Null unless its units are ReLU.
  nn::Tower* relu() { return std::get_if<nn::Tower>(&net_); }
  const nn::Tower* relu() const { return std::get_if<nn::Tower>(&net_); }

 private:
  std::variant<nn::Tower, nn::NormSiluTower> net_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_EXPERT_H_
