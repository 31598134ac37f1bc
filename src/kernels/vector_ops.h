// Loops over arrays of floats with the widest vectors of the processor (Highway selects them at run
// time).
//
//   float s = Dot(u, v, dim);
//   std::vector<Scored> best = TopK(scores, 10);
//
// Pointers may be unaligned; an output is either the same array as an input or does not overlap it.
// Safe from many threads on disjoint outputs. The order of a sum is fixed for a given vector width.
#ifndef UPNEXT_KERNELS_VECTOR_OPS_H_
#define UPNEXT_KERNELS_VECTOR_OPS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/bf16.h"

namespace upnext::kernels {

// The vector instruction set in use, e.g. "AVX2", for reports. isa.h can limit it.
std::string_view SimdName();

float Dot(const float* a, const float* b, size_t n);
// out[i] = x . rows[i] for i < count; rows [count, stride], of which the first n floats are read.
// Used for the exact scan of an item table and for the product of one example with a layer.
void DotRows(const float* x, const float* rows, size_t stride, size_t count, size_t n, float* out);
void Axpy(float alpha, const float* x, float* y, size_t n);  // y += alpha x
void Scale(float alpha, float* x, size_t n);                 // x *= alpha
void ReluForward(float* x, size_t n);                        // x = max(x, 0)
// d_x = y > 0 ? d_y : 0, where y is the layer's output; d_x may be d_y.
void ReluBackward(const float* y, const float* d_y, float* d_x, size_t n);
void ReluBackward(const Bf16* y, const float* d_y, float* d_x, size_t n);
void AddBias(const float* bias, float* x, size_t rows, size_t columns);      // x [rows, columns]
void AddBiasRelu(const float* bias, float* x, size_t rows, size_t columns);  // x = max(x + bias, 0)
void ColumnSums(const float* x, size_t rows, size_t columns, float* sums);   // sums += per column
bool AllFinite(const float* x, size_t n);

// One Adam step over n parameters (Kingma and Ba 2015) with decoupled weight decay. `step_size` is
// the learning rate times the bias correction of the first moment, `second_correction` is 1 / (1 -
// beta2^t).
struct AdamArgs {
  float step_size, beta1, beta2, second_correction, epsilon;
  float decay = 0.0f;  // learning rate * weight decay: value -= decay * value
};
void AdamStep(const AdamArgs& args, const float* gradient, float* first, float* second,
              float* value, size_t n);

struct Scored {
  uint32_t index;
  float score;
  friend bool operator==(const Scored&, const Scored&) = default;
};
// The k highest scores, best first. Ties go to the smaller index; NaN is never chosen. Returns
// fewer than k when `scores` has fewer.
std::vector<Scored> TopK(std::span<const float> scores, size_t k);

namespace reference {
float Dot(const float* a, const float* b, size_t n);
void DotRows(const float* x, const float* rows, size_t stride, size_t count, size_t n, float* out);
void Axpy(float alpha, const float* x, float* y, size_t n);
void Scale(float alpha, float* x, size_t n);
void ReluForward(float* x, size_t n);
void ReluBackward(const float* y, const float* d_y, float* d_x, size_t n);
void AddBias(const float* bias, float* x, size_t rows, size_t columns);
void AddBiasRelu(const float* bias, float* x, size_t rows, size_t columns);
void ColumnSums(const float* x, size_t rows, size_t columns, float* sums);
bool AllFinite(const float* x, size_t n);
void AdamStep(const AdamArgs& args, const float* gradient, float* first, float* second,
              float* value, size_t n);
std::vector<Scored> TopK(std::span<const float> scores, size_t k);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_VECTOR_OPS_H_
