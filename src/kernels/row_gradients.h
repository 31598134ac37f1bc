// The gradient of an embedding table for one step, and the row-wise Adagrad step made of it.
//
//   RowGradients gradients;
//   gradients.AddBags(bags, d_out, dim, Pooling::kMean);         // several sources, one table: RK-02
//   gradients.ApplyAdagrad(table, accumulators, {.learning_rate = 0.05f}, pool);
//
// One thread at a time. Row 0 is never written (embedding.h).
#ifndef UPNEXT_KERNELS_ROW_GRADIENTS_H_
#define UPNEXT_KERNELS_ROW_GRADIENTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "kernels/embedding.h"

namespace upnext::kernels {

struct AdagradOptions {
  float learning_rate = 0.05f;
  float epsilon = 1e-8f;
};

// The gradient of one table for one step, kept as references to the output gradients it comes from.
// Add...() may be called for every feature that shares the table; the memory given to them must
// stay as it is until ApplyAdagrad() or Clear().
class RowGradients {
 public:
  // d_out [bags, stride]: the gradient of what Gather(pooling, ...) gave.
  void AddBags(const BagsView& bags, const float* d_out, size_t stride, Pooling pooling);
  // d_rows [ids, stride]: the gradient of what GatherRows() gave, times scales [ids] where they are
  // given. An id may appear many times.
  void AddRows(std::span<const uint32_t> ids, const float* d_rows, size_t stride,
               std::span<const float> scales = {});

  // For each row r with a gradient g: accumulators[r] += mean(g^2), row -= lr g / (sqrt(acc) +
  // eps). Each row is read and written once; equal rows are summed in the order they were added, so
  // the result is the same for any number of threads. Clears. accumulators: [rows]. Rows of bf16
  // are rounded stochastically, by a hash of row and gradient: the same step rounds alike.
  void ApplyAdagrad(TableView table, std::span<float> accumulators, const AdagradOptions& options,
                    base::ThreadPool* pool = nullptr);
  // The same in parts, for callers that have other work to do at the same time: Sort() after the
  // last Add...(), then ApplySorted() for ranges that make up [0, rows()), on any threads, then
  // Clear(). What the references point to is read by ApplySorted() only.
  void Sort();
  size_t rows() const { return alone_.size() + runs_.size(); }  // distinct ones
  uint32_t row(size_t i) const {                                // the i-th of them
    return i < alone_.size() ? entries_[alone_[i]].row
                             : static_cast<uint32_t>(keys_[runs_[i - alone_.size()].first] >> 32);
  }
  void ApplySorted(TableView table, std::span<float> accumulators, const AdagradOptions& options,
                   size_t begin, size_t end) const;
  // Instead of ApplySorted(), for other steps: use(row, gradient [dim]) for rows [begin, end).
  template <typename Use>
  void ForEachSum(size_t dim, size_t begin, size_t end, const Use& use) const {
    std::vector<float> sum(dim);
    for (size_t i = begin; i < end; ++i) use(SumInto(i, sum), sum.data());
  }
  void Clear();
  // References held, row 0 left out.
  size_t size() const { return entries_.size(); }

  // One reference: the gradient of `row` += scale * gradient[0 .. dim).
  struct Entry {
    uint32_t row;
    float scale;
    const float* gradient;
  };
  // The references to a row met more than once: keys [first, first + count).
  struct Run {
    uint32_t first, count;
  };

 private:
  // The gradient of the i-th row; returns which row it is.
  uint32_t SumInto(size_t i, std::vector<float>& sum) const;
  std::vector<Entry> entries_;
  std::vector<uint64_t> keys_, sorted_;  // row << 32 | position in entries_
  std::vector<uint32_t> alone_;          // entries of rows met once, ascending
  std::vector<uint8_t> is_alone_;        // by entry
  std::vector<Run> runs_;                // of rows met more than once
};

namespace reference {
// d_table [rows, dim] += the gradient of Gather(); row 0 gets none.
void GatherBackward(Pooling pooling, const BagsView& bags, const float* d_out, size_t stride,
                    size_t rows, size_t dim, float* d_table);
// One step from a dense gradient. Rows of zeros in it stay untouched.
void Adagrad(TableView table, std::span<float> accumulators, const float* d_table,
             const AdagradOptions& options);
}  // namespace reference

}  // namespace upnext::kernels

#endif  // UPNEXT_KERNELS_ROW_GRADIENTS_H_
