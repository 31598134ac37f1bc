#include "net/server_options.h"

#include <fmt/format.h>

#include "base/size_text.h"
#include "net/cross_origin.h"

namespace upnext::net {

ServerOptions ServerOptions::FromConfig(const base::Config& config) {
  const base::ConfigTable server = config.Table("server");
  ServerOptions options;
  const auto count = [&](const char* key, auto fallback, int64_t min, int64_t max) {
    return static_cast<decltype(fallback)>(
        server.Int(key, static_cast<int64_t>(fallback), {.min = min, .max = max}));
  };
  options.hosts = server.Texts("hosts", {});
  options.allow_origins = server.Texts("allow_origins", {});
  for (const std::string& origin : options.allow_origins) {
    if (IsOriginRule(origin)) continue;
    server.Fail("allow_origins",
                fmt::format("expected what browsers send as Origin, as \"https://shop.example\" "
                            "(lower case, nothing after the host and port), or \"*\", found '{}'",
                            origin));
  }
  options.certificate = server.Text("certificate", "");
  options.private_key = server.Text("private_key", "");
  if (options.certificate.empty() != options.private_key.empty()) {
    server.Fail(options.certificate.empty() ? "private_key" : "certificate",
                "expected certificate and private_key together: files in PEM");
  }
  options.keys = server.Bool("keys", options.keys);
  options.requests_per_second =
      count("requests_per_second", options.requests_per_second, 0, 1'000'000);
  options.page_requests_per_second =
      count("page_requests_per_second", options.page_requests_per_second, 0, 1'000'000);
  options.max_connections = count("max_connections", options.max_connections, 1, 1'000'000);
  constexpr uint64_t kMiB = 1 << 20;
  options.max_body_bytes = kMiB * count("max_body_mib", options.max_body_bytes / kMiB, 1, 1024);
  options.max_bodies_bytes =
      kMiB * count("max_bodies_mib", options.max_bodies_bytes / kMiB, 1, 1 << 20);
  if (options.max_bodies_bytes < options.max_body_bytes) {
    server.Fail("max_bodies_mib", "expected at least max_body_mib: room for one body");
  }
  options.timeout_s = count("timeout", options.timeout_s, 1, 3600);
  options.max_clock_ahead_s =
      count("max_clock_ahead", options.max_clock_ahead_s, 0, 10 * 365 * 86'400);
  options.max_new_names = count("max_new_names", options.max_new_names, 0, 100'000'000);
  options.max_new_names_per_client =
      count("max_new_names_per_client", options.max_new_names_per_client, 0, 100'000'000);
  if (const std::string memory = server.Text("memory", ""); !memory.empty()) {
    const Result<uint64_t> bytes = base::ParseSize(memory);
    if (bytes) options.memory_bytes = *bytes;
    if (!bytes) server.Fail("memory", bytes.error().message);
  }
  options.backups = server.Text("backups", "");
  options.request_log = server.Text("request_log", "");
  options.request_log_bytes =
      kMiB * count("request_log_mib", options.request_log_bytes / kMiB, 1, 1 << 20);
  options.otlp = server.Text("otlp", "");
  options.otlp_share = server.Real("otlp_share", options.otlp_share, {.min = 0, .max = 1});
  options.stop_delay_s = count("stop_delay", options.stop_delay_s, 0, 3600);
  return options;
}

}  // namespace upnext::net
