// GraphIndex::Build: hnswlib builds, and its links are copied into arrays of our own.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

// hnswlib's own vector code is chosen at compile time and its prefetches read past the end of lists
// that are full, so both stay out; distances come from kernels/, chosen at run time.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

#include "ann/graph_index.h"
#include "base/progress.h"
#include "kernels/vector_ops.h"

namespace upnext::ann {
namespace {

using Hnsw = hnswlib::HierarchicalNSW<float>;

// A node holds the number of its row, not the vector: the caller's table has that already, and a
// copy of the table would use more memory than the links.
class RowSpace : public hnswlib::SpaceInterface<float> {
 public:
  explicit RowSpace(const Vectors& vectors) : vectors_(vectors) {}
  size_t get_data_size() override { return sizeof(uint32_t); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return NegativeDot; }
  void* get_dist_func_param() override { return &vectors_; }

 private:
  static float NegativeDot(const void* a, const void* b, const void* vectors) {
    const auto& table = *static_cast<const Vectors*>(vectors);
    const auto vector = [&](const void* node) {
      uint32_t row;
      std::memcpy(&row, node, sizeof(row));  // need not be aligned
      return table.row(row);
    };
    return -kernels::Dot(vector(a), vector(b), table.dim);
  }
  Vectors vectors_;
};

// Row r becomes node r: nodes are numbered in the order of insertion.
Status Insert(const Vectors& vectors, Hnsw& graph, base::Progress& progress) {
  base::ProgressStage stage(progress, "build index", "items", vectors.count);
  for (uint32_t row = 0; row < vectors.count; ++row) {
    if (!kernels::AllFinite(vectors.row(row), vectors.dim)) {
      return InvalidArgument(
          "expected vectors of finite numbers, found NaN or infinity in that of id {}: cannot "
          "build an index over them; train again",
          vectors.ids[row]);
    }
    graph.addPoint(&row, row);
    if ((row + 1) % 1024 == 0) {
      stage.Update(row + 1);
      if (progress.stop_requested()) return Cancelled("building the index was stopped");
    }
  }
  return Ok();
}

// [length, links..., padding]
void AppendList(const Hnsw& graph, uint32_t* list, size_t room, std::vector<uint32_t>& to) {
  const size_t length = std::min<size_t>(graph.getListCount(list), room);
  to.push_back(static_cast<uint32_t>(length));
  for (size_t i = 0; i < room; ++i) to.push_back(i < length ? list[1 + i] : 0);
}

// Returns the memory of the lists of nodes [begin, end) of the base layer, once they were copied,
// so that the graph and its copy never take memory at the same time.
void GiveBack(const Hnsw& graph, size_t begin, size_t end) {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto base = reinterpret_cast<uintptr_t>(graph.data_level0_memory_);
  const size_t node = graph.size_data_per_element_;
  const uintptr_t from = (base + begin * node + page - 1) / page * page;
  const uintptr_t to = (base + end * node) / page * page;
  // If this fails the pages stay, which costs memory only.
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

}  // namespace

Result<std::unique_ptr<GraphIndex>> GraphIndex::Build(const IndexOptions& options,
                                                      const Vectors& vectors,
                                                      base::Progress& progress) {
  std::unique_ptr<GraphIndex> index(new GraphIndex(vectors));
  index->degree_ = options.graph_degree;
  try {
    constexpr uint32_t kPiece = 1 << 12;  // nodes: about a megabyte of lists
    RowSpace space(vectors);
    Hnsw graph(&space, vectors.count, options.graph_degree, options.graph_build_effort,
               options.seed);
    UPNEXT_RETURN_IF_ERROR(Insert(vectors, graph, progress));
    index->entry_ = graph.enterpoint_node_;
    index->built_base_.reserve(vectors.count * (1 + 2 * size_t{options.graph_degree}));
    index->built_upper_begin_.push_back(0);
    for (uint32_t node = 0; node < vectors.count; ++node) {
      AppendList(graph, graph.get_linklist0(node), 2 * options.graph_degree, index->built_base_);
      const int levels = graph.element_levels_[node];
      for (int level = 1; level <= levels; ++level) {
        AppendList(graph, graph.get_linklist(node, level), options.graph_degree,
                   index->built_upper_);
      }
      index->built_upper_begin_.push_back(index->built_upper_begin_.back() +
                                          static_cast<uint32_t>(levels));
      if (node % kPiece == kPiece - 1) GiveBack(graph, node + 1 - kPiece, node + 1);
    }
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("building a graph over {} vectors needs more memory than there is",
                             vectors.count);
  } catch (const std::exception& error) {
    return Internal("building a graph over {} vectors failed: {}", vectors.count, error.what());
  }
  index->base_ = index->built_base_;
  index->upper_ = index->built_upper_;
  index->upper_begin_ = index->built_upper_begin_;
  return index;
}

}  // namespace upnext::ann
