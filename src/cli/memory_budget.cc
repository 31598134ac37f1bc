#include "cli/memory_budget.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/size_text.h"

namespace upnext::cli {
namespace {

constexpr uint64_t kMemoryMiB = 1 << 20;
constexpr uint64_t kOfProcess = 64 * kMemoryMiB;  // code, threads, what requests compute with
// RocksDB's cache of blocks and its write buffers (store/rocks_db.cc), which are the same for every site.
constexpr uint64_t kOfStore = 128 * kMemoryMiB;
constexpr uint64_t kLeastRest = 64 * kMemoryMiB;
constexpr uint64_t kBytesOfName = 100;  // with its places in two hash tables

}  // namespace

Result<MemoryBudget> DivideMemory(const MemoryNeeds& needs) {
  const uint64_t rest_needed = std::max(kLeastRest, 10 * needs.one_body);
  const uint64_t fixed = 2 * needs.bundle_bytes + kOfProcess + kOfStore;
  if (needs.total < fixed + rest_needed) {
    return InvalidArgument(
        "memory: expected at least {}, found {}: twice {} for the bundle that is served and the next "
        "one, {} for the store, {} for the process, and {} for states, bodies and all else",
        base::SizeText(fixed + rest_needed), base::SizeText(needs.total),
        base::SizeText(needs.bundle_bytes), base::SizeText(kOfStore), base::SizeText(kOfProcess),
        base::SizeText(rest_needed));
  }
  // In hundredths: states 45 (two caches at a change of the log), records 20, names 10, slates 5, bodies 10, answers 10.
  const uint64_t rest = needs.total - fixed;
  return MemoryBudget{.states = rest / 200 * 45,
                      .records = rest / 100 * 20,
                      .names = rest / 100 * 10 / kBytesOfName,
                      .slates = rest / 100 * 5,
                      .bodies = rest / 10};
}

Status ApplyMemory(uint64_t bundle_bytes, net::ServerOptions* server,
                   serving::GenerationOptions* generation) {
  if (server->memory_bytes == 0) return Ok();
  UPNEXT_ASSIGN_OR_RETURN(const MemoryBudget budget,
                          DivideMemory({.total = server->memory_bytes,
                                        .bundle_bytes = bundle_bytes,
                                        .one_body = server->max_body_bytes}));
  generation->state_cache_bytes = budget.states;
  generation->records_bytes = budget.records;
  generation->slate_memory_bytes = budget.slates;
  generation->max_new_names = std::min(generation->max_new_names, budget.names);
  server->max_bodies_bytes = budget.bodies;
  return Ok();
}

void LimitArenas() {
  if (std::getenv("MALLOC_ARENA_MAX") != nullptr) return;  // whoever starts the server knows better
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
}

uint64_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace upnext::cli
