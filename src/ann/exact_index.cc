#include "ann/exact_index.h"

#include <algorithm>

#include "ann/index_file.h"
#include "ann/scan.h"
#include "base/numbers.h"
#include "base/section_file.h"
#include "kernels/gemm.h"
#include "kernels/top_scored.h"

namespace upnext::ann {
namespace {

// The scores of a block of vectors stay in the first-level cache next to the queries of a batch.
constexpr size_t kQueryBlock = 32, kRowBlock = 4096;
// Compressed rows that are read for each query of a batch in turn: they stay in the second-level cache.
constexpr size_t kScanRows = 1024;

// So many scores at a time are compared with the worst of the best, without a branch for each: most
// often none of them is wanted.
constexpr size_t kFew = 32;

// Adds the scores of the rows from `first` on.
void AddBlock(std::span<const float> scores, size_t first, std::span<const uint32_t> ids,
              const Filter& filter, kernels::TopScored* top) {
  for (size_t begin = 0; begin < scores.size(); begin += kFew) {
    const std::span<const float> few = scores.subspan(begin, std::min(kFew, scores.size() - begin));
    if (top->full() && few.size() == kFew) {
      const float worst = top->worst();  // rows ascend: those that tie come too late
      int above = 0;
      for (size_t i = 0; i < kFew; ++i) above += few[i] > worst ? 1 : 0;
      if (above == 0) continue;
    }
    for (size_t i = 0; i < few.size(); ++i) {
      const auto row = static_cast<uint32_t>(first + begin + i);
      if (top->Wants(row, few[i]) && filter.Passes(ids[row])) top->Add(row, few[i]);
    }
  }
}

}  // namespace

// Of queries [begin, end): the rows that the cache holds are read for all of them.
void ExactIndex::ScanBatch(std::span<const float> queries, size_t k,
                           std::span<const Filter> filters, size_t begin, size_t end,
                           std::vector<std::vector<Hit>>* hits) const {
  std::vector<CompressedScan> scans;
  scans.reserve(end - begin);
  for (size_t q = begin; q < end; ++q) {
    scans.emplace_back(*rows_, vectors_, queries.subspan(q * vectors_.dim, vectors_.dim), k,
                       filters.empty() ? Filter() : filters[q]);
  }
  for (size_t first = 0; first < vectors_.count; first += kScanRows) {
    const size_t count = std::min(kScanRows, vectors_.count - first);
    for (CompressedScan& scan : scans) scan.Read(first, count);
  }
  for (size_t q = begin; q < end; ++q) ToHits(scans[q - begin].Take(), &(*hits)[q]);
}

void ExactIndex::Search(std::span<const float> query, size_t k, const Filter& filter,
                        std::vector<Hit>* hits) const {
  ToHits(rows_ && k < size() ? ScanCompressed(*rows_, vectors_, query, k, filter)
                             : ScanPassing(vectors_, query, k, filter),
         hits);
}

void ExactIndex::SearchBatch(std::span<const float> queries, size_t k,
                             std::span<const Filter> filters, base::ThreadPool& pool,
                             std::vector<std::vector<Hit>>* hits) const {
  const size_t count = queries.size() / vectors_.dim;
  hits->resize(count);
  pool.ParallelFor(count, kQueryBlock, [&](size_t begin, size_t end) {
    if (!rows_) return MultiplyBatch(queries, k, filters, begin, end, hits);
    if (k < size()) return ScanBatch(queries, k, filters, begin, end, hits);
    for (size_t q = begin; q < end; ++q) {
      Search(queries.subspan(q * vectors_.dim, vectors_.dim), k,
             filters.empty() ? Filter() : filters[q], &(*hits)[q]);
    }
  });
}

void ExactIndex::MultiplyBatch(std::span<const float> queries, size_t k,
                               std::span<const Filter> filters, size_t begin, size_t end,
                               std::vector<std::vector<Hit>>* hits) const {
  std::vector<kernels::TopScored> top(end - begin, kernels::TopScored(k));
  std::vector<float> scores((end - begin) * std::min(kRowBlock, vectors_.count));
  for (size_t first = 0; first < vectors_.count; first += kRowBlock) {
    const size_t rows = std::min(kRowBlock, vectors_.count - first);
    kernels::Gemm({.m = end - begin, .n = rows, .k = vectors_.dim, .transpose_b = true},
                  queries.data() + begin * vectors_.dim, vectors_.row(first), scores.data(),
                  kernels::Precision::kFp32);
    for (size_t q = begin; q < end; ++q) {
      const Filter filter = filters.empty() ? Filter() : filters[q];
      const float* of_query = scores.data() + (q - begin) * rows;
      AddBlock({of_query, rows}, first, vectors_.ids, filter, &top[q - begin]);
    }
  }
  for (size_t q = begin; q < end; ++q) ToHits(top[q - begin].Take(), &(*hits)[q]);
}

std::string ExactIndex::Describe() const {
  return fmt::format("exact scan of {} vectors{}{}", base::WithThousands(size()),
                     why_.empty() ? "" : ": ", why_);
}

Status ExactIndex::Save(const std::filesystem::path& path) const {
  UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer, CreateIndexFile(path, kExactKind, vectors_));
  UPNEXT_RETURN_IF_ERROR(writer.AddText("why", why_));
  return writer.Commit();
}

}  // namespace upnext::ann
