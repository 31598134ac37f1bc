// The graph of graph_builder.h, searched over compressed rows; what is found is scored again with
// the vectors themselves.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto index, GraphIndex::Build(options, vectors, queries, pool, progress));
//   UPNEXT_RETURN_IF_ERROR(index->Tune(options, other_queries, best, pool, progress));
//   if (index->quality().recall < options.graph_recall) ...
//
// Where few rows pass a filter, a walk would meet a large part of the graph before it has found
// enough of them. A search that sees this coming, or gets there, scans the rows that pass instead.
#ifndef UPNEXT_ANN_GRAPH_INDEX_H_
#define UPNEXT_ANN_GRAPH_INDEX_H_

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "ann/compressed_rows.h"
#include "ann/graph.h"
#include "ann/index.h"
#include "base/scratch_pool.h"
#include "base/section_file.h"
#include "kernels/vector_ops.h"

namespace upnext::ann {

// Measured on queries that did not build the graph; NaN: not measured.
struct GraphQuality {
  float recall = std::numeric_limits<float>::quiet_NaN();      // @ IndexOptions::recall_at
  float best_found = std::numeric_limits<float>::quiet_NaN();  // share that find their best vector
  uint32_t unreachable = 0;                                    // vectors that no search can reach
};

class GraphIndex : public Index {
 public:
  // `queries` as in graph_builder.h. kInvalidArgument: vectors that are not finite, or too many.
  static Result<std::unique_ptr<GraphIndex>> Build(const IndexOptions& options,
                                                   const Vectors& vectors,
                                                   std::span<const float> queries,
                                                   base::ThreadPool& pool,
                                                   base::Progress& progress);
  // Measures the quality on queries [count, dim] whose true best are `best`. If the options leave
  // the effort open, it is the smallest tried with the recall that they ask for, else the widest.
  Status Tune(const IndexOptions& options, std::span<const float> queries,
              std::span<const std::vector<Hit>> best, base::ThreadPool& pool,
              base::Progress& progress);
  // Checks every link against its bound.
  static Result<std::unique_ptr<GraphIndex>> Load(const base::SectionFile& file,
                                                  const Vectors& vectors);

  void Search(std::span<const float> query, size_t k, const Filter& filter,
              std::vector<Hit>* hits) const override;
  std::string Describe() const override;
  Status Save(const std::filesystem::path& path) const override;
  const GraphQuality& quality() const { return quality_; }
  uint32_t search_effort() const { return search_effort_; }
  size_t bytes() const;  // in memory, next to the vectors

 private:
  GraphIndex(const Vectors& vectors, Graph graph, base::ThreadPool* pool);
  void Measure(std::span<const float> queries, std::span<const std::vector<Hit>> best,
               base::ThreadPool& pool);
  size_t WidthFor(size_t k) const;
  // Whether walking on is expected to end before a scan would.
  bool WalkPays(const Walk& walk) const;
  // The best by the full vectors of the rows that a walk found.
  std::vector<kernels::Scored> Rescored(std::span<const float> query, size_t k,
                                        const Beam& beam) const;

  Graph graph_;
  CompressedRows rows_;
  uint32_t search_effort_ = 0, recall_at_ = 0;
  uint32_t usual_met_ = 0;  // rows that a search of recall_at_ meets; 0: not measured
  GraphQuality quality_;
  base::ScratchPool<Walk> walks_;
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_GRAPH_INDEX_H_
