// Builds the graph over vectors that searches by inner product walk on.
//
//   GraphBuilder builder({.degree = 32}, vectors, queries, pool);
//   UPNEXT_RETURN_IF_ERROR(builder.Run(progress));
//   Graph graph = builder.Take();
//
// 1. Rows are inserted in random order, in batches. Each walks the graph of the rows before its
//    batch and links to the nearest that it meets, by the distances of score_space.h, without those
//    that are nearer to another link (the rule of relative neighbourhood graphs, with the slack of
//    Vamana, Subramanya et al. 2019); links go both ways.
// 2. Rows that no walk can reach from the entries get a link from the nearest that is reached.
// 3. Sample queries repair what they miss: each searches the graph for its best rows, and those
//    that are not found get a link from the nearest that was (the idea of RoarGraph, Chen et al.
//    2024, applied to what is missing).
//
// One thread builds, the pool's threads help. The graph depends on vectors, queries and options,
// not on the number of threads.
#ifndef UPNEXT_ANN_GRAPH_BUILDER_H_
#define UPNEXT_ANN_GRAPH_BUILDER_H_

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "ann/graph.h"
#include "ann/score_space.h"
#include "ann/vectors.h"
#include "base/progress.h"
#include "base/scratch_pool.h"
#include "base/status.h"
#include "base/thread_pool.h"

namespace upnext::ann {

struct GraphOptions {
  size_t degree = 32;   // links of a row, a quarter of them kept for steps 2 and 3
  size_t effort = 100;  // width of the walks of step 1
  uint64_t seed = 1;
};

// [rows], 1 for those that can be reached from the entries.
std::vector<uint8_t> Reached(const Graph& graph);

class GraphBuilder {
 public:
  // Vectors and queries outlive it. queries [count, dim], like those to come; without any, some of the
  // vectors are the queries.
  GraphBuilder(const GraphOptions& options, const Vectors& vectors, std::span<const float> queries,
               base::ThreadPool& pool);
  Status Run(base::Progress& progress);  // kCancelled when it was stopped
  Graph Take() { return std::move(graph_); }

 private:
  struct Near {
    float distance;
    uint32_t row;
  };
  struct Scratch {
    explicit Scratch(const ScoreSpace& space) : point(space) {}
    Walk walk;
    ScoreSpace::Point point;
    std::vector<Near> near;
    std::vector<uint32_t> rows;
    std::vector<float> distances;
  };
  using ScratchPool = base::ScratchPool<std::unique_ptr<Scratch>>;
  // Calls body(i, scratch) for i < n on the pool's threads.
  template <typename Body>
  void Parallel(size_t n, const Body& body);

  Status Insert(base::Progress& progress);
  void InsertBatch(std::span<const uint32_t> rows);
  // Adds the links from row `to` to row `from` of pairs (to, from), which are sorted.
  void LinkBack(std::span<const std::pair<uint32_t, uint32_t>> links);
  // At most `most` of `rows`, by their distances to `row`, none nearer to another of them.
  std::vector<uint32_t> Choose(uint32_t row, std::span<const uint32_t> rows, size_t most,
                               Scratch& s) const;
  std::vector<uint32_t> ChooseNear(size_t most, Scratch& s) const;  // of s.near
  Graph Shortened();  // with base_degree() links a row and room for degree

  void Connect();
  // A row from which to link to `row`, which no walk reaches. `parent` of each reached row: the one
  // through which it was reached first; that link must stay.
  void LinkTo(uint32_t row, std::span<const uint32_t> parent, Scratch& s);

  Status LinkByQueries(base::Progress& progress);
  void LinkMissed(std::span<const uint32_t> best, std::span<const uint32_t> found, Scratch& s);

  size_t base_degree() const { return options_.degree - options_.degree / 4; }

  const GraphOptions options_;
  const Vectors& vectors_;
  const std::vector<float> own_queries_;
  const std::span<const float> queries_;
  base::ThreadPool& pool_;
  const ScoreSpace space_;
  ScratchPool scratch_;
  Graph graph_;
};

}  // namespace upnext::ann

#endif  // UPNEXT_ANN_GRAPH_BUILDER_H_
