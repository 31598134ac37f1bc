// What `upnext doctor` finds: one line for each thing that a server needs.
//
//   std::vector<Finding> findings = ExamineMachine(*settings);
//
// Functions that read and change nothing. One thread.
#ifndef UPNEXT_CLI_DOCTOR_H_
#define UPNEXT_CLI_DOCTOR_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/settings.h"

namespace upnext::cli {

enum class Health : uint8_t { kOk, kWarning, kError };
std::string_view HealthWord(Health health);  // "ok", "warning", "error"

struct Finding {
  Health health;
  std::string what;       // "open files"
  std::string found;      // "1024"
  std::string todo = {};  // what to do, "" when it is ok
};

// A line on stdout for each, or JSON.
void PrintFindings(const std::vector<Finding>& findings, bool as_json);

// Cores, vector units, memory, disk, open files, clock.
std::vector<Finding> ExamineMachine(const api::Settings& settings);
// Log, bundle, index, versions, store, keys, TLS. Opens and verifies all files; makes none.
std::vector<Finding> ExamineProject(const api::Settings& settings);
// A server that answers at `url`; nothing when none does and `expected` is false.
std::vector<Finding> ExamineServer(const api::Settings& settings, std::string_view url,
                                   std::string_view key, bool expected);

}  // namespace upnext::cli

#endif  // UPNEXT_CLI_DOCTOR_H_
