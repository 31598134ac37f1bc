// Layer normalisation (Ba, Kiros and Hinton 2016): each row less its mean, divided by its standard
// deviation, times a gain plus a shift.
//
//   LayerNorm norm(256);
//   norm.Forward(x, rows, y, kept, compute);            // x, y [rows, 256]; const
//   norm.Backward(kept, d_y, rows, d_x, compute);       // adds to the gradients and to d_x
//
// Forward may run on many threads, each with its own LayerNorm::Kept; Backward belongs to one.
#ifndef UPNEXT_NN_LAYER_NORM_H_
#define UPNEXT_NN_LAYER_NORM_H_

#include <cstddef>
#include <string_view>
#include <vector>

#include "nn/graph.h"
#include "nn/parameter.h"

namespace upnext::nn {

class LayerNorm {
 public:
  explicit LayerNorm(size_t width);

  // What Backward needs of a Forward.
  struct Kept {
    std::vector<float> normal;  // [rows, width], before gain and shift
    std::vector<float> scale;   // [rows], 1 / standard deviation
  };
  void Forward(const float* x, size_t rows, float* y, Kept& kept, const Compute& compute) const;
  // d_y [rows, width]; d_x [rows, width] += the gradient of x.
  void Backward(const Kept& kept, const float* d_y, size_t rows, float* d_x,
                const Compute& compute);

  void AppendParameters(std::string_view name, std::vector<Parameter>& parameters);
  Graph::Value AppendTo(Graph& graph, const Graph::Value& x) const;

 private:
  size_t width_;
  std::vector<float> gain_, shift_, gain_gradient_, shift_gradient_;  // [width]
  std::vector<float> sums_;                                           // scratch of Backward
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_LAYER_NORM_H_
