#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/settings.h"
#include "bundle/opened_bundle.h"
#include "cli/doctor.h"
#include "net/http_client.h"
#include "project/project.h"

namespace upnext::cli {
namespace {

using DoctorJson = nlohmann::json;

constexpr int kDoctorTimeoutS = 5;

// A text of an answer, "" where it has none.
std::string TextIn(const DoctorJson& answer, const char* key) {
  const auto at = answer.find(key);
  return at != answer.end() && at->is_string() ? at->get<std::string>() : std::string();
}

Finding ReadyFinding(const api::Settings& settings, const DoctorJson& ready) {
  if (const std::string why = TextIn(ready, "not_taken_up"); !why.empty()) {
    return {Health::kError, "served", "the current versions are not taken up: " + why,
            "`upnext publish --previous`, or import or train again"};
  }
  const std::string bundle = TextIn(ready, "bundle_version"), log = TextIn(ready, "log_version");
  const std::string found = fmt::format("bundle {} with log {}", bundle, log);
  const auto wanted = settings.project.Served();
  if (wanted && (wanted->bundle != bundle || wanted->log != log)) {
    return {Health::kWarning, "served", found,
            fmt::format("this project has bundle {} with log {}: another project's server, or one "
                        "that is just taking it up",
                        wanted->bundle, wanted->log)};
  }
  if (const std::string why = TextIn(ready, "reason"); !why.empty()) {
    return {Health::kError, "served", found + "; events are refused: " + why,
            "free disk space, or look at the disk"};
  }
  return {Health::kOk, "served", found};
}

void StepFindings(const DoctorJson& status, std::vector<Finding>* findings) {
  const auto steps = status.find("steps");
  if (steps == status.end() || !steps->is_array()) return;
  for (const DoctorJson& step : *steps) {
    if (!step.is_object()) continue;
    const std::string what = "step " + TextIn(step, "name");
    const uint64_t failures = step.value("failures", uint64_t{0});
    if (failures == 0) {
      findings->push_back({Health::kOk, what, TextIn(step, "schedule")});
    } else {
      findings->push_back({Health::kError, what,
                           fmt::format("{}, {} in a row", TextIn(step, "outcome"), failures),
                           "its output is at /status and in the folder run/ of the project"});
    }
  }
}

}  // namespace

std::vector<Finding> ExamineServer(const api::Settings& settings, std::string_view url,
                                   std::string_view key, bool expected) {
  const auto client = net::HttpClient::Make(url, key, kDoctorTimeoutS);
  if (!client) return {{Health::kError, "server", client.error().message, "correct --server"}};
  const auto answer = (*client)->Get("/readyz");
  if (!answer) {
    if (!expected) return {};
    return {{Health::kError, "server", answer.error().message, "start it: `upnext serve`"}};
  }
  const DoctorJson ready = DoctorJson::parse(answer->body, nullptr, false);
  if (answer->status != 200 || !ready.is_object()) {
    return {{Health::kError, "server",
             fmt::format("{} answers /readyz with status {}", url, answer->status),
             "it is stopping, or it is no upnext"}};
  }
  std::vector<Finding> findings = {
      {Health::kOk, "server", fmt::format("{} is {}", url, TextIn(ready, "status"))}};
  findings.push_back(ReadyFinding(settings, ready));
  const auto status = (*client)->Get("/v1/status");
  if (status && status->status == 200) {
    if (const DoctorJson parsed = DoctorJson::parse(status->body, nullptr, false);
        parsed.is_object()) {
      StepFindings(parsed, &findings);
    }
  } else {
    findings.push_back({Health::kWarning, "steps", "not examined",
                        "give a key of the role monitor: --key, or UPNEXT_KEY"});
  }
  return findings;
}

}  // namespace upnext::cli
