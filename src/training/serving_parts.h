// What serving needs next to the models: the index of the candidate model, popular items, and who
// watched what. A training that is not published does not need it, and neither a training nor an
// evaluation should share memory with it, so it is learned last.
//
//   UPNEXT_ASSIGN_OR_RETURN(const ServingParts serving,
//                           ServingParts::Learn(*dataset, models, options, pool, progress));
//   UPNEXT_RETURN_IF_ERROR(bundle::WriteBundle(folder, serving.Of(models), &manifest));
//
// Immutable. Dataset and pool outlive it.
#ifndef UPNEXT_TRAINING_SERVING_PARTS_H_
#define UPNEXT_TRAINING_SERVING_PARTS_H_

#include <memory>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/bundle.h"
#include "retrieval/co_watch.h"
#include "retrieval/generators.h"
#include "retrieval/index.h"
#include "training/dataset.h"
#include "training/options.h"
#include "training/train.h"

namespace upnext::training {

class ServingParts {
 public:
  // `index`: of models.candidate where that has one already; null: it is built.
  static Result<ServingParts> Learn(const Dataset& dataset, const Models& models,
                                    const TrainOptions& options, base::ThreadPool& pool,
                                    base::Progress& progress,
                                    const retrieval::Index* index = nullptr);

  // The parts of a bundle of these models, of which the candidate model is that of the index; views.
  bundle::Parts Of(const Models& models) const;

 private:
  ServingParts() = default;
  const Dataset* dataset_ = nullptr;
  std::unique_ptr<retrieval::Index> built_;
  const retrieval::Index* index_ = nullptr;
  retrieval::PopularItems popular_;
  std::unique_ptr<retrieval::CoWatchLearner> co_watch_;
};

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_SERVING_PARTS_H_
