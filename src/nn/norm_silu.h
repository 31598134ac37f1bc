// A tower whose hidden layers are y = SiLU(LayerNorm(W x + b)) instead of ReLU(W x + b): no unit can
// die, and the scale of the input does not matter. LayerNorm: Ba, Kiros and Hinton 2016; SiLU:
// a sigmoid(a).
//
//   NormSiluTower tower(320, {128, 64}, rng);
//   const float* out = tower.Forward(x, batch, compute);   // [batch, 64], kept for Backward
//   tower.Backward(d_out, d_x, compute);                   // adds to the gradients
//   tower.Infer(x, batch, out, scratch, compute);          // const: many threads, one scratch each
//
// Forward, Backward and gradients belong to one thread.
#ifndef UPNEXT_NN_NORM_SILU_H_
#define UPNEXT_NN_NORM_SILU_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "nn/dense.h"
#include "nn/graph.h"
#include "nn/parameter.h"

namespace upnext::nn {

class NormSiluTower {
 public:
  NormSiluTower(size_t input, const std::vector<size_t>& widths, base::Rng& rng);

  size_t input() const { return input_; }
  size_t output() const { return layers_.empty() ? input_ : layers_.back().linear.out(); }
  size_t multiplications() const;

  // Returns [batch, output], owned by the tower and valid until the next Forward; `x` must stay
  // valid until Backward.
  const float* Forward(const float* x, size_t batch, const Compute& compute);
  // After Forward, for the same batch. d_out [batch, output]; d_x [batch, input] is overwritten.
  void Backward(const float* d_out, float* d_x, const Compute& compute);

  struct Scratch {
    std::vector<float> layers[2];
  };
  void Infer(const float* x, size_t batch, float* out, Scratch& scratch,
             const Compute& compute) const;

  void AppendParameters(std::string_view name, std::vector<Parameter>& parameters);
  // Infer, as operations.
  Graph::Value AppendTo(Graph& graph, Graph::Value x) const;

 private:
  struct Layer {
    Linear linear;
    std::vector<float> gain, shift, gain_gradient, shift_gradient;  // [out]
    // Of the last Forward.
    std::vector<float> normal;  // [batch, out]: before gain and shift
    std::vector<float> scale;   // [batch]: 1 / standard deviation
    std::vector<float> y;       // [batch, out]
  };
  // z [batch, out] becomes its normal form; scale [batch] may be null.
  static void Normalise(float* z, size_t batch, size_t width, float* scale, const Compute& compute);
  static void Activate(const Layer& layer, const float* normal, size_t batch, float* y,
                       const Compute& compute);
  // d_y [batch, out] becomes the gradient of the linear part's output.
  static void BackThroughNorm(Layer& layer, size_t batch, std::vector<float>& d_y,
                              std::vector<float>& d_gain, const Compute& compute);

  size_t input_;
  std::vector<Layer> layers_;
  const float* x_ = nullptr;
  size_t batch_ = 0;
  std::vector<float> d_y_, d_x_, d_gain_;
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_NORM_SILU_H_
