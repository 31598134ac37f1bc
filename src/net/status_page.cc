#include "net/status_page.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/numbers.h"
#include "base/time_text.h"

namespace upnext::net {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kStatusHead = R"(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="15">
<meta name="viewport" content="width=device-width"><title>upnext</title><style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 62em; padding: 0 1em; color: #222 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .3em .8em .3em 0; border-bottom: 1px solid #ddd; vertical-align: top }
pre { background: #f4f4f4; padding: .6em; overflow-x: auto; white-space: pre-wrap } .bad { color: #b00020; font-weight: 600 } .soft { color: #666 }
</style></head><body>
<h1>upnext</h1>
)";

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// "2026-05-01 04:00:12", "-" for 0.
std::string TimeCell(int64_t ms) {
  if (ms == 0) return "-";
  std::string text = base::FormatTime(ms).substr(0, 19);
  if (text.size() > 10) text[10] = ' ';
  return text;
}

std::string DurationCell(const StepStatus& step, int64_t now_ms) {
  if (step.last_start_ms == 0) return "-";
  const int64_t end = step.running ? now_ms : step.last_end_ms;
  return fmt::format("{:.0f} s", static_cast<double>(end - step.last_start_ms) / 1000);
}

std::string SizeCell(uint64_t bytes) {
  if (bytes >= 1u << 30) return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1u << 30));
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1u << 20));
}

void AddStepRow(const StepStatus& step, int64_t now_ms, std::string& out) {
  const bool bad = step.failures > 0;
  std::string state = step.running           ? "running"
                      : step.outcome.empty() ? "not run yet"
                                             : Escaped(step.outcome);
  if (bad) state += fmt::format(", {} in a row", step.failures);
  if (!step.note.empty()) state += "; " + Escaped(step.note);
  out += fmt::format(
      "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td{}>{}</td><td>{}</td></tr>\n",
      Escaped(step.name), Escaped(step.schedule), TimeCell(step.last_start_ms),
      DurationCell(step, now_ms), bad ? " class=\"bad\"" : "", state, TimeCell(step.next_ms));
}

std::string StepsSection(const SiteStatus& status) {
  if (status.steps.empty()) return "";
  std::string out =
      "<h2>Steps</h2>\n<table><tr><th>step</th><th>schedule</th><th>last start</th><th>took</th>"
      "<th>outcome</th><th>next</th></tr>\n";
  for (const StepStatus& step : status.steps) AddStepRow(step, status.now_ms, out);
  out += "</table>\n";
  for (const StepStatus& step : status.steps) {
    if (step.output.empty()) continue;
    out += fmt::format("<h3>Output of {}</h3>\n<pre>", Escaped(step.name));
    for (const std::string& line : step.output) out += Escaped(line) + "\n";
    out += "</pre>\n";
  }
  return out;
}

}  // namespace

std::string StatusPage(const SiteStatus& status) {
  const serving::ServiceStatus& service = status.service;
  std::string out(kStatusHead);
  out += fmt::format(
      "<p>Serving bundle <b>{}</b> with log <b>{}</b> since {} (all times are UTC). Now: {}.</p>\n",
      Escaped(service.bundle_version), Escaped(service.log_version),
      TimeCell(service.take_ups.since_ms), TimeCell(status.now_ms));
  if (!service.take_ups.failure.empty()) {
    out += fmt::format("<p class=\"bad\">The current versions are not taken up: {}</p>\n",
                       Escaped(service.take_ups.failure));
  }
  if (!service.take_ups.note.empty()) {
    out += fmt::format("<p>{}</p>\n", Escaped(service.take_ups.note));
  }
  out += StepsSection(status);
  out += fmt::format("<h2>Since the start, {}</h2>\n<table>\n", TimeCell(status.started_ms));
  const auto row = [&](std::string_view what, const std::string& value) {
    out += fmt::format("<tr><td>{}</td><td>{}</td></tr>\n", Escaped(what), value);
  };
  row("requests answered", base::WithThousands(status.requests));
  row("of them failed (5xx)", base::WithThousands(status.failed_requests));
  row("events taken", base::WithThousands(service.events_applied));
  row("events that were known", base::WithThousands(service.duplicates));
  row("versions taken up", base::WithThousands(service.take_ups.done));
  row("items known", base::WithThousands(service.items));
  row("users known", base::WithThousands(service.users));
  out += "</table>\n";
  if (!status.memory.empty()) {
    out += "<h2>In memory</h2>\n<table>\n";
    for (const auto& [what, bytes] : status.memory) row(what, SizeCell(bytes));
    out += "</table>\n";
  }
  if (!status.bytes.empty()) {
    out += "<h2>On disk</h2>\n<table>\n";
    for (const auto& [what, bytes] : status.bytes) row(what, SizeCell(bytes));
    out += "</table>\n";
  }
  return out +
         "<p class=\"soft\">The same as JSON: <a href=\"/v1/status\">/v1/status</a>. For "
         "alarms: <a href=\"/metrics\">/metrics</a>.</p>\n</body></html>\n";
}

std::string StatusJson(const SiteStatus& status) {
  const serving::ServiceStatus& service = status.service;
  const auto time = [](int64_t ms) { return ms == 0 ? Json() : Json(base::FormatTime(ms)); };
  Json out = {{"now", time(status.now_ms)},
              {"started", time(status.started_ms)},
              {"bundle_version", service.bundle_version},
              {"log_version", service.log_version},
              {"since", time(service.take_ups.since_ms)},
              {"take_ups", service.take_ups.done},
              {"failed_take_ups", service.take_ups.failed},
              {"not_taken_up", service.take_ups.failure},
              {"note", service.take_ups.note},
              {"requests", status.requests},
              {"failed_requests", status.failed_requests},
              {"events", service.events_applied},
              {"duplicates", service.duplicates},
              {"items", service.items},
              {"users", service.users},
              {"steps", Json::array()},
              {"bytes", Json::object()}};
  for (const StepStatus& step : status.steps) {
    const bool ended = step.last_end_ms >= step.last_start_ms && step.last_start_ms > 0;
    out["steps"].push_back(
        {{"name", step.name},
         {"schedule", step.schedule},
         {"running", step.running},
         {"last_start", time(step.last_start_ms)},
         {"last_end", time(step.last_end_ms)},
         {"seconds",
          ended ? Json(static_cast<double>(step.last_end_ms - step.last_start_ms) / 1000) : Json()},
         {"outcome", step.outcome},
         {"failures", step.failures},
         {"next", time(step.next_ms)},
         {"note", step.note},
         {"output", step.output}});
  }
  for (const auto& [what, bytes] : status.bytes) out["bytes"][what] = bytes;
  out["memory"] = Json::object();
  for (const auto& [what, bytes] : status.memory) out["memory"][what] = bytes;
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string MemoryMetrics(const MemoryParts& parts) {
  if (parts.empty()) return "";
  std::string out =
      "# HELP upnext_memory_bytes Memory by what it is for; process: all that is resident.\n"
      "# TYPE upnext_memory_bytes gauge\n";
  for (const auto& [what, bytes] : parts) {
    out += fmt::format("upnext_memory_bytes{{part=\"{}\"}} {}\n", what, bytes);
  }
  return out;
}

std::string StepMetrics(const std::vector<StepStatus>& steps) {
  if (steps.empty()) return "";
  const auto family = [&](std::string_view name, std::string_view help, const auto& value) {
    std::string out = fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n", name, help);
    for (const StepStatus& step : steps) {
      out += fmt::format("{}{{step=\"{}\"}} {}\n", name, step.name, value(step));
    }
    return out;
  };
  return family("upnext_step_failures", "Failures of the step without a success in between.",
                [](const StepStatus& step) { return step.failures; }) +
         family("upnext_step_last_end_seconds",
                "When the step last ended, in seconds since 1970; 0: not yet.",
                [](const StepStatus& step) { return step.last_end_ms / 1000; }) +
         family("upnext_step_running", "1 while the step runs.",
                [](const StepStatus& step) { return step.running ? 1 : 0; });
}

}  // namespace upnext::net
