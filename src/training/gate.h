// The gate before publishing. The current bundle's validated models are evaluated on the test part
// of the new training, and a new bundle is refused only when it is clearly worse on the same
// events.
//
//   UPNEXT_ASSIGN_OR_RETURN(const CurrentFigures current,
//                           EvaluateCurrent(project, *dataset, options.evaluate, pool, progress));
//   ... train, evaluate ...
//   const std::string why = Judge(current, deciding, models, options.margin, &report);
//
// Functions of their arguments and of the project's folder: any thread.
#ifndef UPNEXT_TRAINING_GATE_H_
#define UPNEXT_TRAINING_GATE_H_

#include <string>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/deciding_figures.h"
#include "evaluation/evaluate.h"
#include "evaluation/report.h"
#include "project/project.h"
#include "training/dataset.h"
#include "training/train.h"

namespace upnext::training {

// What the current bundle reaches on the test part at hand.
struct CurrentFigures {
  std::string version;        // empty: there is no bundle yet
  std::string incomparable;   // why it was not evaluated; empty: it was
  std::string left_out = "";  // why its networks of others were not evaluated; empty: they were
  bool has_candidate = false, has_ranker = false;
  evaluation::Report report;
  evaluation::DecidingFigures deciding;
};

// `options.baselines` and `options.details` are ignored. A log that does not continue the bundle's has other ids: they are
// found by name (features/rebase.h). A bundle that cannot be read by this program, or not with this
// log, or that may have learned from the test part (unseen.h), is incomparable; a damaged one is an
// error. Networks of others of which one fails are left out: a training may be what replaces it.
Result<CurrentFigures> EvaluateCurrent(const project::Project& project, const Dataset& dataset,
                                       evaluation::EvaluateOptions options, base::ThreadPool& pool,
                                       base::Progress& progress);

// Compares by the main metric of each stage that the new run measured (retrieval: ndcg@10; ranking:
// weighted_user_loss, else watch_rmse_s), and adds to the report the current bundle's figures, the
// differences, and what could not be compared. Returns "" when the bundle may be published, else why
// not: the whole interval of a difference is a loss of more than `margin` of the current figure, or
// a model is missing that the current bundle has.
std::string Judge(const CurrentFigures& current, const evaluation::DecidingFigures& next,
                  const Models& models, double margin, evaluation::Report* report);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_GATE_H_
