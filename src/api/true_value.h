// What models are truly worth, where a simulated world made the log.
//
//   UPNEXT_ASSIGN_OR_RETURN(const studies::ValueReport value,
//                           TrueValue(settings, "world.toml", pool, progress));
//   json = WithTrueValue(report::RenderJson(evaluated.report), value);
#ifndef UPNEXT_API_TRUE_VALUE_H_
#define UPNEXT_API_TRUE_VALUE_H_

#include <string>

#include "api/settings.h"
#include "base/progress.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "studies/live_value.h"

namespace upnext::api {

// `world`: the file of the simulation that made the log. The feeds are those of the bundle as it was before it saw the
// test days. kFailedPrecondition when the log is not of this world.
Result<studies::ValueReport> TrueValue(const Settings& settings, const std::string& world,
                                       base::ThreadPool& pool, base::Progress& progress);
// The report, which is JSON, with `true_value`.
std::string WithTrueValue(const std::string& report, const studies::ValueReport& value);

}  // namespace upnext::api

#endif  // UPNEXT_API_TRUE_VALUE_H_
