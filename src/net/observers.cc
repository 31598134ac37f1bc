#include "net/observers.h"

#include <fmt/format.h>

#include <utility>

namespace upnext::net {
namespace {

void Counter(std::string_view name, std::string_view help, uint64_t value, std::string* out) {
  *out += fmt::format("# HELP {0} {1}\n# TYPE {0} counter\n{0} {2}\n", name, help, value);
}

}  // namespace

Result<std::shared_ptr<Observers>> Observers::Open(const ServerOptions& options) {
  if (options.request_log.empty() && options.otlp.empty()) return nullptr;
  auto observers = std::make_shared<Observers>();
  if (!options.request_log.empty()) {
    observers->log_ = std::make_unique<RequestLog>(options.request_log, options.request_log_bytes);
  }
  if (!options.otlp.empty()) {
    auto traces = TraceExporter::Start({.url = options.otlp, .share = options.otlp_share});
    if (!traces) return WithContext(std::move(traces).error(), "[server] otlp");
    observers->traces_ = *std::move(traces);
  }
  return observers;
}

void Observers::Note(const RequestRecord& record) {
  if (log_ != nullptr) log_->Write(record);
  if (traces_ != nullptr) traces_->Add(record);
}

std::string Observers::Metrics() const {
  std::string out;
  if (log_ != nullptr) {
    Counter("upnext_request_log_lost_total", "Lines of the request log that could not be written.",
            log_->lost(), &out);
  }
  if (traces_ != nullptr) {
    Counter("upnext_traces_sent_total", "Requests whose trace the collector took.", traces_->sent(),
            &out);
    Counter("upnext_traces_dropped_total",
            "Requests whose trace was lost: the queue was full or the collector did not take it.",
            traces_->dropped(), &out);
  }
  return out;
}

}  // namespace upnext::net
