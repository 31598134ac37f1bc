#include "training/coverage.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

#include "features/feature_plan.h"
#include "features/query_tokens.h"
#include "features/vocabulary.h"

namespace upnext::training {
namespace {

double TokenCoverage(const features::QueryTokens& tokens) {
  double with_row = 0;
  for (uint32_t row = 1; row < tokens.rows(); ++row) {
    with_row += static_cast<double>(tokens.count(row));
  }
  return with_row / (with_row + static_cast<double>(tokens.count(0)));
}

}  // namespace

std::string CoverageOf(const features::FeatureStatistics& statistics) {
  std::string text;
  using Counts = features::VocabularyPlan::Counts;
  for (size_t i = 0; i < statistics.vocabularies.size(); ++i) {
    const features::VocabularyPlan& vocabulary = statistics.plan.vocabularies()[i];
    if (statistics.rows(i) <= 1 || vocabulary.counts == Counts::kHashed) continue;
    const double coverage = vocabulary.counts == Counts::kTokens
                                ? TokenCoverage(statistics.tokens)
                                : statistics.vocabularies[i].coverage();
    text += fmt::format("{}{} {:.2f} %", text.empty() ? "" : ", ", vocabulary.name, 100 * coverage);
  }
  return text;
}

}  // namespace upnext::training
