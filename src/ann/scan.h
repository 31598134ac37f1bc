// Exact scans: the k best rows that pass a filter, best first.
//
//   ScanCompressed(rows, vectors, query, 100, filter);   // most rows pass, or any
//   ScanPassing(vectors, query, 100, filter);            // few rows pass
//
//   CompressedScan scan(rows, vectors, query, 100, filter);      // the first by steps
//   for (first ...) scan.Read(first, count);                     // every row once, in order
//   std::vector<kernels::Scored> best = scan.Take();
//
// A scan belongs to one thread and is outlived by what it was made of.
#ifndef UPNEXT_ANN_SCAN_H_
#define UPNEXT_ANN_SCAN_H_

#include <span>
#include <vector>

#include "ann/compressed_rows.h"
#include "ann/filter.h"
#include "ann/vectors.h"
#include "kernels/top_scored.h"
#include "kernels/vector_ops.h"

namespace upnext::ann {

// Computes the products of rows that can be among the best by `rows`, which are `vectors`
// compressed. Asks the filter for these rows only. Scans of several queries that read the same rows
// one after another have them in the cache.
class CompressedScan {
 public:
  CompressedScan(const CompressedRows& rows, const Vectors& vectors, std::span<const float> query,
                 size_t k, const Filter& filter);
  void Read(size_t first, size_t count);
  std::vector<kernels::Scored> Take();  // once

 private:
  const Vectors& vectors_;
  const std::span<const float> query_;
  const Filter filter_;
  CompressedRows::Query compressed_;
  kernels::TopScored least_, top_;           // least: the largest scores that rows have for certain
  std::vector<kernels::Scored> candidates_;  // with the largest that they can have
  std::vector<float> scores_;
};
std::vector<kernels::Scored> ScanCompressed(const CompressedRows& rows, const Vectors& vectors,
                                            std::span<const float> query, size_t k,
                                            const Filter& filter);
// Asks the filter for every row, and computes the products of those that pass.
std::vector<kernels::Scored> ScanPassing(const Vectors& vectors, std::span<const float> query,
                                         size_t k, const Filter& filter);

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_SCAN_H_
