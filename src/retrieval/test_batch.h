// Small inputs for the tests of the candidate model.
#ifndef UPNEXT_RETRIEVAL_TEST_BATCH_H_
#define UPNEXT_RETRIEVAL_TEST_BATCH_H_

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "features/extract.h"
#include "features/feature_statistics.h"
#include "retrieval/candidate_model.h"

namespace upnext::retrieval {

inline CandidateShape SmallShape() { return {.items = 9, .tokens = 7, .regions = 4, .devices = 3}; }

// Random bags of 0 to 5 ids (including row 0), regions, devices, dense features and labels.
inline features::CandidateBatch RandomBatch(size_t size, const CandidateShape& shape,
                                            uint64_t seed = 1) {
  base::Rng rng(seed);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(rng.Below(n)); };
  features::CandidateBatch batch;
  for (size_t i = 0; i < size; ++i) {
    for (uint32_t n = below(6); n > 0; --n) batch.watches.ids.push_back(below(shape.items));
    batch.watches.Close();
    for (uint32_t n = below(4); n > 0; --n) batch.tokens.ids.push_back(below(shape.tokens));
    batch.tokens.Close();
    batch.region.push_back(below(shape.regions));
    batch.device.push_back(below(shape.devices));
    for (size_t d = 0; d < features::kCandidateDense; ++d) {
      batch.dense.push_back(static_cast<float>(rng.Uniform()));
    }
    batch.label.push_back(1 + below(shape.items - 1));
  }
  return batch;
}

// Rows 1 .. rows - 1 with decreasing counts.
inline features::Vocabulary SmallVocabulary(uint32_t rows) {
  std::vector<uint64_t> counts;
  for (uint32_t row = 1; row < rows; ++row) counts.push_back(100 / row + 1);
  return features::Vocabulary::Learn(counts, counts.size());
}

inline std::vector<float> UserVectors(const CandidateModel& model,
                                      const features::CandidateBatch& batch) {
  std::vector<float> out(batch.size() * model.dim());
  CandidateModel::Scratch scratch;
  model.UserVectors(batch, out.data(), scratch, {});
  return out;
}

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_TEST_BATCH_H_
