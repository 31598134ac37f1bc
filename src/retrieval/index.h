// Maximum inner product search over item vectors: exact scan or graph, behind one interface
// (SV-01).
//
//   UPNEXT_ASSIGN_OR_RETURN(auto index, BuildIndex(options, items, queries, pool, progress));
//
//   index->Search(user_vector, 300, /*skip=*/[&](uint32_t row) { return seen(row); }, &hits);
//
// Rows are rows of the item table; row 0 is never returned. Immutable: any number of threads search
// at once.
#ifndef UPNEXT_RETRIEVAL_INDEX_H_
#define UPNEXT_RETRIEVAL_INDEX_H_

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/config.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "nn/embedding_table.h"

namespace upnext::retrieval {

// Of its section file. Version 2: a graph knows its recall.
inline constexpr std::string_view kIndexFileKind = "retrieval-index";
inline constexpr uint32_t kIndexFileVersion = 2;

struct Hit {
  uint32_t row;
  float score;  // inner product
  friend bool operator==(const Hit&, const Hit&) = default;
};

struct IndexOptions {
  // auto: exact up to `exact_below` items, graph above.
  enum class Kind : uint8_t { kAuto, kExact, kGraph } kind = Kind::kAuto;
  uint32_t exact_below = 50'000;
  uint32_t graph_degree = 32, graph_build_effort = 200;  // M, efConstruction
  // ef, the width of the beam. 0: as wide as it takes for a recall@100 of `graph_recall` on the
  // queries given to BuildIndex, since a fixed one finds less the more items there are.
  uint32_t graph_search_effort = 0;
  double graph_recall = 0.95;
  uint64_t seed = 1;
  static IndexOptions FromConfig(const base::ConfigTable& index);  // [retrieval.index]
};

class Index {
 public:
  using Skip = std::function<bool(uint32_t row)>;
  using BatchSkip = std::function<bool(size_t query, uint32_t row)>;
  virtual ~Index() = default;
  // The `n` best rows by inner product, best first, ties to the smaller row; fewer when fewer are
  // left. query [dim]. Rows for which `skip` (may be empty) is true are left out without shrinking
  // the answer.
  virtual void Search(std::span<const float> query, size_t n, const Skip& skip,
                      std::vector<Hit>* hits) const = 0;
  // Search for each row of `queries` [count, dim]: (*hits)[q] is its answer. `skip` is called from
  // the pool's threads. An exact scan computes scores as matrix products, whose last bits may
  // differ from Search; the answer does not depend on the number of threads.
  virtual void SearchBatch(std::span<const float> queries, size_t n, const BatchSkip& skip,
                           base::ThreadPool& pool, std::vector<std::vector<Hit>>* hits) const;
  virtual size_t size() const = 0;  // vectors that can be found
  virtual size_t dim() const = 0;
  virtual std::string Describe() const = 0;  // "exact scan of 3,416 vectors"
  virtual Status Save(
      const std::filesystem::path& path) const = 0;  // exact: a note that it is exact
};

// The index views `vectors`, which must outlive it and stay unchanged. A graph is built by one
// thread, so the same vectors, options and seed give the same graph on every machine. `queries`
// [count, dim] are like those to come: user vectors (user_vectors.h); a few hundred are enough. The
// graph's recall is measured on them; without any its effort is kDefaultSearchEffort.
Result<std::unique_ptr<Index>> BuildIndex(const IndexOptions& options,
                                          const nn::EmbeddingTable& vectors,
                                          std::span<const float> queries, base::ThreadPool& pool,
                                          base::Progress& progress);
inline constexpr uint32_t kDefaultSearchEffort = 200;
// kDataLoss or kFailedPrecondition when the file does not belong to these vectors (digest).
Result<std::unique_ptr<Index>> LoadIndex(const std::filesystem::path& path,
                                         const nn::EmbeddingTable& vectors);

// What binds an index file to its vectors: shape and content.
uint64_t VectorsDigest(const nn::EmbeddingTable& vectors);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_INDEX_H_
