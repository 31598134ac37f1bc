#include "evaluation/contributions.h"

#include <cmath>

#include "evaluation/metrics.h"
#include "evaluation/page_values.h"
#include "evaluation/pages.h"

namespace upnext::evaluation {
namespace {

// The terms of the log score of every page, less their means on the page.
class LogTerms {
 public:
  LogTerms(std::span<const float> exponents, const Impressions& scored)
      : columns_(exponents.size()),
        pages_(MakePages(scored)),
        terms_(LogPredictions(columns_, scored)),
        score_(scored.size(), 0.0) {
    for (size_t i = 0; i < terms_.size(); ++i) {
      terms_[i] *= static_cast<double>(exponents[i % columns_]);
    }
    for (const auto& page : pages_.pages) Centre(page);
    for (size_t i = 0; i < terms_.size(); ++i) score_[i / columns_] += terms_[i];
  }

  // Covariance of a term with the score, as a share of the variance of the score.
  double VarianceShare(size_t k) const {
    double covariance = 0, variance = 0;
    for (size_t i = 0; i < score_.size(); ++i) {
      covariance += score_[i] * terms_[i * columns_ + k];
      variance += score_[i] * score_[i];
    }
    return variance > 0 ? covariance / variance : std::nan("");
  }

  // Kendall's tau over the pairs of all pages that the score orders; equal scores without the term
  // count as half a pair in order.
  double CorrelationWithout(size_t k) const {
    double ordered = 0, compared = 0;
    std::vector<float> with, without;
    for (const auto& [begin, end] : pages_.pages) {
      with.clear();
      without.clear();
      for (uint32_t row = begin; row < end; ++row) {
        const uint32_t i = pages_.order[row];
        with.push_back(static_cast<float>(score_[i]));
        without.push_back(static_cast<float>(score_[i] - terms_[i * columns_ + k]));
      }
      const PairCounts pairs = CountPairs(without, with);
      for (size_t i = 0; i < with.size(); ++i) {
        ordered += pairs.ordered[i];
        compared += pairs.compared[i];
      }
    }
    return compared > 0 ? 2 * ordered / compared - 1 : std::nan("");
  }

 private:
  void Centre(const std::pair<uint32_t, uint32_t>& page) {
    const auto [begin, end] = page;
    for (size_t k = 0; k < columns_; ++k) {
      double sum = 0;
      for (uint32_t row = begin; row < end; ++row) sum += terms_[pages_.order[row] * columns_ + k];
      const double mean = sum / (end - begin);
      for (uint32_t row = begin; row < end; ++row) terms_[pages_.order[row] * columns_ + k] -= mean;
    }
  }

  const size_t columns_;
  const Pages pages_;
  std::vector<double> terms_;  // [impressions, objectives]
  std::vector<double> score_;  // [impressions]
};

}  // namespace

std::vector<Contribution> ContributionsOf(const std::vector<ranking::Objective>& objectives,
                                          std::span<const uint8_t> unwanted,
                                          std::span<const float> exponents,
                                          const Impressions& scored) {
  std::vector<Contribution> contributions;
  if (scored.size() == 0) return contributions;
  const LogTerms terms(exponents, scored);
  const PageValues values(objectives, unwanted, scored, /*truth=*/{});
  const std::vector<double> with = values.Of(exponents);
  for (size_t k = 0; k < objectives.size(); ++k) {
    if (exponents[k] == 0) continue;
    std::vector<float> others(exponents.begin(), exponents.end());
    others[k] = 0;
    const bool measured = values.columns()[k].measured;
    contributions.push_back({.objective = objectives[k].name,
                             .exponent = static_cast<double>(exponents[k]),
                             .variance_share = terms.VarianceShare(k),
                             .correlation = terms.CorrelationWithout(k),
                             .value = measured ? with[k] : std::nan(""),
                             .value_without = measured ? values.Of(others)[k] : std::nan("")});
  }
  return contributions;
}

}  // namespace upnext::evaluation
