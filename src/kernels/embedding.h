// Embedding tables: pooled look-up of bags of ids. The step that goes with it: row_gradients.h.
//
//   GatherMean(table, bags, out, dim, pool);                     // out [bags, dim]
//
// Row 0 is "out of vocabulary": it reads as zero whatever the memory contains, counts in the
// denominator of the mean, and is never written (Covington 2016, section 4.1). Ids beyond the last
// row read as row 0. Safe from many threads on disjoint outputs. Results do not depend on the number
// of threads.
#ifndef UPNEXT_KERNELS_EMBEDDING_H_
#define UPNEXT_KERNELS_EMBEDDING_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "kernels/bf16.h"

namespace upnext::kernels {

// Bags in compressed form: bag i holds ids[offsets[i] .. offsets[i + 1]). Offsets ascend, may start
// anywhere and stay within ids. An empty span of offsets means no bags.
struct BagsView {
  std::span<const uint32_t> ids = {};
  std::span<const uint32_t> offsets = {};  // [bags + 1]
  std::span<const float> weights = {};     // of ids, positive; empty: 1 each
  size_t size() const { return offsets.empty() ? 0 : offsets.size() - 1; }
};

// Of the ids of one bag: their number when they have no weights.
inline float TotalWeight(const BagsView& bags, size_t bag) {
  const uint32_t begin = bags.offsets[bag], end = bags.offsets[bag + 1];
  if (bags.weights.empty()) return static_cast<float>(end - begin);
  float total = 0;
  for (uint32_t i = begin; i < end; ++i) total += bags.weights[i];
  return total;
}

// A table, not owned: in fp32, or in bf16 when `half` is not null.
struct ConstTableView {
  const float* data = nullptr;  // [rows, dim]
  size_t rows = 0, dim = 0;
  const Bf16* half = nullptr;  // [rows, dim]
};
struct TableView {
  float* data = nullptr;  // [rows, dim]
  size_t rows = 0, dim = 0;
  Bf16* half = nullptr;  // [rows, dim]

  // NOLINTNEXTLINE(google-explicit-constructor): a view of a view
  operator ConstTableView() const { return {data, rows, dim, half}; }
};

enum class Pooling : uint8_t { kMean, kSum };

// out[i] = weighted mean (or sum) of the rows of bag i; an empty bag gives zeros. `out_stride` is the number
// of floats from one bag's output to the next (>= dim), so that several features can be gathered
// into one row.
void GatherMean(ConstTableView table, const BagsView& bags, float* out, size_t out_stride,
                base::ThreadPool* pool = nullptr);
void GatherSum(ConstTableView table, const BagsView& bags, float* out, size_t out_stride,
               base::ThreadPool* pool = nullptr);
void Gather(Pooling pooling, ConstTableView table, const BagsView& bags, float* out,
            size_t out_stride, base::ThreadPool* pool = nullptr);
// out[i] = the row of ids[i]; zeros for row 0.
void GatherRows(ConstTableView table, std::span<const uint32_t> ids, float* out, size_t out_stride,
                base::ThreadPool* pool = nullptr);

namespace reference {
void Gather(Pooling pooling, ConstTableView table, const BagsView& bags, float* out,
            size_t out_stride);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_EMBEDDING_H_
