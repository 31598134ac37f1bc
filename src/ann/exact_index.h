// The index that computes every inner product: the reference for the graph, and the choice for
// small catalogues (CG-28). It costs nothing to make.
//
//   const ExactIndex index(vectors);
//   index.SearchBatch(queries, 10, /*filters=*/{}, pool, &hits);
#ifndef UPNEXT_ANN_EXACT_INDEX_H_
#define UPNEXT_ANN_EXACT_INDEX_H_

#include <string>
#include <vector>

#include "ann/index.h"
#include "base/status.h"
#include "base/thread_pool.h"

namespace upnext::ann {

class ExactIndex : public Index {
 public:
  explicit ExactIndex(const Vectors& vectors) : Index(vectors) {}

  void Search(std::span<const float> query, size_t k, const Filter& filter,
              std::vector<Hit>* hits) const override;
  void SearchBatch(std::span<const float> queries, size_t k, std::span<const Filter> filters,
                   base::ThreadPool& pool, std::vector<std::vector<Hit>>* hits) const override;
  std::string Describe() const override;
  Status Save(const std::filesystem::path& path) const override;
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_EXACT_INDEX_H_
