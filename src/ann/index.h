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
  // Links of a vector, and the width of the beam that finds them.
  uint32_t graph_degree = 32, graph_build_effort = 100;
  // The width of the beam of a search. 0: the smallest tried with a recall of `graph_recall`,
  // because a fixed one finds less the more vectors there are.
  uint32_t graph_search_effort = 0;
  // What a graph must find of the best `recall_at`, for queries that did not build it. One that
  // finds less is built once more, twice as wide; if that finds less too, the index is exact.
  double graph_recall = 0.95;
  uint32_t recall_at = 100;
  uint64_t seed = 1;
  // [retrieval.index]; `recall_at` where the table does not say.
  static IndexOptions FromConfig(const base::ConfigTable& index, uint32_t recall_at = 100);
  bool IsGraph(size_t vectors) const {
    return kind == Kind::kGraph || (kind == Kind::kAuto && vectors > exact_below);
  }
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

// What `vectors` views must outlive the index and stay unchanged. The same vectors, options, queries
// and seed give the same index for every number of threads. `queries` [count, dim] should be like
// those to come, some thousands: every other one builds a graph, those between measure its recall.
// Without any its effort is kDefaultSearchEffort and nothing is measured. kInvalidArgument: not one
// id per vector, or a graph over vectors that are not finite.
Result<std::unique_ptr<Index>> BuildIndex(const IndexOptions& options, const Vectors& vectors,
                                          std::span<const float> queries, base::ThreadPool& pool,
                                          base::Progress& progress);
inline constexpr uint32_t kDefaultSearchEffort = 200;
// kFailedPrecondition when the index was built from other vectors (VectorsDigest), kDataLoss when
// the file is damaged or of an older version.
Result<std::unique_ptr<Index>> LoadIndex(const std::filesystem::path& path, const Vectors& vectors);

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_INDEX_H_
