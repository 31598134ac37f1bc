#include "ann/index.h"

#include <algorithm>
#include <utility>

#include "ann/exact_index.h"
#include "ann/graph_index.h"
#include "ann/index_file.h"

namespace upnext::ann {
namespace {

Status CheckIds(const Vectors& vectors) {
  if (vectors.ids.size() == vectors.count) return Ok();
  return InvalidArgument("an index needs one id per vector: expected {} ids, found {}",
                         vectors.count, vectors.ids.size());
}

// Every other query builds the graph, those between measure it.
std::vector<float> EveryOther(std::span<const float> queries, size_t first, size_t dim) {
  std::vector<float> some;
  for (size_t at = first * dim; at < queries.size(); at += 2 * dim) {
    some.insert(some.end(), queries.begin() + static_cast<std::ptrdiff_t>(at),
                queries.begin() + static_cast<std::ptrdiff_t>(at + dim));
  }
  return some;
}

// A graph with the recall that is asked for: as the options say, else wider; else an exact index.
Result<std::unique_ptr<Index>> BuildGated(IndexOptions options, const Vectors& vectors,
                                          std::span<const float> queries, base::ThreadPool& pool,
                                          base::Progress& progress) {
  constexpr size_t kMostMeasured = 1'000;
  constexpr int kBuilds = 2;
  const std::vector<float> building = EveryOther(queries, 0, vectors.dim);
  std::vector<float> measuring = EveryOther(queries, 1, vectors.dim);
  measuring.resize(std::min(measuring.size(), kMostMeasured * vectors.dim));
  std::vector<std::vector<Hit>> best;
  if (!measuring.empty()) {
    ExactIndex(vectors).SearchBatch(measuring, options.recall_at, {}, pool, &best);
  }
  std::string why;
  for (int build = 0; build < kBuilds; ++build) {
    UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<GraphIndex> index,
                            GraphIndex::Build(options, vectors, building, pool, progress));
    if (measuring.empty()) return std::unique_ptr<Index>(std::move(index));
    UPNEXT_RETURN_IF_ERROR(index->Tune(options, measuring, best, pool, progress));
    if (index->quality().recall >= options.graph_recall) {
      return std::unique_ptr<Index>(std::move(index));
    }
    why = fmt::format("a graph of degree {} finds {:.3f} of the best {} at search effort {}",
                      options.graph_degree, index->quality().recall, options.recall_at,
                      index->search_effort());
    progress.Note(fmt::format("index: {}, less than graph_recall = {}{}", why, options.graph_recall,
                              build + 1 < kBuilds ? ": building a wider one" : ""));
    options.graph_degree = std::min(2 * options.graph_degree, kMaxDegree);
    options.graph_build_effort *= 2;
  }
  why += fmt::format(", less than graph_recall = {}", options.graph_recall);
  progress.Note("index: serving an exact scan instead");
  return std::make_unique<ExactIndex>(vectors, &pool, std::move(why));
}

}  // namespace

IndexOptions IndexOptions::FromConfig(const base::ConfigTable& index, uint32_t recall_at) {
  IndexOptions options;
  options.recall_at = std::max(recall_at, 1u);
  options.kind = static_cast<Kind>(
      index.Choice("kind", {"auto", "exact", "graph"}, static_cast<size_t>(options.kind)));
  const auto number = [&](std::string_view key, uint32_t fallback, int64_t min, int64_t max) {
    return static_cast<uint32_t>(index.Int(key, fallback, {.min = min, .max = max}));
  };
  options.exact_below = number("exact_below", options.exact_below, 0, UINT32_MAX);
  options.graph_degree = number("graph_degree", options.graph_degree, 2, kMaxDegree);
  options.graph_build_effort = number("graph_build_effort", options.graph_build_effort, 1, 100'000);
  options.graph_search_effort =
      number("graph_search_effort", options.graph_search_effort, 0, kMaxSearchEffort);
  options.graph_recall = index.Real("graph_recall", options.graph_recall, {.min = 0, .max = 1});
  options.recall_at = number("recall_at", options.recall_at, 1, kMaxSearchEffort);
  return options;
}

void Index::SearchBatch(std::span<const float> queries, size_t k, std::span<const Filter> filters,
                        base::ThreadPool& pool, std::vector<std::vector<Hit>>* hits) const {
  const size_t count = queries.size() / dim();
  hits->resize(count);
  pool.ParallelFor(count, 16, [&](size_t begin, size_t end) {
    for (size_t q = begin; q < end; ++q) {
      Search(queries.subspan(q * dim(), dim()), k, filters.empty() ? Filter() : filters[q],
             &(*hits)[q]);
    }
  });
}

void Index::ToHits(std::span<const kernels::Scored> rows, std::vector<Hit>* hits) const {
  hits->clear();
  for (const kernels::Scored& row : rows) hits->push_back({vectors_.ids[row.index], row.score});
}

Result<std::unique_ptr<Index>> BuildIndex(const IndexOptions& options, const Vectors& vectors,
                                          std::span<const float> queries, base::ThreadPool& pool,
                                          base::Progress& progress) {
  UPNEXT_RETURN_IF_ERROR(CheckIds(vectors));
  if (!options.IsGraph(vectors.count) || vectors.count == 0)
    return std::make_unique<ExactIndex>(vectors, &pool);
  return BuildGated(options, vectors, queries, pool, progress);
}

Result<std::unique_ptr<Index>> LoadIndex(const std::filesystem::path& path,
                                         const Vectors& vectors) {
  UPNEXT_RETURN_IF_ERROR(CheckIds(vectors));
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file, OpenIndexFile(path, vectors));
  UPNEXT_ASSIGN_OR_RETURN(const std::string_view kind, file.GetText("kind"));
  if (kind == kExactKind) {
    UPNEXT_ASSIGN_OR_RETURN(const std::string_view why, file.GetText("why"));
    return std::make_unique<ExactIndex>(vectors, nullptr, std::string(why));
  }
  if (kind == kGraphKind) {
    UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<GraphIndex> index, GraphIndex::Load(file, vectors));
    return std::unique_ptr<Index>(std::move(index));
  }
  return DataLoss("{}: expected an index of kind exact or graph, found \"{}\"", path.string(),
                  kind);
}

}  // namespace upnext::ann
