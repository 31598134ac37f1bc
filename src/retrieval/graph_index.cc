#include "retrieval/graph_index.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <queue>
#include <utility>

// hnswlib's own vector code is chosen at compile time and its prefetches read past the end of lists
// that are full, so both stay out; distances come from kernels/, chosen at run time.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

#include "base/numbers.h"
#include "kernels/vector_ops.h"
#include "retrieval/exact_index.h"
#include "retrieval/index_file.h"
#include "retrieval/top_hits.h"

namespace upnext::retrieval {
namespace {

constexpr size_t kRecallAt = 100;
// The narrowest beam: what Search takes for kRecallAt rows anyway. Where widening ends: a beam that
// scores a large part of most catalogues.
constexpr uint32_t kLeastEffort = kRecallAt + kRecallAt / 2, kWidestTuned = 8'000;

using Hnsw = hnswlib::HierarchicalNSW<float>;

// A node holds the number of its row, not the vector: that lies in the table already, and a copy of
// the table would be the largest thing beside it.
class RowSpace : public hnswlib::SpaceInterface<float> {
 public:
  explicit RowSpace(const nn::EmbeddingTable& vectors) : vectors_(vectors.view()) {}
  size_t get_data_size() override { return sizeof(uint32_t); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return NegativeDot; }
  void* get_dist_func_param() override { return &vectors_; }

 private:
  static float NegativeDot(const void* a, const void* b, const void* vectors) {
    const auto& table = *static_cast<const kernels::ConstTableView*>(vectors);
    const auto vector = [&](const void* node) {
      uint32_t row;
      std::memcpy(&row, node, sizeof(row));  // lies where the list of links ends
      return table.data + row * table.dim;
    };
    return -kernels::Dot(vector(a), vector(b), table.dim);
  }
  kernels::ConstTableView vectors_;
};

// Row r becomes node r - 1, since nodes are numbered in the order of insertion.
Status Insert(const nn::EmbeddingTable& vectors, Hnsw& graph, base::Progress& progress) {
  base::ProgressStage stage(progress, "build index", "items", vectors.rows() - 1);
  for (uint32_t row = 1; row < vectors.rows(); ++row) {
    const std::span<const float> vector = vectors.Row(row);
    if (!kernels::AllFinite(vector.data(), vector.size())) {
      return InvalidArgument(
          "cannot index item vectors that hold NaN or infinity, as row {} does; train again", row);
    }
    graph.addPoint(&row, row);
    if (row % 1024 == 0) {
      stage.Update(row);
      if (progress.stop_requested()) return Cancelled("building the index was stopped");
    }
  }
  return Ok();
}

// [length, links..., padding], links as rows.
void AppendList(const Hnsw& graph, uint32_t* list, size_t room, std::vector<uint32_t>& to) {
  const size_t length = std::min<size_t>(graph.getListCount(list), room);
  to.push_back(static_cast<uint32_t>(length));
  for (size_t i = 0; i < room; ++i) to.push_back(i < length ? list[1 + i] + 1 : 0);
}

// Takes the lists of nodes [begin, end) of the base layer out of memory once they were copied: the
// graph and its copy are never there at once.
void GiveBack(const Hnsw& graph, size_t begin, size_t end) {
  static const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const auto base = reinterpret_cast<uintptr_t>(graph.data_level0_memory_);
  const size_t node = graph.size_data_per_element_;
  const uintptr_t from = (base + begin * node + page - 1) / page * page;
  const uintptr_t to = (base + end * node) / page * page;
  // A wish: when it fails the pages stay, which costs memory only.
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

// One bit a row. A fresh one per search: clearing it costs less than the search saves by it.
class Visited {
 public:
  explicit Visited(size_t rows) : words_((rows + 63) / 64) {}
  bool Visit(uint32_t row) {  // true the first time
    uint64_t& word = words_[row >> 6];
    const uint64_t bit = uint64_t{1} << (row & 63);
    if (word & bit) return false;
    word |= bit;
    return true;
  }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace

Result<std::unique_ptr<GraphIndex>> GraphIndex::Build(const IndexOptions& options,
                                                      const nn::EmbeddingTable& vectors,
                                                      base::Progress& progress) {
  std::unique_ptr<GraphIndex> index(new GraphIndex(vectors));
  index->degree_ = options.graph_degree;
  const size_t rows = vectors.rows();
  try {
    constexpr uint32_t kPiece = 1 << 12;  // nodes: about a megabyte of lists
    RowSpace space(vectors);
    Hnsw graph(&space, rows - 1, options.graph_degree, options.graph_build_effort, options.seed);
    UPNEXT_RETURN_IF_ERROR(Insert(vectors, graph, progress));
    index->entry_ = graph.enterpoint_node_ + 1;
    index->built_base_.assign(1 + 2 * options.graph_degree, 0);
    index->built_base_.reserve(rows * (1 + 2 * options.graph_degree));
    index->built_upper_begin_.assign(2, 0);
    for (uint32_t node = 0; node + 1 < rows; ++node) {
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
                             rows - 1);
  } catch (const std::exception& error) {
    return Internal("building a graph over {} vectors failed: {}", rows - 1, error.what());
  }
  index->base_ = index->built_base_;
  index->upper_ = index->built_upper_;
  index->upper_begin_ = index->built_upper_begin_;
  return index;
}

Status GraphIndex::Tune(const IndexOptions& options, std::span<const float> queries,
                        base::ThreadPool& pool, base::Progress& progress) {
  const bool open = options.graph_search_effort == 0;
  search_effort_ = open ? kDefaultSearchEffort : options.graph_search_effort;
  if (queries.empty()) return Ok();
  std::vector<std::vector<Hit>> best;
  ExactIndex(vectors_).SearchBatch(queries, kRecallAt, {}, pool, &best);
  if (!open) {
    recall_ = RecallOf(queries, best, pool);
    return Ok();
  }
  base::ProgressStage stage(progress, "tune index", "efforts", 0);
  uint64_t tried = 0;
  for (search_effort_ = kLeastEffort;; search_effort_ += search_effort_ / 2) {
    if (progress.stop_requested()) return Cancelled("building the index was stopped");
    recall_ = RecallOf(queries, best, pool);
    stage.Update(++tried, fmt::format("effort {}: recall@100 {:.3f}", search_effort_, recall_));
    if (recall_ >= options.graph_recall) return Ok();
    if (search_effort_ + search_effort_ / 2 > kWidestTuned) break;
  }
  progress.Note(fmt::format(
      "the graph index finds {:.3f} of the best 100 items at search effort {}, less than "
      "graph_recall = {} asks for; a larger graph_degree or kind = \"exact\" finds more",
      recall_, search_effort_, options.graph_recall));
  return Ok();
}

float GraphIndex::RecallOf(std::span<const float> queries, std::span<const std::vector<Hit>> best,
                           base::ThreadPool& pool) const {
  std::vector<std::vector<Hit>> hits;
  SearchBatch(queries, kRecallAt, {}, pool, &hits);
  size_t found = 0, wanted = 0;
  std::vector<uint32_t> rows;
  for (size_t q = 0; q < hits.size(); ++q) {
    rows.clear();
    for (const Hit& hit : hits[q]) rows.push_back(hit.row);
    std::ranges::sort(rows);
    for (const Hit& hit : best[q]) found += std::ranges::binary_search(rows, hit.row) ? 1 : 0;
    wanted += best[q].size();
  }
  return static_cast<float>(static_cast<double>(found) / static_cast<double>(wanted));
}

float GraphIndex::Score(std::span<const float> query, uint32_t row) const {
  return kernels::Dot(query.data(), vectors_.Row(row).data(), query.size());
}

std::span<const uint32_t> GraphIndex::BaseLinks(uint32_t row) const {
  const uint32_t* list = base_.data() + size_t{row} * (1 + 2 * degree_);
  return {list + 1, list[0]};
}

std::span<const uint32_t> GraphIndex::UpperLinks(uint32_t row, uint32_t level) const {
  const uint32_t* list = upper_.data() + size_t{upper_begin_[row] + level - 1} * (1 + degree_);
  return {list + 1, list[0]};
}

uint32_t GraphIndex::Descend(std::span<const float> query) const {
  uint32_t best = entry_;
  float best_score = Score(query, best);
  for (uint32_t level = Levels(entry_); level >= 1; --level) {
    for (bool moved = true; moved;) {
      moved = false;
      for (const uint32_t row : UpperLinks(best, level)) {
        const float score = Score(query, row);
        if (score > best_score) {
          best = row;
          best_score = score;
          moved = true;
        }
      }
    }
  }
  return best;
}

void GraphIndex::Search(std::span<const float> query, size_t n, const Skip& skip,
                        std::vector<Hit>* hits) const {
  // Skipped rows are walked over, but take no place among the best: the beam goes on until it holds
  // as many rows that count as it would without them.
  const size_t beam = std::max<size_t>(search_effort_, n + n / 2);
  TopHits best(beam);
  Visited visited(vectors_.rows());
  const auto worse = [](const Hit& a, const Hit& b) { return BetterHit(b, a); };
  std::priority_queue<Hit, std::vector<Hit>, decltype(worse)> frontier(worse);
  const auto meet = [&](uint32_t row) {
    if (!visited.Visit(row)) return;
    const float score = Score(query, row);
    if (!best.Wants(row, score)) return;
    frontier.push({row, score});
    if (!(skip && skip(row))) best.Add(row, score);
  };
  meet(Descend(query));
  while (!frontier.empty()) {
    const Hit next = frontier.top();
    if (best.full() && next.score < best.worst()) break;
    frontier.pop();
    const std::span<const uint32_t> links = BaseLinks(next.row);
    for (const uint32_t row : links) __builtin_prefetch(vectors_.Row(row).data());
    for (const uint32_t row : links) meet(row);
  }
  if (best.size() < n) {  // all that can be reached was met: the rest, which few graphs have
    for (uint32_t row = 1; row < vectors_.rows(); ++row) meet(row);
  }
  best.Take(hits);
  if (hits->size() > n) hits->resize(n);
}

std::string GraphIndex::Describe() const {
  std::string text = fmt::format("graph over {} vectors, degree {}, search effort {}",
                                 base::WithThousands(size()), degree_, search_effort_);
  if (!std::isnan(recall_)) text += fmt::format(", recall@100 {:.3f}", recall_);
  return text;
}

Status GraphIndex::Save(const std::filesystem::path& path) const {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          CreateIndexFile(path, kGraphKind, VectorsDigest(vectors_)));
  const std::array<uint32_t, 3> header = {degree_, search_effort_, entry_};
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("graph", std::span<const uint32_t>(header)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<float>("recall", std::span(&recall_, 1)));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("base", base_));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("upper", upper_));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint32_t>("upper_begin", upper_begin_));
  return writer.Commit();
}

Result<std::unique_ptr<GraphIndex>> GraphIndex::Load(base::SectionFile file,
                                                     const nn::EmbeddingTable& vectors) {
  std::unique_ptr<GraphIndex> index(new GraphIndex(vectors));
  index->file_ = std::move(file);
  const base::SectionFile& sections = *index->file_;
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint32_t> header, sections.Get<uint32_t>("graph", 3));
  index->degree_ = header[0];
  index->search_effort_ = header[1];
  index->entry_ = header[2];
  UPNEXT_ASSIGN_OR_RETURN(std::span<const float> recall, sections.Get<float>("recall", 1));
  index->recall_ = recall[0];
  UPNEXT_ASSIGN_OR_RETURN(index->base_, sections.Get<uint32_t>("base"));
  UPNEXT_ASSIGN_OR_RETURN(index->upper_, sections.Get<uint32_t>("upper"));
  UPNEXT_ASSIGN_OR_RETURN(index->upper_begin_,
                          sections.Get<uint32_t>("upper_begin", vectors.rows() + 1));
  UPNEXT_RETURN_IF_ERROR(index->Check(sections.path().string()));
  return index;
}

// Checksums find flipped bits; this finds a file that was written wrong, before it is followed out
// of bounds.
Status GraphIndex::Check(const std::string& where) const {
  const size_t rows = vectors_.rows();
  const auto wrong = [&](std::string_view what) {
    return DataLoss("{}: {}; build the index again (upnext train)", where, what);
  };
  if (degree_ < 2 || degree_ > 256 || search_effort_ > kMaxSearchEffort || entry_ == 0 ||
      entry_ >= rows) {
    return wrong("the degree, the search effort or the entry of the graph is out of bounds");
  }
  const size_t base_width = 1 + 2 * size_t{degree_}, upper_width = 1 + size_t{degree_};
  if (base_.size() != rows * base_width) return wrong("the base layer has not one list a row");
  if (!std::is_sorted(upper_begin_.begin(), upper_begin_.end()) || upper_begin_[0] != 0 ||
      upper_.size() != size_t{upper_begin_[rows]} * upper_width) {
    return wrong("the upper layers do not fit their offsets");
  }
  for (uint32_t row = 0; row < rows; ++row) {
    const uint32_t* list = base_.data() + row * base_width;
    if (list[0] >= base_width) return wrong("a list of the base layer is too long");
    for (const uint32_t link : BaseLinks(row)) {
      if (link == 0 || link >= rows) return wrong("a link of the base layer is out of bounds");
    }
    for (uint32_t level = 1; level <= Levels(row); ++level) {
      const size_t at = size_t{upper_begin_[row] + level - 1} * upper_width;
      if (upper_[at] >= upper_width) return wrong("a list of an upper layer is too long");
      for (const uint32_t link : UpperLinks(row, level)) {
        if (link == 0 || link >= rows || Levels(link) < level) {
          return wrong("a link of an upper layer is out of bounds");
        }
      }
    }
  }
  return Ok();
}

}  // namespace upnext::retrieval
