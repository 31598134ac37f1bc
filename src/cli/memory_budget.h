// One amount of memory for a server, divided over what takes memory.
//
//   UPNEXT_ASSIGN_OR_RETURN(const MemoryBudget budget, DivideMemory(needs));
//
// Functions without state.
#ifndef UPNEXT_CLI_MEMORY_BUDGET_H_
#define UPNEXT_CLI_MEMORY_BUDGET_H_

#include <cstdint>

#include "base/status.h"
#include "net/server_options.h"
#include "serving/generation.h"

namespace upnext::cli {

struct MemoryNeeds {
  uint64_t total = 0;         // the budget
  uint64_t bundle_bytes = 0;  // of the files of the current bundle
  uint64_t one_body = 0;      // the largest body of a request
};

// In bytes. What is twice there for a moment, while a new bundle and log are taken up, counts twice.
struct MemoryBudget {
  uint64_t states = 0;   // of one cache of user states
  uint64_t records = 0;  // of posted items and users
  uint64_t names = 0;    // that are added to the log's: a number of names
  uint64_t slates = 0;   // that were served
  uint64_t bodies = 0;   // of requests, and as much for answers
};

// kInvalidArgument, with the numbers, when the budget is less than what is needed.
Result<MemoryBudget> DivideMemory(const MemoryNeeds& needs);

// Applies [server] memory, if it is set; `bundle_bytes` as above.
Status ApplyMemory(uint64_t bundle_bytes, net::ServerOptions* server,
                   serving::GenerationOptions* generation);

// One heap of the allocator for each core instead of eight: what one thread frees then serves the others, and the process
// takes little more than what is counted (docs/results/serving.md). Before threads are started; MALLOC_ARENA_MAX overrides it.
void LimitArenas();

// The resident memory of this process by /proc.
uint64_t ResidentBytes();

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_MEMORY_BUDGET_H_
