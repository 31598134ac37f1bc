#include "net/attribution_metrics.h"

#include <fmt/format.h>

#include <string_view>

namespace upnext::net {
namespace {

// The value of a label in Prometheus' text format.
std::string LabelText(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

template <typename F>
void Counter(std::string& out, std::span<const serving::Attributed> rows, std::string_view name,
             std::string_view help, F&& value) {
  out += fmt::format("# HELP {0} {1}\n# TYPE {0} counter\n", name, help);
  for (const serving::Attributed& row : rows) {
    out += fmt::format("{}{{scenario=\"{}\",source=\"{}\"}} {}\n", name, LabelText(row.scenario),
                       LabelText(row.source), value(row));
  }
}

void Plain(std::string& out, std::string_view name, std::string_view help, uint64_t value) {
  out += fmt::format("# HELP {0} {1}\n# TYPE {0} counter\n{0} {2}\n", name, help, value);
}

}  // namespace

std::string AttributionMetrics(std::span<const serving::Attributed> rows,
                               const serving::SlateLogCounts& log) {
  std::string out;
  Counter(out, rows, "upnext_impressions_total",
          "Items of answers, by scenario and the generator that proposed them first.",
          [](const serving::Attributed& row) { return row.served; });
  Counter(out, rows, "upnext_clicks_total", "Clicks on items of answers that events name.",
          [](const serving::Attributed& row) { return row.clicks; });
  Counter(out, rows, "upnext_watch_seconds_total", "Watched seconds of items of answers, likewise.",
          [](const serving::Attributed& row) { return row.watch_seconds; });
  Plain(out, "upnext_slates_written_total", "Answers in the log of slates.", log.written);
  Plain(out, "upnext_slate_bytes_total", "Bytes of these.", log.bytes);
  Plain(out, "upnext_slates_lost_total",
        "Answers that are not in the log: too many waited, or the store could not be written.",
        log.lost);
  return out;
}

}  // namespace upnext::net
