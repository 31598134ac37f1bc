// upnext bench simulate: events and slates per second of the simulated world on this machine.
#ifndef UPNEXT_CLI_BENCH_SIMULATE_H_
#define UPNEXT_CLI_BENCH_SIMULATE_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

// Declares the options on `app` and returns the function to run after parsing.
std::function<Status()> MakeBenchSimulate(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_SIMULATE_H_
