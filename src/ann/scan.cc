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

CompressedScan::CompressedScan(const CompressedRows& rows, const Vectors& vectors,
                               std::span<const float> query, size_t k, const Filter& filter)
    : vectors_(vectors),
      query_(query),
      filter_(filter),
      compressed_(rows, query),
      least_(k),
      top_(k) {}

void CompressedScan::Read(size_t first, size_t count) {
  scores_.resize(std::max(scores_.size(), count));
  compressed_.ScoresFrom(first, count, scores_.data());
  for (size_t r = 0; r < count; ++r) {
    const auto row = static_cast<uint32_t>(first + r);
    if (r % kFewScores == 0 && r + kFewScores <= count && least_.full()) {
      const float worst = least_.worst();
      int possible = 0;
      for (uint32_t i = 0; i < kFewScores; ++i) {
        possible += scores_[r + i] + compressed_.Error(row + i) < worst ? 0 : 1;
      }
      if (possible == 0) {
        r += kFewScores - 1;
        continue;
      }
    }
    const float error = compressed_.Error(row), most = scores_[r] + error;
    // Not the opposite comparison: what is not a number may be anything.
    if ((least_.full() && most < least_.worst()) || !filter_.Passes(vectors_.ids[row])) continue;
    candidates_.push_back({row, most});
    if (least_.Wants(row, scores_[r] - error)) least_.Add(row, scores_[r] - error);
  }
}

std::vector<kernels::Scored> CompressedScan::Take() {
  for (const kernels::Scored& candidate : candidates_) {
    if (least_.full() && candidate.score < least_.worst()) continue;
    const uint32_t row = candidate.index;
    const float score = kernels::Dot(query_.data(), vectors_.row(row), vectors_.dim);
    if (top_.Wants(row, score)) top_.Add(row, score);
  }
  return top_.Take();
}

std::vector<kernels::Scored> ScanCompressed(const CompressedRows& rows, const Vectors& vectors,
                                            std::span<const float> query, size_t k,
                                            const Filter& filter) {
  CompressedScan scan(rows, vectors, query, k, filter);
  for (size_t first = 0; first < vectors.count; first += kScanBlock) {
    scan.Read(first, std::min(kScanBlock, vectors.count - first));
  }
  return scan.Take();
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
