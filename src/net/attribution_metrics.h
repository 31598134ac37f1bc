// Prometheus lines about what was served, and what it led to.
//
//   text += AttributionMetrics(service.attribution(), service.status().slates);
#ifndef UPNEXT_NET_ATTRIBUTION_METRICS_H_
#define UPNEXT_NET_ATTRIBUTION_METRICS_H_

#include <span>
#include <string>

#include "serving/attribution.h"
#include "serving/slate_log.h"

namespace upnext::net {

std::string AttributionMetrics(std::span<const serving::Attributed> rows,
                               const serving::SlateLogCounts& log);

}  // namespace upnext::net

#endif  // UPNEXT_NET_ATTRIBUTION_METRICS_H_
