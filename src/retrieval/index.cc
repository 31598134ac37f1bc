#include "retrieval/index.h"

#include <utility>

#include "base/checksum.h"
#include "base/section_file.h"
#include "kernels/embedding.h"
#include "retrieval/exact_index.h"
#include "retrieval/graph_index.h"
#include "retrieval/index_file.h"

namespace upnext::retrieval {

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

void Index::SearchBatch(std::span<const float> queries, size_t n, const BatchSkip& skip,
                        base::ThreadPool& pool, std::vector<std::vector<Hit>>* hits) const {
  const size_t count = queries.size() / dim();
  hits->resize(count);
  pool.ParallelFor(count, 16, [&](size_t begin, size_t end) {
    for (size_t q = begin; q < end; ++q) {
      Skip skip_row;
      if (skip) skip_row = [&skip, q](uint32_t row) { return skip(q, row); };
      Search(queries.subspan(q * dim(), dim()), n, skip_row, &(*hits)[q]);
    }
  });
}

Result<std::unique_ptr<Index>> BuildIndex(const IndexOptions& options,
                                          const nn::EmbeddingTable& vectors,
                                          std::span<const float> queries, base::ThreadPool& pool,
                                          base::Progress& progress) {
  const size_t items = vectors.rows() - 1;
  const bool graph = options.kind == IndexOptions::Kind::kGraph ||
                     (options.kind == IndexOptions::Kind::kAuto && items > options.exact_below);
  if (!graph || items == 0) return std::make_unique<ExactIndex>(vectors);
  UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<GraphIndex> index,
                          GraphIndex::Build(options, vectors, progress));
  UPNEXT_RETURN_IF_ERROR(index->Tune(options, queries, pool, progress));
  return std::unique_ptr<Index>(std::move(index));
}

Result<std::unique_ptr<Index>> LoadIndex(const std::filesystem::path& path,
                                         const nn::EmbeddingTable& vectors) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionFile file,
                          base::SectionFile::Open(path, kIndexFileKind, kIndexFileVersion));
  UPNEXT_ASSIGN_OR_RETURN(std::span<const uint64_t> digest,
                          file.Get<uint64_t>("vectors_digest", 1));
  const uint64_t expected = VectorsDigest(vectors);
  if (digest[0] != expected) {
    return FailedPrecondition(
        "{}: the index was built from item vectors with digest {:016x}, the model's have {:016x}; "
        "build the index again (upnext train)",
        path.string(), digest[0], expected);
  }
  UPNEXT_ASSIGN_OR_RETURN(std::string_view kind, file.GetText("kind"));
  if (kind == kExactKind) return std::make_unique<ExactIndex>(vectors);
  if (kind == kGraphKind) {
    UPNEXT_ASSIGN_OR_RETURN(std::unique_ptr<GraphIndex> index,
                            GraphIndex::Load(std::move(file), vectors));
    return std::unique_ptr<Index>(std::move(index));
  }
  return DataLoss("{}: expected an index of kind exact or graph, found \"{}\"", path.string(),
                  kind);
}

uint64_t VectorsDigest(const nn::EmbeddingTable& vectors) {
  const kernels::ConstTableView table = vectors.view();
  const uint64_t shape[2] = {table.rows, table.dim};
  base::ChecksumStream stream;
  stream.Append(std::as_bytes(std::span(shape)));
  stream.Append(std::as_bytes(std::span(table.data, table.rows * table.dim)));
  return stream.digest();
}

Result<base::SectionWriter> CreateIndexFile(const std::filesystem::path& path,
                                            std::string_view kind, uint64_t vectors_digest) {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          base::SectionWriter::Create(path, kIndexFileKind, kIndexFileVersion));
  UPNEXT_RETURN_IF_ERROR(writer.AddText("kind", kind));
  UPNEXT_RETURN_IF_ERROR(writer.Add<uint64_t>("vectors_digest", std::span(&vectors_digest, 1)));
  return writer;
}

}  // namespace upnext::retrieval
