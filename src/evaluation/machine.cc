#include "evaluation/machine.h"

#include <fmt/format.h>

#include <fstream>
#include <string_view>

#include "retrieval/score_items.h"

namespace upnext::evaluation {
namespace {

// The name that the system reports; "unknown processor" if it reports none (most Arm systems).
std::string Processor() {
  std::ifstream file("/proc/cpuinfo");
  constexpr std::string_view kKey = "model name";
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kKey)) continue;
    const size_t colon = line.find(':');
    const size_t name = colon == std::string::npos ? colon : line.find_first_not_of(' ', colon + 1);
    if (name != std::string::npos) return line.substr(name);
  }
  return "unknown processor";
}

}  // namespace

std::string Machine(const base::ThreadPool& pool) {
  return fmt::format("{}, {} thread{}, {}", Processor(), pool.threads(),
                     pool.threads() == 1 ? "" : "s", retrieval::FastestPrecision());
}

}  // namespace upnext::evaluation
