#include "ann/index.h"

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

}  // namespace

IndexOptions IndexOptions::FromConfig(const base::ConfigTable& index) {
  IndexOptions options;
  options.kind = static_cast<Kind>(
      index.Choice("kind", {"auto", "exact", "graph"}, static_cast<size_t>(options.kind)));
  const auto number = [&](std::string_view key, uint32_t fallback, int64_t min, int64_t max) {
    return static_cast<uint32_t>(index.Int(key, fallback, {.min = min, .max = max}));
  };
  options.exact_below = number("exact_below", options.exact_below, 0, UINT32_MAX);
  options.graph_degree = number("graph_degree", options.graph_degree, 2, 256);
  options.graph_build_effort = number("graph_build_effort", options.graph_build_effort, 1, 100'000);
  options.graph_search_effort =
      number("graph_search_effort", options.graph_search_effort, 0, kMaxSearchEffort);
  options.graph_recall = index.Real("graph_recall", options.graph_recall, {.min = 0, .max = 1});
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
  const bool graph =
      options.kind == IndexOptions::Kind::kGraph ||
      (options.kind == IndexOptions::Kind::kAuto && vectors.count > options.exact_below);
  if (!graph || vectors.count == 0) return std::make_unique<ExactIndex>(vectors, &pool);
  UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<GraphIndex> index,
                          GraphIndex::Build(options, vectors, progress));
  UPNEXT_RETURN_IF_ERROR(index->Tune(options, queries, pool, progress));
  return std::unique_ptr<Index>(std::move(index));
}

Result<std::unique_ptr<Index>> LoadIndex(const std::filesystem::path& path,
                                         const Vectors& vectors) {
  UPNEXT_RETURN_IF_ERROR(CheckIds(vectors));
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file, OpenIndexFile(path, vectors));
  UPNEXT_ASSIGN_OR_RETURN(const std::string_view kind, file.GetText("kind"));
  if (kind == kExactKind) return std::make_unique<ExactIndex>(vectors, nullptr);
  if (kind == kGraphKind) {
    UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<GraphIndex> index,
                            GraphIndex::Load(std::move(file), vectors));
    return std::unique_ptr<Index>(std::move(index));
  }
  return DataLoss("{}: expected an index of kind exact or graph, found \"{}\"", path.string(),
                  kind);
}

}  // namespace upnext::ann
