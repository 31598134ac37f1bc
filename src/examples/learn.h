// Learns the feature statistics from the training part of a log: vocabularies and item statistics
// in one scan, quantiles in one replay of a sample of impressions (paper 1.6, 2.2, 2.3).
//
//   UPNEXT_ASSIGN_OR_RETURN(features::FeatureStatistics tables,
//                           LearnFeatures(source, spec, pool, progress));
//
// Vocabularies count, in training rows alone:
//   item           complete watches (the positive rule)
//   ranked_item    clicked impressions (RK-04, paper 4.1). A log whose training part has none (it
//                  holds no impressions, or no clicks) counts complete watches instead, so that
//                  such logs rank too
//   token          uses of a query
//   others         what the plan's features read of the event, its item and its user: an event
//                  without a region counts for the user's, as in extraction
//
// The result does not depend on the number of threads.
#ifndef UPNEXT_EXAMPLES_LEARN_H_
#define UPNEXT_EXAMPLES_LEARN_H_

#include <memory>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"

namespace upnext::examples {

// Quantiles come from about this many training impressions, those of the candidate model from as
// many complete watches, or from all when there are fewer.
inline constexpr uint64_t kQuantileSample = 200'000;

// Grown from `old` (TR-02), rows and quantiles stay as they are, so that models that were trained with
// `old` can continue; ids that are new get rows after them while the limits of `spec` allow. Counts
// and the span of time are those of `source`, whose log has the ids of the old one.
//
// `reference`: of features that read one (features/retrieval_reference.h), for their quantiles; those
// that grow from `old` keep its reference.
//
// kFailedPrecondition when the training part is empty and when `old` is of other features, kCancelled
// when progress says so.
Result<features::FeatureStatistics> LearnFeatures(
    const ReplaySource& source, const features::FeatureSpec& spec, base::ThreadPool& pool,
    base::Progress& progress, const features::FeatureStatistics* old = nullptr,
    std::shared_ptr<const features::RetrievalReference> reference = nullptr);

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_LEARN_H_
