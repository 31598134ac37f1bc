#include "base/machine.h"

#include <fmt/format.h>

#include <fstream>

namespace upnext::base {
namespace {

// As the system names it; systems that do not (most Arm ones) give "unknown processor".
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

std::string MachineName(int threads, std::string_view precision) {
  return fmt::format("{}, {} thread{}, {}", Processor(), threads, threads == 1 ? "" : "s",
                     precision);
}

}  // namespace upnext::base
