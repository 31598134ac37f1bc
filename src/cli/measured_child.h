// Runs work in a child process, to measure its time and its peak memory separately.
//
//   UPNEXT_ASSIGN_OR_RETURN(const Measured run, RunMeasured([] { return Work(); }));
//
// Call it while the process has one thread. `body` returns its result as JSON; an error of `body`
// is returned as the error of the call. On a stop request the child ends when `body` does.
#ifndef UPNEXT_CLI_MEASURED_CHILD_H_
#define UPNEXT_CLI_MEASURED_CHILD_H_

#include <functional>
#include <nlohmann/json.hpp>

#include "base/status.h"

namespace upnext::cli {

struct Measured {
  double seconds = 0, cpu_seconds = 0;  // wall clock; user + system of all its threads
  double peak_mb = 0;                   // highest resident size, in 2^20 bytes
  nlohmann::json found;                 // what `body` returned
};

Result<Measured> RunMeasured(const std::function<Result<nlohmann::json>()>& body);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_MEASURED_CHILD_H_
