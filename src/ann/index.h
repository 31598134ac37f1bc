// Maximum inner product search over vectors with ids, exact or by a graph, behind one interface
// (SV-01).
//
//   UPNEXT_ASSIGN_OR_RETURN(auto index, BuildIndex(options, vectors, queries, pool, progress));
//   std::vector<Hit> hits;
//   index->Search(query, 300, {.excluded = removed}, &hits);      // best first
//
//   UPNEXT_RETURN_IF_ERROR(index->Save(path));
//   UPNEXT_ASSIGN_OR_RETURN(auto same, LoadIndex(path, vectors));
//
// Immutable: any number of threads search at once. live_index.h adds and removes vectors.
#ifndef UPNEXT_ANN_INDEX_H_
#define UPNEXT_ANN_INDEX_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ann/filter.h"
#include "ann/vectors.h"
#include "base/config.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "kernels/vector_ops.h"

namespace upnext::ann {

struct Hit {
  uint32_t id;
  float score;  // inner product
  friend bool operator==(const Hit&, const Hit&) = default;
};

struct IndexOptions {
  // auto: exact up to `exact_below` vectors, graph above.
  enum class Kind : uint8_t { kAuto, kExact, kGraph } kind = Kind::kAuto;
  uint32_t exact_below = 50'000;
  uint32_t graph_degree = 32, graph_build_effort = 200;  // M, efConstruction
  // ef, the width of the beam. 0: the smallest tried with a recall@100 of `graph_recall` on the
  // queries given to BuildIndex, because a fixed one finds less the more vectors there are.
  uint32_t graph_search_effort = 0;
  double graph_recall = 0.95;
  uint64_t seed = 1;
  static IndexOptions FromConfig(const base::ConfigTable& index);  // [retrieval.index]
};

class Index {
 public:
  virtual ~Index() = default;
  // The k best of the ids that pass the filter by inner product with `query` [dim], best first,
  // ties in the order of the vectors; fewer when fewer pass.
  virtual void Search(std::span<const float> query, size_t k, const Filter& filter,
                      std::vector<Hit>* hits) const = 0;
  // Search for each row of `queries` [count, dim]: (*hits)[q] is its answer. `filters` has one per
  // query, or none at all; their predicates run on the pool's threads. An exact scan computes
  // scores as matrix products, whose last bits may differ from Search; the answer does not depend
  // on the number of threads.
  virtual void SearchBatch(std::span<const float> queries, size_t k,
                           std::span<const Filter> filters, base::ThreadPool& pool,
                           std::vector<std::vector<Hit>>* hits) const;
  virtual std::string Describe() const = 0;  // "exact scan of 3,416 vectors"
  // Writes all but the vectors and their ids (docs/formats/retrieval_index.md).
  virtual Status Save(const std::filesystem::path& path) const = 0;

  const Vectors& vectors() const { return vectors_; }
  size_t size() const { return vectors_.count; }
  size_t dim() const { return vectors_.dim; }

 protected:
  explicit Index(const Vectors& vectors) : vectors_(vectors) {}
  void ToHits(std::span<const kernels::Scored> rows, std::vector<Hit>* hits) const;

  const Vectors vectors_;
};

// What `vectors` views must outlive the index and stay unchanged. A graph is built by one thread,
// so the same vectors, options and seed give the same graph on every machine. `queries` [count,
// dim] should be like those to come; a few hundred are enough. The graph's recall is measured on
// them; without any its effort is kDefaultSearchEffort. kInvalidArgument: not one id per vector,
// or a graph over vectors that are not finite.
Result<std::unique_ptr<Index>> BuildIndex(const IndexOptions& options, const Vectors& vectors,
                                          std::span<const float> queries, base::ThreadPool& pool,
                                          base::Progress& progress);
inline constexpr uint32_t kDefaultSearchEffort = 200;
// kFailedPrecondition when the index was built from other vectors (VectorsDigest), kDataLoss when
// the file is damaged or of an older version.
Result<std::unique_ptr<Index>> LoadIndex(const std::filesystem::path& path, const Vectors& vectors);

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_INDEX_H_
