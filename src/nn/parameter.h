// A named view of trainable values, which layers provide to optimisers and checkpoints.
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
  // Used instead of `value` by tables that are kept in bf16. Files contain floats in either case.
  std::span<kernels::Bf16> half = {};

  size_t size() const { return half.empty() ? value.size() : half.size(); }
  size_t bytes() const { return value.size_bytes() + half.size_bytes(); }
};

// Elements [at, at + n) as floats: in place, or converted into `scratch` when they are bf16.
std::span<const float> ReadValues(const Parameter& parameter, size_t at, size_t n,
                                  std::vector<float>& scratch);
// Replaces elements from `at` on. Writing back values that were read as bf16 changes nothing.
void WriteValues(const Parameter& parameter, size_t at, std::span<const float> values);
bool IsFinite(const Parameter& parameter);
// Copies the rows of `from` (slices of the first dimension) into `to`, which has the same row size and
// may have more rows: row r becomes rows[r], or stays r without `rows`.
void CopyRows(const Parameter& from, const Parameter& to, std::span<const uint32_t> rows = {});
// The same for each of `from`, in the order of `to`.
void CopyRows(std::span<const Parameter> from, std::span<const Parameter> to,
              std::span<const uint32_t> rows = {});

// How layers compute: the precision of products and the threads. Cheap to copy.
struct Compute {
  kernels::Precision precision = kernels::Precision::kFp32;
  base::ThreadPool* pool = nullptr;  // not owned; null: the calling thread alone
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_PARAMETER_H_
