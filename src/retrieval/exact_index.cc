#include "retrieval/exact_index.h"

#include <algorithm>

#include "base/numbers.h"
#include "base/section_file.h"
#include "kernels/gemm.h"
#include "kernels/vector_ops.h"
#include "retrieval/index_file.h"
#include "retrieval/top_hits.h"

namespace upnext::retrieval {
namespace {

// A block of scores stays in the first-level cache beside the queries of a batch.
constexpr size_t kQueryBlock = 32, kRowBlock = 4096;

}  // namespace

void ExactIndex::Search(std::span<const float> query, size_t n, const Skip& skip,
                        std::vector<Hit>* hits) const {
  const kernels::ConstTableView table = vectors_.view();
  TopHits top(n);
  for (uint32_t row = 1; row < table.rows; ++row) {
    const float score = kernels::Dot(query.data(), table.data + row * table.dim, table.dim);
    if (top.Wants(row, score) && !(skip && skip(row))) top.Add(row, score);
  }
  top.Take(hits);
}

void ExactIndex::SearchBatch(std::span<const float> queries, size_t n, const BatchSkip& skip,
                             base::ThreadPool& pool, std::vector<std::vector<Hit>>* hits) const {
  const kernels::ConstTableView table = vectors_.view();
  const size_t count = queries.size() / table.dim;
  hits->resize(count);
  pool.ParallelFor(count, kQueryBlock, [&](size_t begin, size_t end) {
    std::vector<TopHits> top(end - begin, TopHits(n));
    std::vector<float> scores((end - begin) * std::min(kRowBlock, table.rows));
    for (size_t first = 1; first < table.rows; first += kRowBlock) {
      const size_t rows = std::min(kRowBlock, table.rows - first);
      kernels::Gemm({.m = end - begin, .n = rows, .k = table.dim, .transpose_b = true},
                    queries.data() + begin * table.dim, table.data + first * table.dim,
                    scores.data(), kernels::Precision::kFp32);
      for (size_t q = begin; q < end; ++q) {
        TopHits& best = top[q - begin];
        const float* of_query = scores.data() + (q - begin) * rows;
        for (size_t r = 0; r < rows; ++r) {
          const uint32_t row = static_cast<uint32_t>(first + r);
          if (best.Wants(row, of_query[r]) && !(skip && skip(q, row))) best.Add(row, of_query[r]);
        }
      }
    }
    for (size_t q = begin; q < end; ++q) top[q - begin].Take(&(*hits)[q]);
  });
}

std::string ExactIndex::Describe() const {
  return fmt::format("exact scan of {} vectors", base::WithThousands(size()));
}

Status ExactIndex::Save(const std::filesystem::path& path) const {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                          CreateIndexFile(path, kExactKind, VectorsDigest(vectors_)));
  return writer.Commit();
}

}  // namespace upnext::retrieval
