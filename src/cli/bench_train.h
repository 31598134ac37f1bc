// upnext bench train: examples per second of the candidate model or of the ranker, compared with the
// machine's peak rates.
#ifndef UPNEXT_CLI_BENCH_TRAIN_H_
#define UPNEXT_CLI_BENCH_TRAIN_H_

#include <CLI/CLI.hpp>
#include <functional>

#include "base/status.h"

namespace upnext::cli {

std::function<Status()> MakeBenchTrain(CLI::App& app);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_BENCH_TRAIN_H_
