// upnext bench events: events per second that a server takes, and what they do to its feeds.
#ifndef UPNEXT_CLI_BENCH_EVENTS_H_
#define UPNEXT_CLI_BENCH_EVENTS_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

std::function<Status()> MakeBenchEvents(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_EVENTS_H_
