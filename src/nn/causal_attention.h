// Softmax attention of the places of sequences to the places before them, several heads
// (Vaswani et al. 2017). Sequences lie one after the other, without padding.
//
//   const CausalAttention attention{.dim = 256, .heads = 2, .keys = offsets, .queries = reads,
//                                   .places = places};
//   attention.Forward(q, kv, out, compute);
//   attention.Backward(q, kv, d_out, d_q, d_kv, compute);
//
// Scores exist for a block of queries of one sequence and head at a time, in memory of the thread
// that computes them; Backward computes them again. A view; the result does not depend on threads.
#ifndef UPNEXT_NN_CAUSAL_ATTENTION_H_
#define UPNEXT_NN_CAUSAL_ATTENTION_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "nn/parameter.h"

namespace upnext::nn {

struct CausalAttention {
  size_t dim = 0, heads = 1;          // dim is a multiple of heads
  std::span<const uint32_t> keys;     // [sequences + 1]: keys of sequence s: [keys[s], keys[s + 1])
  std::span<const uint32_t> queries;  // [sequences + 1], likewise
  std::span<const uint32_t> places;   // [queries]: in its sequence, ascending in each. A query sees
                                      // the keys up to its own place.

  // q [queries, dim]; kv [keys, 2 dim]: keys, then values; out [queries, dim].
  void Forward(const float* q, const float* kv, float* out, const Compute& compute) const;
  // Overwrites d_q and d_kv.
  void Backward(const float* q, const float* kv, const float* d_out, float* d_q, float* d_kv,
                const Compute& compute) const;
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_CAUSAL_ATTENTION_H_
