// The current bundle as it was measured: for what must not have learned from the test part, lists
// of held-out users and the true value on a simulated site.
//
//   UPNEXT_ASSIGN_OR_RETURN(const bundle::OpenedBundle tested,
//                           OpenTestedBundle(project, options, pool, progress));
//
// One thread; the result is immutable.
#ifndef UPNEXT_TRAINING_TESTED_BUNDLE_H_
#define UPNEXT_TRAINING_TESTED_BUNDLE_H_

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "bundle/opened_bundle.h"
#include "project/project.h"
#include "training/options.h"

namespace upnext::training {

// The current bundle with the log of its training. Where it serves models that were fitted on the
// whole log, those that were validated stand in their place, with index and generators made again
// of the training part; they are written to a folder of the project that is gone on return. Fails as
// Project::OpenBundle and SplitOf.
Result<bundle::OpenedBundle> OpenTestedBundle(const project::Project& project,
                                              const Options& options, base::ThreadPool& pool,
                                              base::Progress& progress);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_TESTED_BUNDLE_H_
