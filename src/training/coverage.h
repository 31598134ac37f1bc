// What of a log the models can learn from: which share of its ids has a row of its own in the
// vocabularies, the rest being out of vocabulary (CG-01), and which declared attributes it never has.
//
//   progress.Note("covered by the vocabularies: " + CoverageOf(dataset.statistics()));
//
// Functions of their arguments: any thread.
#ifndef UPNEXT_TRAINING_COVERAGE_H_
#define UPNEXT_TRAINING_COVERAGE_H_

#include <string>

#include "features/feature_statistics.h"
#include "log/event_log.h"

namespace upnext::training {

// "item 98.12 %, channel 100.00 %"; vocabularies without rows are left out.
std::string CoverageOf(const features::FeatureStatistics& statistics);

// Names the declared attributes of requests that no event of the log has, and what to do; "" when
// every one is in some event.
std::string WhichRequestAttributesAreAbsent(const log::EventLog& log);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_COVERAGE_H_
