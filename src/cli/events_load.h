// Load on a server over HTTP: writers that post batches of events one after the other, and readers
// that ask for feeds at a fixed rate. Reports what was answered, and how long it took.
//
//   const LoadNames names = NamesOf(log);
//   UPNEXT_ASSIGN_OR_RETURN(const LoadReport report, RunLoad(url, names, {.writers = 2}));
//
// Starts threads of its own and returns when all have ended.
#ifndef UPNEXT_CLI_EVENTS_LOAD_H_
#define UPNEXT_CLI_EVENTS_LOAD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "log/event_log.h"

namespace upnext::cli {

struct LoadNames {
  std::vector<std::string> users, items;
};
LoadNames NamesOf(const log::EventLog& log);

struct LoadOptions {
  int writers = 0, readers = 0;  // connections
  uint32_t batch = 500;          // events of a POST
  double feeds_per_s = 40;       // of all readers together; 0: each asks when it has its answer
  uint32_t n = 20;               // items of a feed
  double seconds = 5;
  uint64_t seed = 1;  // of ids too: runs against one store need different ones
};

// Milliseconds.
struct Latency {
  double p50 = 0, p99 = 0, p999 = 0;
};

struct LoadReport {
  uint64_t events = 0, posts = 0, feeds = 0;
  double seconds = 0, client_cpu_s = 0;
  Latency post, feed;  // of a feed: from the time at which it was due
};

// kUnavailable when a request fails or is refused.
Result<LoadReport> RunLoad(std::string_view url, const LoadNames& names,
                           const LoadOptions& options);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_EVENTS_LOAD_H_
