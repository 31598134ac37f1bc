// The index that looks at every vector: the reference for the graph, and the choice for small
// catalogues (CG-28). Only this room includes it.
#ifndef UPNEXT_RETRIEVAL_EXACT_INDEX_H_
#define UPNEXT_RETRIEVAL_EXACT_INDEX_H_

#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "nn/embedding_table.h"
#include "retrieval/index.h"

namespace upnext::retrieval {

class ExactIndex : public Index {
 public:
  explicit ExactIndex(const nn::EmbeddingTable& vectors) : vectors_(vectors) {}

  void Search(std::span<const float> query, size_t n, const Skip& skip,
              std::vector<Hit>* hits) const override;
  void SearchBatch(std::span<const float> queries, size_t n, const BatchSkip& skip,
                   base::ThreadPool& pool, std::vector<std::vector<Hit>>* hits) const override;
  size_t size() const override { return vectors_.rows() - 1; }
  size_t dim() const override { return vectors_.dim(); }
  std::string Describe() const override;
  Status Save(const std::filesystem::path& path) const override;

 private:
  const nn::EmbeddingTable& vectors_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_EXACT_INDEX_H_
