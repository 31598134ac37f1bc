// Causal self-attention over sequences: pre-norm blocks of attention and a gated feed-forward layer
// (SwiGLU, Shazeer 2020), then a normalisation. The last block and what follows are computed only
// for the places that are read.
//
//   Transformer net({.dim = 256, .blocks = 3, .heads = 1, .hidden = 256}, rng);
//   net.Forward(x, places, dropout, work, compute);    // const; work.out [reads, 256]
//   net.Backward(places, work, d_out, d_x, compute);   // adds to the gradients
//
// Serving and training share Forward: any number of threads, one Work each. Backward belongs to one.
#ifndef UPNEXT_NN_TRANSFORMER_H_
#define UPNEXT_NN_TRANSFORMER_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "nn/dense.h"
#include "nn/graph.h"
#include "nn/layer_norm.h"
#include "nn/parameter.h"

namespace upnext::nn {

struct TransformerOptions {
  size_t dim = 64;  // a multiple of heads
  size_t blocks = 2, heads = 1, hidden = 64;
};

// Places of sequences, one sequence after the other, and which of them are read.
struct SequencePlaces {
  std::vector<uint32_t> offsets = {0};       // [sequences + 1]: of places
  std::vector<uint32_t> places;              // [all places]: 0, 1 ... in each sequence
  std::vector<uint32_t> read_offsets = {0};  // [sequences + 1]: of reads
  std::vector<uint32_t> reads;               // [reads]: in the sequence, ascending, each once
  size_t size() const { return places.size(); }
  // The row, among all places, of read r of sequence s.
  uint32_t RowOf(size_t sequence, size_t read) const { return offsets[sequence] + reads[read]; }
};

// Inverted dropout by a mask that is drawn again from the seed when it is needed again.
struct MaskedDropout {
  float rate = 0.0f;
  uint64_t seed = 0;
  // x [rows, width], the `layer`th mask.
  void Apply(uint64_t layer, float* x, size_t rows, size_t width, const Compute& compute) const;
};

class Transformer {
 public:
  Transformer(const TransformerOptions& options, base::Rng& rng);

  // Values of a Forward, by block: those of the last have a row for each read, where not said
  // otherwise.
  struct Work {
    struct Block {
      LayerNorm::Kept before_attention;  // [all places]
      std::vector<float> normal;         // [all places, dim]
      std::vector<float> read_normal;    // of the last block
      std::vector<float> q, kv, mixed;   // kv: [all places, 2 dim]
      LayerNorm::Kept before_layer;
      std::vector<float> layer_in, gates, hidden;  // [., dim], [., 2 hidden], [., hidden]
    };
    std::vector<Block> blocks;
    std::vector<float> x;  // the residual stream
    LayerNorm::Kept last;
    std::vector<float> out;  // [reads, dim]
  };
  // x [places.size(), dim].
  void Forward(const float* x, const SequencePlaces& places, const MaskedDropout& dropout,
               Work& work, const Compute& compute) const;
  // After Forward with the same dropout. d_out [reads, dim]; d_x [all places, dim] is overwritten.
  void Backward(const SequencePlaces& places, const MaskedDropout& dropout, Work& work,
                const float* d_out, float* d_x, const Compute& compute);

  void AppendParameters(std::string_view name, std::vector<Parameter>& parameters);
  size_t multiplications() const;  // of one place, attention not counted
  static double WeightsOf(const TransformerOptions& options);

  // Forward as operations, without dropout, where every place is read: x [rows * length, dim]. `shape`:
  // the tensor {rows, length}; `mask` [rows, 1, length, length], added to the scores of places by
  // places: 0, or a large negative number.
  Graph::Value AppendTo(Graph& graph, Graph::Value x, const Graph::Value& shape,
                        const Graph::Value& mask) const;

 private:
  struct Block {
    LayerNorm before_attention;
    Linear q, kv, mix;
    LayerNorm before_layer;
    Linear gate, down;
  };
  // d_x_, the gradient of the block's output, becomes that of its input.
  void BackwardBlock(size_t block, const SequencePlaces& places, const MaskedDropout& dropout,
                     Work& work, const Compute& compute);

  TransformerOptions options_;
  std::vector<Block> blocks_;
  LayerNorm last_;
  // Of Backward.
  std::vector<float> d_x_, d_y_, d_normal_, d_wide_, d_narrow_;
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_TRANSFORMER_H_
