// A table of learned vectors for one id space. Row 0 is "out of vocabulary" and stays zero (CG-01).
//
//   EmbeddingTable videos({.rows = vocabulary.size(), .dim = 64}, rng, pool);
//   videos.GatherMean(bags, out, stride, pool);       // out [bags, 64]
//   RowwiseAdagrad step(&videos, {});                 // nn/optimizer.h; updates it
//
// Reading is safe from many threads while no thread writes.
#ifndef UPNEXT_NN_EMBEDDING_TABLE_H_
#define UPNEXT_NN_EMBEDDING_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/thread_pool.h"
#include "kernels/aligned_buffer.h"
#include "kernels/embedding.h"
#include "nn/parameter.h"

namespace upnext::nn {

struct EmbeddingTableOptions {
  size_t rows = 1;  // row 0 included
  size_t dim = 1;
  // Initial values are uniform in [-scale, scale). Below 0 means 1 / sqrt(dim), which gives rows of
  // length about 0.58 for any dim.
  float scale = -1.0f;
  // Rows kept in bf16: half the memory and half the memory traffic. Steps are rounded
  // stochastically (kernels/embedding.h).
  bool half = false;
};

class EmbeddingTable {
 public:
  // Every row has its own random stream, so the values do not depend on the number of threads, and
  // the rows of a smaller table are the first rows of a larger one.
  EmbeddingTable(const EmbeddingTableOptions& options, base::Rng& rng,
                 base::ThreadPool* pool = nullptr);

  size_t rows() const { return rows_; }
  size_t dim() const { return dim_; }
  kernels::TableView view() { return {values_.data(), rows_, dim_, half_.data()}; }
  kernels::ConstTableView view() const { return {values_.data(), rows_, dim_, half_.data()}; }
  bool is_half() const { return half_.size() > 0; }
  // The same values in fp32, for scans and indexes. Widen() converts in place.
  EmbeddingTable Widened() const;
  void Widen() {
    if (is_half()) *this = Widened();
  }

  // One row of an fp32 table, [dim]; rows beyond the last read as row 0.
  std::span<const float> Row(uint32_t row) const {
    return {values_.data() + (row < rows_ ? row : 0) * dim_, dim_};
  }
  // Replaces a row, e.g. by a pretrained vector. Has no effect on row 0 and rows beyond the last.
  void SetRow(uint32_t row, std::span<const float> values);

  void GatherMean(const kernels::BagsView& bags, float* out, size_t out_stride,
                  base::ThreadPool* pool = nullptr) const {
    kernels::GatherMean(view(), bags, out, out_stride, pool);
  }
  void GatherSum(const kernels::BagsView& bags, float* out, size_t out_stride,
                 base::ThreadPool* pool = nullptr) const {
    kernels::GatherSum(view(), bags, out, out_stride, pool);
  }
  void GatherRows(std::span<const uint32_t> ids, float* out, size_t out_stride,
                  base::ThreadPool* pool = nullptr) const {
    kernels::GatherRows(view(), ids, out, out_stride, pool);
  }

  // For checkpoints. The gradients are empty, since updates are sparse.
  void AppendParameters(std::string name, std::vector<Parameter>& parameters);

 private:
  EmbeddingTable(size_t rows, size_t dim) : rows_(rows), dim_(dim) {}

  size_t rows_, dim_;
  kernels::AlignedBuffer<float> values_;        // [rows, dim]; empty when half_ is used
  kernels::AlignedBuffer<kernels::Bf16> half_;  // [rows, dim]
};

}  // namespace upnext::nn

#endif  // UPNEXT_NN_EMBEDDING_TABLE_H_
