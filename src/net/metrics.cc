#include "net/metrics.h"

#include <fmt/format.h>

#include <algorithm>

namespace upnext::net {
namespace {

// In the order of Refusal.
constexpr std::array<const char*, kRefusals> kRefusalNames = {
    "malformed",   "headers", "body", "framing", "bodies", "answers",
    "connections", "waiting", "host", "key",     "role",   "rate"};

void Line(std::string& out, std::string_view name, std::string_view kind, std::string_view help,
          uint64_t value) {
  out += fmt::format("# HELP {0} {2}\n# TYPE {0} {1}\n{0} {3}\n", name, kind, help, value);
}

}  // namespace

void Metrics::Observe(Route route, unsigned status, double seconds) {
  Histogram& h = routes_[static_cast<size_t>(route)];
  const auto bucket =
      static_cast<size_t>(std::ranges::lower_bound(kBounds, seconds) - kBounds.begin());
  h.buckets[bucket].fetch_add(1, std::memory_order_relaxed);
  h.sum_us.fetch_add(static_cast<uint64_t>(seconds * 1e6), std::memory_order_relaxed);
  h.by_class[std::min(status / 100, 5u)].fetch_add(1, std::memory_order_relaxed);
}

void Metrics::Refused(Refusal why) {
  refused_[static_cast<size_t>(why)].fetch_add(1, std::memory_order_relaxed);
}

uint64_t Metrics::Answered(size_t from_class) const {
  uint64_t sum = 0;
  for (const Histogram& route : routes_) {
    for (size_t c = from_class; c < route.by_class.size(); ++c) {
      sum += route.by_class[c].load(std::memory_order_relaxed);
    }
  }
  return sum;
}

std::string Metrics::Render(const serving::ServiceStatus& status,
                            const Transport& transport) const {
  std::string out =
      "# HELP upnext_http_requests_total Answered requests by route and class of status.\n"
      "# TYPE upnext_http_requests_total counter\n";
  for (size_t r = 0; r < kRoutes; ++r) {
    for (size_t c = 1; c < routes_[r].by_class.size(); ++c) {
      const uint64_t n = routes_[r].by_class[c].load(std::memory_order_relaxed);
      if (n == 0) continue;
      out += fmt::format("upnext_http_requests_total{{route=\"{}\",status=\"{}xx\"}} {}\n",
                         NameOf(static_cast<Route>(r)), c, n);
    }
  }
  out +=
      "# HELP upnext_http_request_seconds Time to answer, without reading and writing the socket.\n"
      "# TYPE upnext_http_request_seconds histogram\n";
  for (size_t r = 0; r < kRoutes; ++r) {
    uint64_t total = 0;
    std::string lines;
    for (size_t b = 0; b < routes_[r].buckets.size(); ++b) {
      total += routes_[r].buckets[b].load(std::memory_order_relaxed);
      const std::string bound = b < kBounds.size() ? fmt::format("{}", kBounds[b]) : "+Inf";
      lines += fmt::format("upnext_http_request_seconds_bucket{{route=\"{}\",le=\"{}\"}} {}\n",
                           NameOf(static_cast<Route>(r)), bound, total);
    }
    if (total == 0) continue;
    out += lines;
    out += fmt::format(
        "upnext_http_request_seconds_sum{{route=\"{0}\"}} {1}\n"
        "upnext_http_request_seconds_count{{route=\"{0}\"}} {2}\n",
        NameOf(static_cast<Route>(r)),
        static_cast<double>(routes_[r].sum_us.load(std::memory_order_relaxed)) / 1e6, total);
  }
  out +=
      "# HELP upnext_http_refused_total Requests and connections refused before their route.\n"
      "# TYPE upnext_http_refused_total counter\n";
  for (size_t r = 0; r < kRefusals; ++r) {
    out += fmt::format("upnext_http_refused_total{{reason=\"{}\"}} {}\n", kRefusalNames[r],
                       refused_[r].load(std::memory_order_relaxed));
  }
  Line(out, "upnext_http_connections", "gauge", "Open connections.", transport.connections);
  Line(out, "upnext_http_body_bytes", "gauge", "Bytes of request bodies in flight.",
       transport.body_bytes);
  Line(out, "upnext_http_answer_bytes", "gauge", "Bytes of answers that clients have not read.",
       transport.answer_bytes);
  Line(out, "upnext_events_applied_total", "counter", "Events taken.", status.events_applied);
  Line(out, "upnext_events_duplicate_total", "counter",
       "Events left out because their id was seen.", status.duplicates);
  Line(
      out, "upnext_store_writable", "gauge",
      "1 while events can be stored, 0 until the store has been opened again after a failed write.",
      status.store.writable ? 1 : 0);
  Line(out, "upnext_store_write_failures_total", "counter",
       "Failed writes of the store, attempts to open it again included.", status.store.failures);
  Line(out, "upnext_names_refused_total", "counter",
       "New names of events that got no id because their client or all had too many.",
       status.names_refused);
  Line(out, "upnext_catalogue_items", "gauge", "Items known, of the log and of posted events.",
       status.items);
  out += fmt::format(
      "# HELP upnext_bundle_info The bundle being served.\n# TYPE upnext_bundle_info gauge\n"
      "upnext_bundle_info{{version=\"{}\",log=\"{}\"}} 1\n",
      status.bundle_version, status.log_version);
  const serving::TakeUps& take_ups = status.take_ups;
  Line(out, "upnext_take_ups_total", "counter",
       "Times that a new bundle or log was taken up since the start.", take_ups.done);
  Line(out, "upnext_take_up_failures_total", "counter",
       "Times that a new bundle or log could not be taken up.", take_ups.failed);
  Line(
      out, "upnext_take_up_failing", "gauge",
      "1: the current bundle and log could not be taken up, older ones are served; /readyz says why.",
      take_ups.failure.empty() ? 0 : 1);
  Line(out, "upnext_served_since_seconds", "gauge",
       "When the bundle and log being served were taken up, in seconds since 1970.",
       static_cast<uint64_t>(take_ups.since_ms / 1000));
  out += feeds_.Render();
  return out;
}

}  // namespace upnext::net
