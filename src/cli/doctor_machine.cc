#include <fmt/ranges.h>
#include <sys/resource.h>
#include <sys/timex.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "api/settings.h"
#include "base/clock.h"
#include "base/time_text.h"
#include "bundle/manifest.h"
#include "bundle/opened_bundle.h"
#include "cli/doctor.h"
#include "net/server_options.h"
#include "project/project.h"
#include "store/user_states.h"

namespace upnext::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kGiB = 1 << 30;

std::string GibibytesOf(uint64_t bytes) {
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / static_cast<double>(kGiB));
}

// The value of a line "KEY:  VALUE" of a file of /proc, "" without one.
std::string ProcLine(const char* file, std::string_view key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const size_t end = line.find_last_not_of(" \t", colon == 0 ? 0 : colon - 1);
    if (line.substr(0, end + 1) != key) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

Finding VectorUnitsFinding() {
  std::istringstream flags(ProcLine("/proc/cpuinfo", "flags"));
  std::vector<std::string> has;
  bool avx2 = false;
  for (std::string flag; flags >> flag;) {
    avx2 |= flag == "avx2";
    for (const char* const known : {"avx2", "avx512f", "avx512_bf16", "amx_bf16"}) {
      if (flag == known) has.push_back(flag);
    }
  }
  if (has.empty()) {
    return {Health::kOk, "vector units", "those that every processor of this kind has"};
  }
  const std::string list = fmt::format("{}", fmt::join(has, ", "));
  if (avx2) return {Health::kOk, "vector units", list};
  return {Health::kError, "vector units", list, "the program needs AVX2: another machine"};
}

// Of the current bundle.
uint64_t BundleBytes(const project::Project& project) {
  const Result<bundle::ServedVersions> served = project.Served();
  if (!served || served->bundle.empty()) return 0;
  const auto manifest = bundle::ReadManifest(project.bundles().Path(served->bundle));
  uint64_t bytes = 0;
  if (manifest) {
    for (const bundle::PartEntry& part : manifest->parts) bytes += part.bytes;
  }
  return bytes;
}

// While a new bundle is taken up there are two of them, and two caches of states.
Finding MemoryFinding(const project::Project& project) {
  const std::string available = ProcLine("/proc/meminfo", "MemAvailable");
  const uint64_t bytes = 1024 * std::strtoull(available.c_str(), nullptr, 10);
  const uint64_t needed = 2 * (BundleBytes(project) + store::UserStates::kCacheBytes);
  const std::string found =
      fmt::format("{} available; a server needs about {}", GibibytesOf(bytes), GibibytesOf(needed));
  if (bytes >= needed) return {Health::kOk, "memory", found};
  return {Health::kWarning, "memory", found, "more memory, or a smaller dim of the models"};
}

Finding DiskFinding(const project::Project& project) {
  fs::path folder = project.directory();
  std::error_code error;
  while (!fs::exists(folder, error) && folder.has_parent_path()) folder = folder.parent_path();
  const fs::space_info space = fs::space(folder.empty() ? "." : folder, error);
  if (error)
    return {Health::kError, "disk", folder.string() + ": " + error.message(), "look at it"};
  const std::string found =
      fmt::format("{} free at {}", GibibytesOf(space.available), folder.string());
  const bool few = space.available < kGiB || space.available < space.capacity / 20;
  if (!few) return {Health::kOk, "disk", found};
  return {Health::kWarning, "disk", found, "free some: an import stops below 1 GiB or 5 %"};
}

Finding OpenFilesFinding(const net::ServerOptions& options) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const uint64_t needed = options.max_connections + 1024;  // and files of the store and of logs
  const std::string found = limit.rlim_max == RLIM_INFINITY
                                ? std::string("no limit")
                                : fmt::format("at most {}", limit.rlim_max);
  if (limit.rlim_max >= needed) return {Health::kOk, "open files", found};
  return {Health::kWarning, "open files", found,
          fmt::format("ulimit -Hn, or LimitNOFILE of the service: {} for max_connections = {}",
                      needed, options.max_connections)};
}

Finding ClockFinding() {
  const int64_t now = base::SystemClock().NowMs();
  const std::string found = base::FormatTime(now);
  constexpr int64_t k2025Ms = 1'735'689'600'000;
  if (now < k2025Ms) return {Health::kError, "clock", found, "set the clock: events get its time"};
  timex state = {};
  const int synchronised = adjtimex(&state);
  if (synchronised != TIME_ERROR) return {Health::kOk, "clock", found + ", synchronised"};
  return {Health::kWarning, "clock", found + ", not synchronised by the system",
          "run NTP (systemd-timesyncd, chrony), unless the host does it"};
}

}  // namespace

std::vector<Finding> ExamineMachine(const api::Settings& settings) {
  const unsigned cores = std::thread::hardware_concurrency();
  return {cores >= 2 ? Finding{Health::kOk, "cores", fmt::format("{}", cores)}
                     : Finding{Health::kWarning, "cores", "1",
                               "two or more: steps of `upnext run` compete with requests"},
          VectorUnitsFinding(),
          MemoryFinding(settings.project),
          DiskFinding(settings.project),
          OpenFilesFinding(settings.server),
          ClockFinding()};
}

}  // namespace upnext::cli
