#include "training/serving_parts.h"

#include <cstdint>
#include <vector>

#include "features/vocabulary.h"
#include "retrieval/indexed_items.h"
#include "retrieval/user_vectors.h"
#include "training/freed_memory.h"

namespace upnext::training {
namespace {

constexpr uint32_t kIndexQueries = 8192;  // users by whom a graph is built and measured

}  // namespace

Result<ServingParts> ServingParts::Learn(const Dataset& dataset, const Models& models,
                                         const TrainOptions& options, base::ThreadPool& pool,
                                         base::Progress& progress, const ann::Index* index) {
  ReturnFreedMemory();  // of the evaluation
  ServingParts parts;
  parts.dataset_ = &dataset;
  parts.index_ = index;
  if (index == nullptr && models.candidate != nullptr) {
    const ann::Vectors items = retrieval::IndexedItems(
        *models.candidate, dataset.statistics().vocabulary(features::kItemVocabulary));
    std::vector<float> queries;
    if (options.index.IsGraph(items.count)) {
      UPNEXT_ASSIGN_OR_RETURN(queries,
                              retrieval::SampleUserVectors(dataset.source(), dataset.statistics(),
                                                           *models.candidate, kIndexQueries, pool));
    }
    UPNEXT_ASSIGN_OR_RETURN(parts.built_,
                            ann::BuildIndex(options.index, items, queries, pool, progress));
    parts.index_ = parts.built_.get();
  }
  ReturnFreedMemory();  // of building the index
  parts.generators_ = options.generators;
  parts.pool_ = &pool;
  return parts;
}

bundle::Parts ServingParts::Of(const Models& models) const {
  bundle::Parts parts(dataset_->statistics(), dataset_->rule());
  if (models.candidate != nullptr) parts.Set(bundle::CandidatePart(*models.candidate));
  if (index_ != nullptr) parts.Set(bundle::IndexPart(*index_));
  if (models.ranker != nullptr) parts.Set(bundle::RankerPart(*models.ranker));
  for (const retrieval::ConfiguredLearner& learner : generators_) {
    parts.Set(bundle::GeneratorPart(learner, {dataset_->source(), *pool_}));
  }
  return parts;
}

}  // namespace upnext::training
