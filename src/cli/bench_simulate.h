// upnext bench simulate: how many events and slates a second the simulated world makes here.
#ifndef UPNEXT_CLI_BENCH_SIMULATE_H_
#define UPNEXT_CLI_BENCH_SIMULATE_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

// Declares its options on `app` and returns what runs after parsing.
std::function<Status()> MakeBenchSimulate(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_SIMULATE_H_
