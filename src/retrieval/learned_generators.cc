#include "retrieval/learned_generators.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/section_file.h"
#include "features/feature_plan.h"
#include "retrieval/indexed_items.h"

namespace upnext::retrieval {
namespace {

constexpr char kLearnedKind[] = "learned-generator";

}  // namespace

Result<LearnedGenerators> LearnGenerators(const LearnInput& input,
                                          std::span<const ConfiguredLearner> learners,
                                          const features::FeatureStatistics& tables,
                                          const UserItemModel& model,
                                          const std::filesystem::path& folder,
                                          base::Progress& progress) {
  const ann::Vectors items = IndexedItems(model, tables.vocabulary(features::kItemVocabulary));
  LearnedGenerators learned;
  UPNEXT_ASSIGN_OR_RETURN(learned.index, ann::BuildIndex({.kind = ann::IndexOptions::Kind::kExact},
                                                         items, {}, input.pool, progress));
  for (const GeneratorEntry& entry : BuiltInGenerators()) {
    LoadInput load{.part = std::nullopt,
                   .items = input.source.log.items(),
                   .tables = tables,
                   .candidate = &model,
                   .index = learned.index.get()};
    if (entry.learner != nullptr) {
      const auto learner = std::ranges::find(learners, entry.name, &ConfiguredLearner::name);
      if (learner == learners.end()) continue;
      const auto file = folder / std::string(entry.name);
      UPNEXT_ASSIGN_OR_RETURN(base::SectionWriter writer,
                              base::SectionWriter::Create(file, kLearnedKind, entry.version));
      UPNEXT_RETURN_IF_ERROR(learner->learn(input, writer));
      UPNEXT_RETURN_IF_ERROR(writer.Commit());
      UPNEXT_ASSIGN_OR_RETURN(load.part,
                              base::SectionFile::Open(file, kLearnedKind, entry.version));
    }
    UPNEXT_ASSIGN_OR_RETURN(auto generator, entry.load(std::move(load)));
    if (generator == nullptr) continue;
    learned.generators.push_back({entry.name, entry.candidates, std::move(generator)});
  }
  return learned;
}

}  // namespace upnext::retrieval
