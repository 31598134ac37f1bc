// upnext bench serve: feeds over HTTP at the rates of interest.
#ifndef UPNEXT_CLI_BENCH_SERVE_H_
#define UPNEXT_CLI_BENCH_SERVE_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

std::function<Status()> MakeBenchServe(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_SERVE_H_
