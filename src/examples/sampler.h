// Negative samplers for the sampled softmax over vocabulary rows 1 .. rows-1 (CG-14).
//
//   NegativeSampler sampler({.kind = SamplerOptions::Kind::kPower, .alpha = 0.75}, vocabulary);
//   sampler.Draw(4096, rng, &negatives);                  with replacement
//   float correction = sampler.LogExpectedCount(row, 4096);   log E[occurrences among the draws]
//
// Accidental hits (a draw equal to a label) are left in: the loss removes them. Immutable: any
// number of threads, each with its own Rng.
#ifndef UPNEXT_EXAMPLES_SAMPLER_H_
#define UPNEXT_EXAMPLES_SAMPLER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/config.h"
#include "base/rng.h"
#include "features/feature_statistics.h"

namespace upnext::examples {

struct SamplerOptions {
  // With r the row and R the number of rows but row 0, rows being sorted by count:
  //   uniform      Q(r) = 1 / R
  //   log-uniform  Q(r) = log((r + 1) / r) / log(R + 1)     Zipf-like, needs no counts
  //   power        Q(r) ~ count(r)^alpha
  enum class Kind : uint8_t { kUniform, kLogUniform, kPower } kind = Kind::kPower;
  double alpha = 0.75;
  // sampler = "power" (or "uniform", "log-uniform"), sampler_alpha = 0.75
  static SamplerOptions FromConfig(const base::ConfigTable& table);
};

class NegativeSampler {
 public:
  NegativeSampler(const SamplerOptions& options, const features::Vocabulary& vocabulary);
  // Replaces `rows` by n draws, O(1) each (alias table); by none when the vocabulary is empty.
  void Draw(size_t n, base::Rng& rng, std::vector<uint32_t>* rows) const;
  double Probability(uint32_t row) const { return probability_[row]; }  // 0 for row 0
  // log(n Q(row)); row 0, which is never drawn, gives -infinity.
  float LogExpectedCount(uint32_t row, size_t n) const;

 private:
  // Column i of the alias table stands for row i + 1 with share accept_[i], else for alias_[i].
  std::vector<float> accept_;
  std::vector<uint32_t> alias_;
  std::vector<double> probability_;  // by row
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_SAMPLER_H_
