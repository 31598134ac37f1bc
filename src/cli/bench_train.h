// upnext bench train: examples a second of the candidate model, and the share of what the machine
// could do.
#ifndef UPNEXT_CLI_BENCH_TRAIN_H_
#define UPNEXT_CLI_BENCH_TRAIN_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

std::function<Status()> MakeBenchTrain(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_TRAIN_H_
