// What a simulated world knows of the impressions of its log: for choosing a score by true value.
//
//   UPNEXT_ASSIGN_OR_RETURN(const evaluation::ImpressionTruth truth,
//                           TruthOf(world, log, scored, pool, progress));
//
// One at a time per pool. The result is a value.
#ifndef UPNEXT_STUDIES_PAGE_TRUTH_H_
#define UPNEXT_STUDIES_PAGE_TRUTH_H_

#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "evaluation/impressions.h"
#include "evaluation/page_values.h"
#include "log/event_log.h"
#include "simulator/world.h"

namespace upnext::studies {

// Simulates the days of the log again, which gives the same impressions with their probabilities.
// `log` was made by `upnext simulate` or SimulatedLog with this world and its own policy;
// kFailedPrecondition when an impression is not found among those of the world.
Result<evaluation::ImpressionTruth> TruthOf(const simulator::World& world, const log::EventLog& log,
                                            const evaluation::Impressions& impressions,
                                            base::ThreadPool& pool, base::Progress& progress);

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_PAGE_TRUTH_H_
