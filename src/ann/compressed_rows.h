// A copy of vectors in 8 bits a number with a scale per row (kernels/int8_rows.h): what searches
// read, a quarter of the memory of the vectors themselves.
//
//   const CompressedRows rows(vectors, &pool);
//   const CompressedRows::Query query(rows, vector);
//   query.Scores(links, scores);             // inner products, nearly
//   query.Error(row);                        // by how much, at most
//
// Owns its memory. Any number of threads read; rows are set before that. A Query belongs to one
// thread and is outlived by its rows.
#ifndef UPNEXT_ANN_COMPRESSED_ROWS_H_
#define UPNEXT_ANN_COMPRESSED_ROWS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "ann/vectors.h"
#include "base/thread_pool.h"
#include "kernels/aligned_buffer.h"

namespace upnext::ann {

class CompressedRows {
 public:
  CompressedRows(size_t count, size_t dim);  // rows of zeros
  CompressedRows(const Vectors& vectors, base::ThreadPool* pool);
  void Set(size_t row,
           const float* values);  // values [dim]; other rows may be set at the same time

  size_t count() const { return scales_.size(); }
  size_t bytes() const;

  class Query {
   public:
    explicit Query(const CompressedRows& rows) : rows_(rows), codes_(rows.stride_) {}
    Query(const CompressedRows& rows, std::span<const float> vector) : Query(rows) { Set(vector); }
    void Set(std::span<const float> vector);
    void SetRow(uint32_t row);  // a row is the query
    // scores [rows.size()]: the inner product of each row and the query.
    void Scores(std::span<const uint32_t> rows, float* scores);
    void ScoresFrom(size_t first, size_t count, float* scores);  // of rows one after the other
    // The score of a row differs from the inner product of the vectors, and from that which is
    // computed in fp32, by no more than this. NaN if either is not finite.
    float Error(uint32_t row) const { return length_ * rows_.errors_[row]; }

   private:
    const CompressedRows& rows_;
    std::vector<int16_t> codes_;
    std::vector<int32_t> dots_;
    float scale_ = 0, length_ = 0;
  };

 private:
  size_t dim_ = 0, stride_ = 0;
  kernels::AlignedBuffer<int8_t> codes_;  // [count, stride]
  std::vector<float> scales_;             // [count]
  std::vector<float> errors_;             // [count], for a query of length one
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_COMPRESSED_ROWS_H_
