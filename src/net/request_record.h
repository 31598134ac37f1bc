// What is noted of an answered request: its line of the request log (request_log.h) and its trace (trace_exporter.h).
// It has no name of a user, an item or a query, and no key but its id.
//
//   record.trace = TraceOf(request.traceparent);
//   std::string line = LogLine(record);
//
// Plain values and pure functions, but that TraceOf makes ids: any number of threads.
#ifndef UPNEXT_NET_REQUEST_RECORD_H_
#define UPNEXT_NET_REQUEST_RECORD_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/feed_report.h"

namespace upnext::net {

// Of W3C Trace Context: ids in lower-case hexadecimal digits.
struct Trace {
  std::string id;                    // 32 digits, not all 0
  std::string span;                  // 16 digits, of the answer
  std::string parent = {};           // of the caller, "" without one
  std::optional<bool> sampled = {};  // what the caller wants; none: he did not say
};
// That of the caller continued, else a new one: a header that is not well-formed counts as none.
Trace TraceOf(std::string_view traceparent);
// 16 digits that were not used before.
std::string NewSpan();

struct RequestRecord {
  int64_t begin_us = 0;  // since 1970
  double ms = 0;         // until the answer was made
  std::string_view route;
  std::string method;
  unsigned status = 0;
  std::string key = {};  // its id; "" for none
  Trace trace = {};
  std::vector<FeedReport> feeds = {};
};

// One line of JSON in ASCII, with its end.
std::string LogLine(const RequestRecord& record);

}  // namespace upnext::net

#endif  // UPNEXT_NET_REQUEST_RECORD_H_
