// A named view of trainable numbers: what layers hand to optimisers and checkpoints.
//
//   std::vector<Parameter> parameters;
//   tower.AppendParameters("tower", parameters);       // "tower.0.weight", "tower.0.bias", ...
//
// Views: valid while the layer that made them lives and is not moved.
#ifndef UPNEXT_NN_PARAMETER_H_
#define UPNEXT_NN_PARAMETER_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/gemm.h"

namespace upnext::nn {

struct Parameter {
  std::string name;             // at most 50 bytes, unique within a model
  std::vector<uint64_t> shape;  // e.g. {out, in}
  std::span<float> value = {};
  std::span<float> gradient = {};  // same size, or empty where updates are sparse
  // Instead of `value`, of tables that are kept in bf16. Files hold floats all the same.
  std::span<kernels::Bf16> half = {};

  size_t size() const { return half.empty() ? value.size() : half.size(); }
  size_t bytes() const { return value.size_bytes() + half.size_bytes(); }
};

// Elements [at, at + n) as floats: where they lie, or in `scratch` when they are bf16.
std::span<const float> ReadValues(const Parameter& parameter, size_t at, size_t n,
                                  std::vector<float>& scratch);
// Replaces elements from `at` on; bf16 is rounded, which changes nothing of what was read.
void WriteValues(const Parameter& parameter, size_t at, std::span<const float> values);
bool IsFinite(const Parameter& parameter);

// How layers compute: the precision of their products, and who works. Copies are cheap.
struct Compute {
  kernels::Precision precision = kernels::Precision::kFp32;
  base::ThreadPool* pool = nullptr;  // not owned; null: the calling thread alone
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_PARAMETER_H_
