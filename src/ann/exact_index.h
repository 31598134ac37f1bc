// The index that computes every inner product: the reference for the graph, and the choice for
// small catalogues (CG-28).
//
//   const ExactIndex index(vectors);
//   index.SearchBatch(queries, 10, /*filters=*/{}, pool, &hits);
//
// A search reads rows compressed to 8 bits, whose errors are bounded, and computes in fp32 only the
// products of rows that can be among the best: its answer is that of a scan in fp32, for a quarter
// of the memory traffic. Many queries at once read the rows together, with the same answers; without
// compressed rows they are matrix products in fp32. Only blocks of scores are in memory.
#ifndef UPNEXT_ANN_EXACT_INDEX_H_
#define UPNEXT_ANN_EXACT_INDEX_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ann/compressed_rows.h"
#include "ann/index.h"
#include "base/status.h"
#include "base/thread_pool.h"

namespace upnext::ann {

class ExactIndex : public Index {
 public:
  // Searches read the vectors themselves: costs nothing to make, for SearchBatch alone.
  explicit ExactIndex(const Vectors& vectors) : Index(vectors) {}
  // Makes the compressed rows, on the calling thread where `pool` is null. `why` says why it is no
  // graph, where one was asked for.
  ExactIndex(const Vectors& vectors, base::ThreadPool* pool, std::string why = "")
      : Index(vectors), rows_(std::in_place, vectors, pool), why_(std::move(why)) {}

  void Search(std::span<const float> query, size_t k, const Filter& filter,
              std::vector<Hit>* hits) const override;
  void SearchBatch(std::span<const float> queries, size_t k, std::span<const Filter> filters,
                   base::ThreadPool& pool, std::vector<std::vector<Hit>>* hits) const override;
  std::string Describe() const override;
  Status Save(const std::filesystem::path& path) const override;

 private:
  void ScanBatch(std::span<const float> queries, size_t k, std::span<const Filter> filters,
                 size_t begin, size_t end, std::vector<std::vector<Hit>>* hits) const;
  void MultiplyBatch(std::span<const float> queries, size_t k, std::span<const Filter> filters,
                     size_t begin, size_t end, std::vector<std::vector<Hit>>* hits) const;

  std::optional<CompressedRows> rows_;
  std::string why_;
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_EXACT_INDEX_H_
