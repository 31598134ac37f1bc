// Embedding tables: pooled look-up of bags of ids, and the row-wise Adagrad step.
//
//   GatherMean(table, bags, out, dim, pool);                  // out [bags, dim]
//   RowGradients gradients;
//   gradients.AddBags(bags, d_out, dim, Pooling::kMean);      // several inputs may share a table:
//   gradients.ApplyAdagrad(table, accumulators,               // RK-02
//                          {.learning_rate = 0.05f}, pool);
//
// Row 0 is "out of vocabulary": it reads as zero whatever the memory contains, counts in the
// denominator of the mean, and is never written (Covington 2016, section 4.1). Ids beyond the last
// row read as row 0. Functions are safe from many threads on disjoint outputs; RowGradients belongs
// to one thread. Results do not depend on the number of threads.
#ifndef UPNEXT_KERNELS_EMBEDDING_H_
#define UPNEXT_KERNELS_EMBEDDING_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/bf16.h"

namespace upnext::kernels {

// Bags in compressed form: bag i holds ids[offsets[i] .. offsets[i + 1]). Offsets ascend, may start
// anywhere and stay within ids. An empty span of offsets means no bags.
struct BagsView {
  std::span<const uint32_t> ids = {};
  std::span<const uint32_t> offsets = {};  // [bags + 1]
  size_t size() const { return offsets.empty() ? 0 : offsets.size() - 1; }
};

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
  operator ConstTableView() const { return {data, rows, dim, half}; }
};

enum class Pooling : uint8_t { kMean, kSum };

// out[i] = mean (or sum) of the rows of bag i; an empty bag gives zeros. `out_stride` is the number
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

struct AdagradOptions {
  float learning_rate = 0.05f;
  float epsilon = 1e-8f;
};

// The gradient of one table for one step, stored as references to the output gradients it is
// computed from. Add...() may be called for every feature that shares the table; the memory passed
// to it must stay unchanged until ApplyAdagrad() or Clear().
class RowGradients {
 public:
  // d_out [bags, stride]: the gradient of the output of Gather(pooling, ...).
  void AddBags(const BagsView& bags, const float* d_out, size_t stride, Pooling pooling);
  // d_rows [ids, stride]: the gradient of the output of GatherRows(), times scales [ids] if given.
  // An id may occur many times.
  void AddRows(std::span<const uint32_t> ids, const float* d_rows, size_t stride,
               std::span<const float> scales = {});

  // For each row r with a gradient g: accumulators[r] += mean(g^2), row -= lr g / (sqrt(acc) +
  // eps). Each row is read and written once; gradients of one row are summed in the order they were
  // added, so the result is the same for any number of threads. Calls Clear(). accumulators:
  // [rows]. Rows of bf16 are rounded stochastically, by a hash of row and gradient: repeating a
  // step gives the same bytes.
  void ApplyAdagrad(TableView table, std::span<float> accumulators, const AdagradOptions& options,
                    base::ThreadPool* pool = nullptr);
  // The same in parts, for callers that have other work to do at the same time: Sort() after the
  // last Add...(), then ApplySorted() for ranges that make up [0, rows()), on any threads, then
  // Clear(). Only ApplySorted() reads the referenced gradients.
  void Sort();
  size_t rows() const { return alone_.size() + runs_.size(); }  // distinct ones
  void ApplySorted(TableView table, std::span<float> accumulators, const AdagradOptions& options,
                   size_t begin, size_t end) const;
  void Clear();
  // Number of references, without those to row 0.
  size_t size() const { return entries_.size(); }

  // One reference: the gradient of `row` += scale * gradient[0 .. dim).
  struct Entry {
    uint32_t row;
    float scale;
    const float* gradient;
  };
  // The references to a row that occurs more than once: keys [first, first + count).
  struct Run {
    uint32_t first, count;
  };

 private:
  std::vector<Entry> entries_;
  std::vector<uint64_t> keys_, sorted_;  // row << 32 | position in entries_
  std::vector<uint32_t> alone_;          // entries of rows that occur once, ascending
  std::vector<uint8_t> is_alone_;        // by entry
  std::vector<Run> runs_;                // of rows that occur more than once
};

namespace reference {
void Gather(Pooling pooling, ConstTableView table, const BagsView& bags, float* out,
            size_t out_stride);
// d_table [rows, dim] += the gradient of Gather(); row 0 gets none.
void GatherBackward(Pooling pooling, const BagsView& bags, const float* d_out, size_t stride,
                    size_t rows, size_t dim, float* d_table);
// One step from a dense gradient. Rows whose gradient is zero stay unchanged.
void Adagrad(TableView table, std::span<float> accumulators, const float* d_table,
             const AdagradOptions& options);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_EMBEDDING_H_
