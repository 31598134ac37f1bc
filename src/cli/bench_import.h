// upnext bench import: speed and memory of an import on this machine, compared with DuckDB alone.
#ifndef UPNEXT_CLI_BENCH_IMPORT_H_
#define UPNEXT_CLI_BENCH_IMPORT_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

// Declares the options on `app` and returns the function to run after parsing.
std::function<Status()> MakeBenchImport(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_IMPORT_H_
