#include "ann/exact_index.h"

#include <algorithm>

#include "ann/index_file.h"
#include "base/numbers.h"
#include "base/section_file.h"
#include "kernels/gemm.h"
#include "kernels/top_scored.h"

namespace upnext::ann {
namespace {

// The scores of a block of vectors stay in the first-level cache next to the queries of a batch.
constexpr size_t kQueryBlock = 32, kRowBlock = 4096;

}  // namespace

void ExactIndex::Search(std::span<const float> query, size_t k, const Filter& filter,
                        std::vector<Hit>* hits) const {
  const Vectors vectors = vectors_;  // in registers: read per row through `this` it cost 3 %
  kernels::TopScored top(k);
  for (uint32_t row = 0; row < vectors.count; ++row) {
    const float score = kernels::Dot(query.data(), vectors.row(row), vectors.dim);
    if (top.Wants(row, score) && filter.Passes(vectors.ids[row])) top.Add(row, score);
  }
  ToHits(top.Take(), hits);
}

void ExactIndex::SearchBatch(std::span<const float> queries, size_t k,
                             std::span<const Filter> filters, base::ThreadPool& pool,
                             std::vector<std::vector<Hit>>* hits) const {
  const size_t count = queries.size() / vectors_.dim;
  hits->resize(count);
  pool.ParallelFor(count, kQueryBlock, [&](size_t begin, size_t end) {
    std::vector<kernels::TopScored> top(end - begin, kernels::TopScored(k));
    std::vector<float> scores((end - begin) * std::min(kRowBlock, vectors_.count));
    for (size_t first = 0; first < vectors_.count; first += kRowBlock) {
      const size_t rows = std::min(kRowBlock, vectors_.count - first);
      kernels::Gemm({.m = end - begin, .n = rows, .k = vectors_.dim, .transpose_b = true},
                    queries.data() + begin * vectors_.dim, vectors_.row(first), scores.data(),
                    kernels::Precision::kFp32);
      for (size_t q = begin; q < end; ++q) {
        const Filter filter = filters.empty() ? Filter() : filters[q];
        kernels::TopScored& best = top[q - begin];
        const float* of_query = scores.data() + (q - begin) * rows;
        for (size_t r = 0; r < rows; ++r) {
          const auto row = static_cast<uint32_t>(first + r);
          if (best.Wants(row, of_query[r]) && filter.Passes(vectors_.ids[row])) {
            best.Add(row, of_query[r]);
          }
        }
      }
    }
    for (size_t q = begin; q < end; ++q) ToHits(top[q - begin].Take(), &(*hits)[q]);
  });
}

std::string ExactIndex::Describe() const {
  return fmt::format("exact scan of {} vectors", base::WithThousands(size()));
}

Status ExactIndex::Save(const std::filesystem::path& path) const {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer, CreateIndexFile(path, kExactKind, vectors_));
  return writer.Commit();
}

}  // namespace upnext::ann
