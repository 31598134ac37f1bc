// upnext bench index: queries per second of the retrieval index on the vectors of a trained model.
#ifndef UPNEXT_CLI_BENCH_INDEX_H_
#define UPNEXT_CLI_BENCH_INDEX_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

std::function<Status()> MakeBenchIndex(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_INDEX_H_
