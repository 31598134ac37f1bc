#include "examples/sampler.h"

#include <algorithm>
#include <cmath>

namespace upnext::examples {
namespace {

double Weight(const SamplerOptions& options, const features::Vocabulary& vocabulary, uint32_t row) {
  switch (options.kind) {
    case SamplerOptions::Kind::kUniform:
      return 1;
    case SamplerOptions::Kind::kLogUniform:
      return std::log1p(1.0 / row);
    case SamplerOptions::Kind::kPower:
      return std::pow(static_cast<double>(vocabulary.count(row)), options.alpha);
  }
  return 1;
}

}  // namespace

SamplerOptions SamplerOptions::FromConfig(const base::ConfigTable& table) {
  SamplerOptions options;
  options.kind = static_cast<Kind>(table.Choice("sampler", {"uniform", "log-uniform", "power"}, 2));
  options.alpha = table.Real("sampler_alpha", options.alpha, {.min = 0, .max = 2});
  return options;
}

NegativeSampler::NegativeSampler(const SamplerOptions& options,
                                 const features::Vocabulary& vocabulary)
    : probability_(std::max<uint32_t>(vocabulary.rows(), 1), 0.0) {
  const size_t n = probability_.size() - 1;
  double sum = 0;
  for (uint32_t row = 1; row <= n; ++row)
    sum += probability_[row] = Weight(options, vocabulary, row);
  for (double& probability : probability_) probability /= sum > 0 ? sum : 1;

  // Vose's construction: columns that lack mass are filled up from columns that have too much.
  accept_.assign(n, 1.0f);
  alias_.resize(n);
  std::vector<double> mass(n);
  std::vector<uint32_t> poor, rich;
  for (uint32_t i = 0; i < n; ++i) {
    alias_[i] = i + 1;
    mass[i] = probability_[i + 1] * static_cast<double>(n);
    (mass[i] < 1 ? poor : rich).push_back(i);
  }
  while (!poor.empty() && !rich.empty()) {
    const uint32_t taker = poor.back(), giver = rich.back();
    poor.pop_back();
    accept_[taker] = static_cast<float>(mass[taker]);
    alias_[taker] = giver + 1;
    mass[giver] -= 1 - mass[taker];
    if (mass[giver] < 1) {
      rich.pop_back();
      poor.push_back(giver);
    }
  }
}

void NegativeSampler::Draw(size_t n, base::Rng& rng, std::vector<uint32_t>* rows) const {
  rows->clear();
  if (accept_.empty()) return;
  rows->resize(n);
  for (uint32_t& row : *rows) {
    // One random word times the table's length: the column above, the place within it below.
    const unsigned __int128 product = static_cast<unsigned __int128>(rng.Next()) * accept_.size();
    const auto column = static_cast<uint32_t>(product >> 64);
    const double share = static_cast<double>(static_cast<uint64_t>(product) >> 11) * 0x1.0p-53;
    row = share < static_cast<double>(accept_[column]) ? column + 1 : alias_[column];
  }
}

float NegativeSampler::LogExpectedCount(uint32_t row, size_t n) const {
  return static_cast<float>(std::log(static_cast<double>(n) * probability_[row]));
}

}  // namespace upnext::examples
