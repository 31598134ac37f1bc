#include "training/serving_parts.h"

#include <cstdint>
#include <vector>

#include "retrieval/user_vectors.h"
#include "training/freed_memory.h"

namespace upnext::training {
namespace {

constexpr uint32_t kIndexQueries = 256;  // users by whom a graph's recall is measured

}  // namespace

Result<ServingParts> ServingParts::Learn(const Dataset& dataset, const Models& models,
                                         const TrainOptions& options, base::ThreadPool& pool,
                                         base::Progress& progress, const retrieval::Index* index) {
  ReturnFreedMemory();  // of the evaluation
  ServingParts parts;
  parts.dataset_ = &dataset;
  parts.index_ = index;
  if (index == nullptr && models.candidate != nullptr) {
    const std::vector<float> queries = retrieval::SampleUserVectors(
        dataset.source(), dataset.statistics(), *models.candidate, kIndexQueries, pool);
    UPNEXT_ASSIGN_OR_RETURN(parts.built_,
                            retrieval::BuildIndex(options.index, models.candidate->item_vectors(),
                                                  queries, pool, progress));
    parts.index_ = parts.built_.get();
  }
  ReturnFreedMemory();  // of building the index
  parts.popular_ = retrieval::PopularItems::Learn(dataset.source());
  parts.co_watch_ =
      std::make_unique<retrieval::CoWatchLearner>(dataset.source(), options.co_watch, pool);
  return parts;
}

bundle::Parts ServingParts::Of(const Models& models) const {
  bundle::Parts parts;
  parts.tables = &dataset_->statistics();
  parts.rule = dataset_->rule();
  parts.candidate = models.candidate;
  parts.index = index_;
  parts.popular = &popular_;
  parts.co_watch = co_watch_.get();
  parts.ranker = models.ranker;
  return parts;
}

}  // namespace upnext::training
