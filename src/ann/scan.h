// Exact scans for one query: the k best rows that pass a filter, best first.
//
//   ScanCompressed(rows, vectors, query, 100, filter);   // most rows pass, or any
//   ScanPassing(vectors, query, 100, filter);            // few rows pass
//
// Functions without state: any number of threads.
#ifndef UPNEXT_ANN_SCAN_H_
#define UPNEXT_ANN_SCAN_H_

#include <span>
#include <vector>

#include "ann/compressed_rows.h"
#include "ann/filter.h"
#include "ann/vectors.h"
#include "kernels/vector_ops.h"

namespace upnext::ann {

// Computes the products of rows that can be among the best by `rows`, which are `vectors`
// compressed. Asks the filter for these rows only.
std::vector<kernels::Scored> ScanCompressed(const CompressedRows& rows, const Vectors& vectors,
                                            std::span<const float> query, size_t k,
                                            const Filter& filter);
// Asks the filter for every row, and computes the products of those that pass.
std::vector<kernels::Scored> ScanPassing(const Vectors& vectors, std::span<const float> query,
                                         size_t k, const Filter& filter);

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_SCAN_H_
