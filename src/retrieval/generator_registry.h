// The list of candidate generators. A new one is a file pair, a line in generator_registry.cc and a
// test; no other code knows their names.
//
//   for (const GeneratorEntry& entry : BuiltInGenerators()) ...
//   auto learners = LearnersFromConfig(config.Table("generators"));      training
//   auto budgets = BudgetsFromConfig(config.Table("generators"));        serving
//
// [generators.NAME] of the project file has the options of each, and `candidates`, its budget. The
// order is the one in which the engine asks them.
#ifndef UPNEXT_RETRIEVAL_GENERATOR_REGISTRY_H_
#define UPNEXT_RETRIEVAL_GENERATOR_REGISTRY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ann/index.h"
#include "base/config.h"
#include "base/section_file.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"
#include "retrieval/candidate_model.h"
#include "retrieval/generator.h"

namespace upnext::retrieval {

struct LearnInput {
  const examples::ReplaySource& source;  // of which the training part counts
  base::ThreadPool& pool;                // the learner's while it works
};
// Learns and writes the sections of the generator's part of a bundle. Both at once, because what
// is learned may be too large to be held beside a model.
using GeneratorLearner = std::function<Status(const LearnInput&, base::SectionWriter&)>;

// What a generator is made of when a bundle is opened. What is referred to outlives it.
struct LoadInput {
  std::optional<base::SectionFile> part;  // what its learner wrote; set for those that have one
  uint32_t items = 0;                     // of the log: ids in the part must be below
  const features::FeatureStatistics& tables;
  const UserItemModel* candidate = nullptr;  // null: the bundle has none
  const ann::Index* index = nullptr;
};

struct GeneratorEntry {
  // Of its table of the project file, its part of a bundle, its candidates in reports and logs.
  std::string_view name;
  uint32_t candidates;  // default budget; 0: off unless the project file gives one
  uint32_t version;     // of the part
  // Reads the options. Null: it learns nothing of its own and has no part.
  GeneratorLearner (*learner)(const base::ConfigTable& options);
  // Null when the bundle lacks the models it needs. kDataLoss when the part is not what the learner
  // wrote.
  Result<std::unique_ptr<const Generator>> (*load)(LoadInput input);
};
using GeneratorRegistry = std::span<const GeneratorEntry>;

GeneratorRegistry BuiltInGenerators();

// One that a bundle has, with what its entry says.
struct LoadedGenerator {
  std::string_view name;
  uint32_t candidates;
  std::unique_ptr<const Generator> generator;
};

// Of the generators that learn, in the order of the registry.
struct ConfiguredLearner {
  std::string_view name;
  uint32_t version;
  GeneratorLearner learn;
};
std::vector<ConfiguredLearner> LearnersFromConfig(const base::ConfigTable& generators,
                                                  GeneratorRegistry registry = BuiltInGenerators());

// Candidates by generator, where they differ from the default.
using GeneratorBudgets = std::map<std::string, uint32_t, std::less<>>;
GeneratorBudgets BudgetsFromConfig(const base::ConfigTable& generators,
                                   GeneratorRegistry registry = BuiltInGenerators());
// By generator, where it has one: [generators.NAME] budget_ms, the milliseconds that a request waits for it.
using GeneratorTimes = std::map<std::string, double, std::less<>>;
GeneratorTimes TimesFromConfig(const base::ConfigTable& generators,
                               GeneratorRegistry registry = BuiltInGenerators());
// How many candidates a generator of the registry proposes; 0 for a name that it does not have.
uint32_t BudgetOf(std::string_view generator, const GeneratorBudgets& budgets,
                  GeneratorRegistry registry = BuiltInGenerators());

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_GENERATOR_REGISTRY_H_
