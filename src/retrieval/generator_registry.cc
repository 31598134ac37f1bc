#include "retrieval/generator_registry.h"

#include <algorithm>
#include <array>

#include "retrieval/candidate_generator.h"
#include "retrieval/category_generator.h"
#include "retrieval/co_watch_generator.h"
#include "retrieval/content_generator.h"
#include "retrieval/new_items_generator.h"
#include "retrieval/next_generator.h"
#include "retrieval/popular_generator.h"
#include "retrieval/recent_generator.h"
#include "retrieval/series_generator.h"
#include "retrieval/trending_generator.h"

namespace upnext::retrieval {

// The columns: name, default candidates, version of the part, learner, load.
GeneratorRegistry BuiltInGenerators() {
  static constexpr auto kGenerators = std::to_array<GeneratorEntry>({
      {"candidate-model", 300, 0, nullptr, CandidateGenerator::Load},
      {"next", 50, 1, NextGenerator::Learner<NextGenerator::Of::kWatches>,
       NextGenerator::Load<NextGenerator::Of::kWatches>},
      {"bought-together", 50, 1, NextGenerator::Learner<NextGenerator::Of::kPurchases>,
       NextGenerator::Load<NextGenerator::Of::kPurchases>},
      {"co-watch", 50, 1, CoWatchGenerator::Learner, CoWatchGenerator::Load},
      {"series", 0, 1, SeriesGenerator::Learner, SeriesGenerator::Load},
      {"continue", 0, 0, nullptr, RecentGenerator::Load<RecentGenerator::Of::kStarted>},
      {"recent", 0, 0, nullptr, RecentGenerator::Load<RecentGenerator::Of::kViewed>},
      {"trending", 100, 1, TrendingGenerator::Learner, TrendingGenerator::Load},
      {"popular", 50, 1, PopularGenerator::Learner, PopularGenerator::Load},
      {"similar-content", 0, 1, ContentGenerator::Learner, ContentGenerator::Load},
      {"topic", 0, 3, CategoryGenerator::Learner<CategoryGenerator::Of::kTopic>,
       CategoryGenerator::Load<CategoryGenerator::Of::kTopic>},
      {"same-channel", 0, 1, CategoryGenerator::Learner<CategoryGenerator::Of::kChannel>,
       CategoryGenerator::Load<CategoryGenerator::Of::kChannel>},
      {"new-items", 10, 1, NewItemsGenerator::Learner, NewItemsGenerator::Load},
  });
  return kGenerators;
}

std::vector<ConfiguredLearner> LearnersFromConfig(const base::ConfigTable& generators,
                                                  GeneratorRegistry registry) {
  std::vector<ConfiguredLearner> learners;
  for (const GeneratorEntry& entry : registry) {
    if (entry.learner == nullptr) continue;
    learners.push_back({entry.name, entry.version, entry.learner(generators.Table(entry.name))});
  }
  return learners;
}

GeneratorBudgets BudgetsFromConfig(const base::ConfigTable& generators,
                                   GeneratorRegistry registry) {
  GeneratorBudgets budgets;
  for (const GeneratorEntry& entry : registry) {
    const base::ConfigTable options = generators.Table(entry.name);
    const int64_t budget = options.Int("candidates", entry.candidates, {.min = 0, .max = 100'000});
    if (budget != entry.candidates)
      budgets[std::string(entry.name)] = static_cast<uint32_t>(budget);
  }
  return budgets;
}

GeneratorTimes TimesFromConfig(const base::ConfigTable& generators, GeneratorRegistry registry) {
  GeneratorTimes times;
  for (const GeneratorEntry& entry : registry) {
    const double ms = generators.Table(entry.name).Real("budget_ms", 0, {.min = 0, .max = 60'000});
    if (ms > 0) times[std::string(entry.name)] = ms;
  }
  return times;
}

uint32_t BudgetOf(std::string_view generator, const GeneratorBudgets& budgets,
                  GeneratorRegistry registry) {
  if (const auto set = budgets.find(generator); set != budgets.end()) return set->second;
  const auto entry = std::ranges::find(registry, generator, &GeneratorEntry::name);
  return entry == registry.end() ? 0 : entry->candidates;
}

}  // namespace upnext::retrieval
