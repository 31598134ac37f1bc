// What serving needs next to the models: the index of the candidate model and the generators. A
// training that is not published does not need them, and neither a training nor an evaluation
// should share memory with them, so they come last: the index is built here, and the generators
// learn when their parts are written.
//
//   UPNEXT_ASSIGN_OR_RETURN(const ServingParts serving,
//                           ServingParts::Learn(*dataset, models, options, pool, progress));
//   UPNEXT_RETURN_IF_ERROR(bundle::WriteBundle(folder, serving.Of(models), &manifest));
//
// Immutable. Dataset and pool outlive it and the parts.
#ifndef UPNEXT_TRAINING_SERVING_PARTS_H_
#define UPNEXT_TRAINING_SERVING_PARTS_H_

#include <memory>
#include <string>
#include <vector>

#include "ann/index.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/bundle.h"
#include "retrieval/generator_registry.h"
#include "training/dataset.h"
#include "training/options.h"
#include "training/train.h"

namespace upnext::training {

class ServingParts {
 public:
  // `index`: of models.candidate where that has one already; null: it is built.
  static Result<ServingParts> Learn(const Dataset& dataset, const Models& models,
                                    const TrainOptions& options, base::ThreadPool& pool,
                                    base::Progress& progress, const ann::Index* index = nullptr);

  // The parts of a bundle of these models, of which the candidate model is that of the index; views.
  bundle::Parts Of(const Models& models) const;
  // What the index is and finds; empty when there is none.
  std::string IndexText() const { return index_ == nullptr ? "" : index_->Describe(); }

 private:
  ServingParts() = default;
  const Dataset* dataset_ = nullptr;
  std::unique_ptr<ann::Index> built_;
  const ann::Index* index_ = nullptr;
  std::vector<retrieval::ConfiguredLearner> generators_;
  base::ThreadPool* pool_ = nullptr;
};

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_SERVING_PARTS_H_
