#include "training/coverage.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

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
  for (size_t id = 0; id < features::kVocabularies; ++id) {
    const auto vocabulary = static_cast<features::VocabularyId>(id);
    if (statistics.rows(vocabulary) <= 1) continue;
    const double coverage = vocabulary == features::VocabularyId::kToken
                                ? TokenCoverage(statistics.tokens)
                                : statistics.vocabulary(vocabulary).coverage();
    text += fmt::format("{}{} {:.2f} %", text.empty() ? "" : ", ",
                        features::VocabularyName(vocabulary), 100 * coverage);
  }
  return text;
}

}  // namespace upnext::training
