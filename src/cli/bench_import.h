// upnext bench import: how fast and how lean this machine imports, beside DuckDB alone.
#ifndef UPNEXT_CLI_BENCH_IMPORT_H_
#define UPNEXT_CLI_BENCH_IMPORT_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

// Declares its options on `app` and returns what runs after parsing.
std::function<Status()> MakeBenchImport(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_IMPORT_H_
