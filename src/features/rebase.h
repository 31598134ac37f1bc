// Feature statistics under the ids of another log: the same rows and counts, found by name. So a
// model reads a log that was imported anew, in which names have other numbers.
//
//   UPNEXT_ASSIGN_OR_RETURN(FeatureStatistics here, Rebase(statistics, learned_on, log));
//   FeatureExtractor extractor(here, catalogue, Model::kRanking);              of `log`
//
// What only the old log has is in no feature; what only the new one has is out of vocabulary, as
// when serving. A function of its arguments: any number of threads.
#ifndef UPNEXT_FEATURES_REBASE_H_
#define UPNEXT_FEATURES_REBASE_H_

#include "base/status.h"
#include "features/feature_statistics.h"
#include "log/event_log.h"

namespace upnext::features {

// kFailedPrecondition when the schemas differ, and when a feature hashes ids: such numbers have no
// names. The result has the digest of `now`; it is for reading features and is not saved.
Result<FeatureStatistics> Rebase(FeatureStatistics statistics, const log::EventLog& learned_on,
                                 const log::EventLog& now);

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_REBASE_H_
