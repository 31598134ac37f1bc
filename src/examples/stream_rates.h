// How fast examples are made from a log, and which part of the work takes the time: what
// `upnext bench replay` tells.
//
//   UPNEXT_ASSIGN_OR_RETURN(StreamRates rates, MeasureStreams(source, tables, pool, progress));
//
// One measurement at a time per pool.
#ifndef UPNEXT_EXAMPLES_STREAM_RATES_H_
#define UPNEXT_EXAMPLES_STREAM_RATES_H_

#include <cstdint>

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "examples/replay.h"
#include "features/feature_statistics.h"

namespace upnext::examples {

// One pass over the training part. `fold_s` is the replay alone: events read, states folded,
// examples found. `stream_s` is the stream that trainers read: the same, then features, mixing and
// batches. Seconds of wall clock, by all threads of the pool.
struct StreamRate {
  uint64_t examples = 0;
  double fold_s = 0, stream_s = 0;
  double per_second() const { return stream_s > 0 ? static_cast<double>(examples) / stream_s : 0; }
};
struct StreamRates {
  StreamRate candidates;   // complete watches with bags, at most `max_per_user` a user
  StreamRate impressions;  // with all user features; zeros when the log has none
};

// kFailedPrecondition when the training part gives no candidate example, kCancelled on request.
Result<StreamRates> MeasureStreams(const ReplaySource& source,
                                   const features::FeatureStatistics& tables, uint32_t max_per_user,
                                   base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_STREAM_RATES_H_
