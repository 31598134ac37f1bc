// Fully connected layers: Linear, and the ReLU tower that both models use.
//
//   Tower tower({.input = 320, .widths = {1024, 512, 256}}, rng);
//   const float* out = tower.Forward(x, batch, compute);   // [batch, 256], kept for Backward
//   tower.Backward(d_out, d_x, compute);                   // adds to the gradients
//   tower.Infer(x, batch, out, scratch, compute);          // const: many threads, one scratch each
//
//   tower.Begin(batch, precision, block);                  // or block by block, which keeps the
//   tower.ForwardBlock(b, x);                              // values in the cache; blocks may run
//   tower.BackwardBlock(b, d_out, d_x);                    // on many threads
//   tower.AppendGradients(pieces, tasks);                  // after the last block
//
// Forward, Backward and gradients belong to one thread; Infer may run on many threads while no
// thread trains. Initial weights follow He et al. 2015 before a ReLU and Glorot and Bengio 2010
// before a linear output.
#ifndef UPNEXT_NN_DENSE_H_
#define UPNEXT_NN_DENSE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "kernels/aligned_buffer.h"
#include "kernels/gemm.h"
#include "kernels/operand.h"
#include "nn/dead_units.h"
#include "nn/graph.h"
#include "nn/parameter.h"

namespace upnext::nn {

enum class Initialisation : uint8_t { kHe, kXavier };

// y = x W^T + b with W [out, in], b [out].
class Linear {
 public:
  Linear(size_t in, size_t out, Initialisation initialisation, base::Rng& rng);

  // x [batch, in] -> y [batch, out]; with `relu`, y = max(y, 0). Keeps nothing.
  void Forward(const float* x, size_t batch, float* y, const Compute& compute,
               bool relu = false) const;
  // Adds to the gradients. d_x [batch, in] is overwritten; it may be null. x is the input of
  // Forward, d_y [batch, out] the gradient of its result (before any ReLU).
  void Backward(const float* x, const float* d_y, size_t batch, float* d_x, const Compute& compute);

  size_t in() const { return in_; }
  size_t out() const { return out_; }
  std::vector<float>& weight() { return weight_; }  // [out, in]
  std::vector<float>& bias() { return bias_; }      // [out]
  const std::vector<float>& weight() const { return weight_; }
  const std::vector<float>& bias() const { return bias_; }
  std::vector<float>& weight_gradient() { return weight_gradient_; }
  std::vector<float>& bias_gradient() { return bias_gradient_; }
  void AppendParameters(std::string_view name, std::vector<Parameter>& parameters);
  Graph::Value AppendTo(Graph& graph, const Graph::Value& x) const {
    return graph.Linear(x, weight_, bias_, in_);
  }

 private:
  size_t in_, out_;
  std::vector<float> weight_, bias_, weight_gradient_, bias_gradient_;
};

struct TowerOptions {
  size_t input = 0;
  std::vector<size_t> widths;  // empty: the output is the input
  bool last_linear = false;    // no ReLU after the last layer
};

class Tower {
 public:
  Tower(const TowerOptions& options, base::Rng& rng);

  size_t input() const { return options_.input; }
  size_t output() const {
    return options_.widths.empty() ? options_.input : options_.widths.back();
  }
  const TowerOptions& options() const { return options_; }
  std::vector<Linear>& layers() { return layers_; }
  const std::vector<Linear>& layers() const { return layers_; }
  // Number of multiplications in the forward pass of one example (Zhao 2019, section 5.2).
  size_t multiplications() const;

  // Starts a batch, divided into blocks of `block` examples (the last may have fewer). `block` is
  // rounded up to a multiple of kernels::BatchOperand::kMultiple, as BlockFor() returns it. Rounds
  // the weights to the precision; after changing weights, Begin must be called again before the
  // next ForwardBlock.
  void Begin(size_t batch, kernels::Precision precision, size_t block);
  size_t blocks() const { return (batch_ + block_ - 1) / block_; }
  // x: the block's rows, [rows, input], rounded and kept. Returns the block's rows of the output,
  // [rows, output], owned by the tower and valid until Begin.
  const float* ForwardBlock(size_t block, const float* x);
  // After the block's ForwardBlock. d_out [rows, output]; d_in [rows, input] or null.
  void BackwardBlock(size_t block, const float* d_out, float* d_in);
  // After BackwardBlock of every block: appends tasks that add to the gradients, each layer divided
  // into about `pieces`. The tower must not move until they have run.
  void AppendGradients(size_t pieces, base::Tasks& tasks);
  // TR-05, after the last block: records the units that were active. Forward calls it itself.
  void NoteActivity();
  // The output as the operand of a product: [batch, output], rounded.
  kernels::OperandView output_operand() const { return activations_.back().view(); }

  // All blocks at once. Returns [batch, output], owned by the tower and valid until the next
  // Forward.
  const float* Forward(const float* x, size_t batch, const Compute& compute);
  // After Forward, for the same batch. d_out [batch, output]; d_in [batch, input] or null.
  void Backward(const float* d_out, float* d_in, const Compute& compute);

  // The work space of Infer, grown when needed; one per thread.
  struct Scratch {
    std::vector<float> layers[2];
  };
  // out [batch, output]: the result of Forward for this batch, except for the order of sums when
  // Forward works in blocks.
  void Infer(const float* x, size_t batch, float* out, Scratch& scratch,
             const Compute& compute) const;

  void AppendParameters(std::string_view name, std::vector<Parameter>& parameters);

  // Infer, as operations.
  Graph::Value AppendTo(Graph& graph, Graph::Value x) const;

  // TR-05: of each ReLU layer.
  std::vector<DeadUnits*> ReluLayers();

 private:
  // Stores rows [begin, begin + n) of a layer's input, or of the output, as an operand.
  void KeepActivation(size_t layer, size_t begin, size_t n, const float* x);
  // Stores the gradient of rows [begin, begin + n) of a layer's output as an operand, masked by its
  // ReLU. d_y is overwritten.
  void KeepGradient(size_t layer, size_t begin, size_t n, float* d_y);
  bool IsRelu(size_t layer) const { return !(options_.last_linear && layer + 1 == layers_.size()); }
  size_t width(size_t layer) const { return layer == 0 ? input() : layers_[layer - 1].out(); }
  size_t rows(size_t block) const { return std::min(block_, batch_ - block * block_); }

  TowerOptions options_;
  std::vector<Linear> layers_;
  size_t batch_ = 0, block_ = 1;
  bool is_bf16_ = false;
  std::vector<kernels::Operand>
      activations_;                          // [layers + 1][batch, width]: the input, then outputs
  std::vector<kernels::Operand> gradients_;  // [layers][batch, out], of outputs before the ReLU
  // [layers] The same in the layout of products that compute the gradients of weights; without the
  // output.
  std::vector<kernels::BatchOperand> inputs_, d_outputs_;
  // [layers], [in, out] each, and the transpose.
  std::vector<kernels::RightOperand> forward_weights_, backward_weights_;
  kernels::AlignedBuffer<float> out_;          // [batch, output]
  std::vector<std::vector<float>> bias_sums_;  // [layers][blocks, out]
  std::vector<DeadUnits> dead_units_;          // of the ReLU layers
};

// Examples per block for this machine: enough for efficient matrix kernels, few enough that a
// block's values stay in a core's cache, and several blocks for each thread of the pool.
size_t BlockFor(size_t batch, const base::ThreadPool* pool);

}  // namespace upnext::nn

#endif  // UPNEXT_NN_DENSE_H_
