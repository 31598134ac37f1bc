#include "ann/scan.h"

#include <algorithm>

#include "kernels/top_scored.h"

namespace upnext::ann {
namespace {

constexpr size_t kScanBlock = 4096;  // scores that are computed at once
// So many scores at a time are compared with the worst of the best, without a branch for each: most
// often none of them is wanted.
constexpr size_t kFewScores = 32;

}  // namespace

std::vector<kernels::Scored> ScanCompressed(const CompressedRows& rows, const Vectors& vectors,
                                            std::span<const float> query, size_t k,
                                            const Filter& filter) {
  CompressedRows::Query compressed(rows, query);
  kernels::TopScored least(k);              // the largest scores that rows have for certain
  std::vector<kernels::Scored> candidates;  // with the largest that they can have
  std::vector<float> scores(std::min(kScanBlock, vectors.count));
  for (size_t first = 0; first < vectors.count; first += kScanBlock) {
    const size_t count = std::min(kScanBlock, vectors.count - first);
    compressed.ScoresFrom(first, count, scores.data());
    for (size_t r = 0; r < count; ++r) {
      const auto row = static_cast<uint32_t>(first + r);
      if (r % kFewScores == 0 && r + kFewScores <= count && least.full()) {
        const float worst = least.worst();
        int possible = 0;
        for (uint32_t i = 0; i < kFewScores; ++i) {
          possible += scores[r + i] + compressed.Error(row + i) < worst ? 0 : 1;
        }
        if (possible == 0) {
          r += kFewScores - 1;
          continue;
        }
      }
      const float error = compressed.Error(row), most = scores[r] + error;
      // Not the opposite comparison: what is not a number may be anything.
      if ((least.full() && most < least.worst()) || !filter.Passes(vectors.ids[row])) continue;
      candidates.push_back({row, most});
      if (least.Wants(row, scores[r] - error)) least.Add(row, scores[r] - error);
    }
  }
  kernels::TopScored top(k);
  for (const kernels::Scored& candidate : candidates) {
    if (least.full() && candidate.score < least.worst()) continue;
    const uint32_t row = candidate.index;
    const float score = kernels::Dot(query.data(), vectors.row(row), vectors.dim);
    if (top.Wants(row, score)) top.Add(row, score);
  }
  return top.Take();
}

std::vector<kernels::Scored> ScanPassing(const Vectors& vectors, std::span<const float> query,
                                         size_t k, const Filter& filter) {
  kernels::TopScored top(k);
  for (uint32_t row = 0; row < vectors.count; ++row) {
    if (!filter.Passes(vectors.ids[row])) continue;
    const float score = kernels::Dot(query.data(), vectors.row(row), vectors.dim);
    if (top.Wants(row, score)) top.Add(row, score);
  }
  return top.Take();
}

}  // namespace upnext::ann
