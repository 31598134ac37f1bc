// The generators of the training part without a bundle: for measuring what they propose before any
// is published.
//
//   UPNEXT_ASSIGN_OR_RETURN(const LearnedGenerators learned,
//                           LearnGenerators({source, pool}, learners, tables, model, folder, progress));
//   for (const LoadedGenerator& one : learned.generators) one.generator->Propose(...);
//
// Immutable: any number of threads. Tables and model outlive it.
#ifndef UPNEXT_RETRIEVAL_LEARNED_GENERATORS_H_
#define UPNEXT_RETRIEVAL_LEARNED_GENERATORS_H_

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "ann/index.h"
#include "base/progress.h"
#include "base/status.h"
#include "features/feature_statistics.h"
#include "retrieval/generator_registry.h"
#include "retrieval/user_item_model.h"

namespace upnext::retrieval {

struct LearnedGenerators {
  std::unique_ptr<const ann::Index> index;  // exact
  std::vector<LoadedGenerator> generators;  // in the order of the registry
};

// Those of `learners`, and those that learn nothing of their own. What is learned is read from files
// in `folder`, which exists; it may be removed together with the result.
Result<LearnedGenerators> LearnGenerators(const LearnInput& input,
                                          std::span<const ConfiguredLearner> learners,
                                          const features::FeatureStatistics& tables,
                                          const UserItemModel& model,
                                          const std::filesystem::path& folder,
                                          base::Progress& progress);

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_LEARNED_GENERATORS_H_
