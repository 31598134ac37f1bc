// upnext bench replay: examples per second made from a log, and where the time is spent.
#ifndef UPNEXT_CLI_BENCH_REPLAY_H_
#define UPNEXT_CLI_BENCH_REPLAY_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

std::function<Status()> MakeBenchReplay(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_REPLAY_H_
