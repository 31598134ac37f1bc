// Negative samplers for the sampled softmax over vocabulary rows 1 .. rows-1 (CG-14).
//
//   NegativeSampler sampler({.kind = SamplerOptions::Kind::kPower, .alpha = 0.75}, vocabulary);
//   sampler.Draw(4096, rng, &negatives);                  with replacement
//   float correction = sampler.LogExpectedCount(row, 4096);     log E[occurrences among the draws]
//   = log(k Q)
#ifndef UPNEXT_EXAMPLES_SAMPLER_H_
#define UPNEXT_EXAMPLES_SAMPLER_H_

#include <cstdint>
#include <vector>

#include "base/config.h"
#include "base/rng.h"
#include "features/tables.h"

namespace upnext::examples {

struct SamplerOptions {
  enum class Kind : uint8_t {
    kUniform,
    kLogUniform,
    kPower
  } kind = Kind::kPower;  // Q ~ count^alpha
  double alpha = 0.75;
  static SamplerOptions FromConfig(
      const base::ConfigTable& table);  // sampler = "power", sampler_alpha = 0.75
};

class NegativeSampler {
 public:
  NegativeSampler(const SamplerOptions& options, const features::Vocabulary& vocabulary);
  void Draw(size_t n, base::Rng& rng,
            std::vector<uint32_t>* rows) const;  // O(1) each (alias table)
  double Probability(uint32_t row) const;
  float LogExpectedCount(uint32_t row, size_t n) const;

 private:
  std::vector<float> accept_;
  std::vector<uint32_t> alias_;
  std::vector<double> probability_;
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_SAMPLER_H_
