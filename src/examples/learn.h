// Learns the feature statistics from the training part of a log: vocabularies and item statistics
// in one scan, quantiles in one replay of a sample of impressions.
#ifndef UPNEXT_EXAMPLES_LEARN_H_
#define UPNEXT_EXAMPLES_LEARN_H_

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/tables.h"

namespace upnext::examples {

Result<features::FeatureTables> LearnFeatures(const ReplaySource& source,
                                              const features::FeatureSpec& spec,
                                              base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_LEARN_H_
