// The hidden layers that all tasks share. The first one reads a request (query) and a candidate
// (impression) apart, so that the query's half is multiplied once for all its impressions:
//
//   h_1 = ReLU(W_q q + W_i x + b)
//
//   Bottom bottom({.query = 120, .impression = 200}, {256, 128}, rng);
//   const float* h = bottom.Forward(input, compute);           // [rows, 128]
//   bottom.Backward(d_h, d_queries, d_impressions, compute);
//
// Forward, Backward and gradients belong to one thread; Infer is const. Only this room includes it.
#ifndef UPNEXT_RANKING_BOTTOM_H_
#define UPNEXT_RANKING_BOTTOM_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "nn/dead_units.h"
#include "nn/dense.h"
#include "nn/graph.h"
#include "nn/parameter.h"
#include "ranking/net_input.h"

namespace upnext::ranking {

// y = W_q q + W_i x + b, one row for each impression.
class SplitLinear {
 public:
  SplitLinear(const NetWidths& widths, size_t out, nn::Initialisation initialisation,
              base::Rng& rng);

  size_t out() const { return bias_.size(); }
  size_t multiplications() const { return (widths_.query + widths_.impression) * out(); }
  struct Scratch {
    std::vector<float> queries;  // [queries, out]: W_q q
  };
  // y [impressions, out]; with `relu`, y = max(y, 0).
  void Forward(const NetInput& input, float* y, Scratch& scratch, const nn::Compute& compute,
               bool relu = false) const;
  // Adds to the gradients. d_y [impressions, out], before any ReLU; d_queries [queries, query] and
  // d_impressions [impressions, impression] are added to.
  void Backward(const NetInput& input, const float* d_y, const NetGradient& d_input,
                const nn::Compute& compute);
  // Forward without the ReLU, as operations.
  nn::Graph::Value AppendTo(nn::Graph& graph, const NetValues& input) const;
  std::vector<float>& bias() { return bias_; }
  // Changes the bias so that each output has mean 0 over these impressions.
  void Centre(const NetInput& input, const nn::Compute& compute);
  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters);

 private:
  struct Half {
    std::vector<float> weight, gradient;  // [out, width]
  };
  NetWidths widths_;
  Half query_, impression_;
  std::vector<float> bias_, bias_gradient_;
  std::vector<float> d_queries_;  // [queries, out]
};

class Bottom {
 public:
  // Without hidden layers its output would be its input, which is in two parts: at least one.
  Bottom(const NetWidths& input, const std::vector<size_t>& widths, base::Rng& rng);

  size_t output() const { return rest_.output(); }
  size_t multiplications() const { return first_.multiplications() + rest_.multiplications(); }
  // Returns [impressions, output], owned by this and valid until the next Forward. What the input
  // refers to must stay valid until Backward.
  const float* Forward(const NetInput& input, const nn::Compute& compute);
  // After Forward. d_out [impressions, output]; d_input is added to.
  void Backward(const float* d_out, const NetGradient& d_input, const nn::Compute& compute);
  struct Scratch {
    SplitLinear::Scratch first;
    nn::Tower::Scratch rest;
    std::vector<float> hidden, out;  // the result is in `out`
  };
  const float* Infer(const NetInput& input, Scratch& scratch, const nn::Compute& compute) const;
  nn::Graph::Value AppendTo(nn::Graph& graph, const NetValues& input) const;
  void AppendParameters(std::string_view name, std::vector<nn::Parameter>& parameters);
  void AppendReluLayers(std::vector<nn::DeadUnits*>& layers);
  void CentreUnits(const NetInput& input, const nn::Compute& compute) {
    first_.Centre(input, compute);
  }

 private:
  SplitLinear first_;
  nn::Tower rest_;
  nn::DeadUnits dead_units_;
  NetInput input_;
  SplitLinear::Scratch scratch_;
  std::vector<float> hidden_, d_hidden_;
};

}  // namespace upnext::ranking

#endif  // UPNEXT_RANKING_BOTTOM_H_
