// Which share of what a log holds has a row of its own in the vocabularies; the rest is out of
// vocabulary (CG-01).
//
//   progress.Note("covered by the vocabularies: " + CoverageOf(dataset.statistics()));
#ifndef UPNEXT_TRAINING_COVERAGE_H_
#define UPNEXT_TRAINING_COVERAGE_H_

#include <string>

#include "features/feature_statistics.h"

namespace upnext::training {

// "item 98.12 %, channel 100.00 %"; vocabularies without rows are left out.
std::string CoverageOf(const features::FeatureStatistics& statistics);

}  // namespace upnext::training

#endif  // UPNEXT_TRAINING_COVERAGE_H_
