// upnext bench rank: milliseconds of a request that the ranker orders, features included.
#ifndef UPNEXT_CLI_BENCH_RANK_H_
#define UPNEXT_CLI_BENCH_RANK_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

std::function<Status()> MakeBenchRank(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_RANK_H_
