#include "training/coverage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "features/feature_plan.h"
#include "features/query_tokens.h"
#include "features/vocabulary.h"
#include "schema/attribute.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::training {
namespace {

double TokenCoverage(const features::QueryTokens& tokens) {
  double with_row = 0;
  for (uint32_t row = 1; row < tokens.rows(); ++row) {
    with_row += static_cast<double>(tokens.count(row));
  }
  return with_row / (with_row + static_cast<double>(tokens.count(0)));
}

bool IsAbsent(const schema::AttributeValue& value) {
  return std::isnan(value.number) && value.time_ms == schema::kNoTime &&
         value.category == schema::kNone;
}

}  // namespace

std::string CoverageOf(const features::FeatureStatistics& statistics) {
  std::string text;
  using Counts = features::VocabularyPlan::Counts;
  for (size_t i = 0; i < statistics.vocabularies.size(); ++i) {
    const features::VocabularyPlan& vocabulary = statistics.plan.vocabularies()[i];
    if (statistics.rows(i) <= 1 || vocabulary.rows > 0) continue;
    const double coverage = vocabulary.counts == Counts::kTokens
                                ? TokenCoverage(statistics.tokens)
                                : statistics.vocabularies[i].coverage();
    text += fmt::format("{}{} {:.2f} %", text.empty() ? "" : ", ", vocabulary.name, 100 * coverage);
  }
  return text;
}

std::string WhichRequestAttributesAreAbsent(const log::EventLog& log) {
  const std::span<const schema::Attribute> declared =
      log.schema().declared(schema::Entity::kRequest);
  std::vector<bool> found(declared.size());
  std::vector<schema::AttributeValue> values;
  for (uint32_t user = 0; user < log.users() && std::ranges::count(found, false) > 0; ++user) {
    for (uint64_t row = log.begin(user); row < log.end(user); ++row) {
      log.RequestAttributes(row, &values);
      for (size_t a = 0; a < found.size(); ++a) found[a] = found[a] || !IsAbsent(values[a]);
    }
  }
  std::string names;
  for (size_t a = 0; a < found.size(); ++a) {
    if (!found[a]) names += (names.empty() ? "" : ", ") + declared[a].name;
  }
  if (names.empty()) return "";
  return fmt::format(
      "no event of the log has {}, which [schema.requests] declares: features of it learn nothing; "
      "return it from the events SELECT, send it with POST /v1/events, or delete its line",
      names);
}

}  // namespace upnext::training
