// What a person wants to know about a site at a glance: versions, steps, sizes, counts; as JSON and
// as one page without scripts.
//
//   api.SetStatusSource({.steps = [&] { return steps.status(); }, .sizes = ...});
//   StatusJson(status)      GET /v1/status             StatusPage(status)      GET /status
//
// Values and pure functions.
#ifndef UPNEXT_NET_STATUS_PAGE_H_
#define UPNEXT_NET_STATUS_PAGE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "serving/service.h"

namespace upnext::net {

// What runs on a schedule beside the server.
struct StepStatus {
  std::string name, schedule;  // "train", "at 04:00"
  bool running = false;
  int64_t last_start_ms = 0, last_end_ms = 0;  // 0: not yet
  std::string outcome = {};                    // of the last run: "ok", "exit code 1"; "" before it
  uint64_t failures = 0;                       // without a success in between
  int64_t next_ms = 0;                         // 0: no time is known
  std::string note = {};                       // e.g. what it waits for
  std::vector<std::string> output = {};        // the last lines
};

struct StatusSource {
  std::function<std::vector<std::pair<std::string, uint64_t>>()> memory = [] {
    return std::vector<std::pair<std::string, uint64_t>>();
  };  // by what it is for, the whole process first
  std::function<std::vector<StepStatus>()> steps = [] { return std::vector<StepStatus>(); };
  // Bytes on disk by what they are for, and what is free; may look at every file.
  std::function<std::vector<std::pair<std::string, uint64_t>>()> bytes = [] {
    return std::vector<std::pair<std::string, uint64_t>>();
  };
};

// Bytes of memory by what they are for.
using MemoryParts = std::vector<std::pair<std::string, uint64_t>>;

struct SiteStatus {
  serving::ServiceStatus service;
  uint64_t requests = 0, failed_requests = 0;  // answered since the start; with a status from 500
  int64_t now_ms = 0, started_ms = 0;
  std::vector<StepStatus> steps;
  std::vector<std::pair<std::string, uint64_t>> bytes;
  MemoryParts memory = {};
};

std::string StatusJson(const SiteStatus& status);
std::string StatusPage(const SiteStatus& status);
// Prometheus lines about the steps.
std::string StepMetrics(const std::vector<StepStatus>& steps);
// And about memory.
std::string MemoryMetrics(const MemoryParts& parts);

}  // namespace upnext::net

#endif  // UPNEXT_NET_STATUS_PAGE_H_
