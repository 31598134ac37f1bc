// Traces of requests as OpenTelemetry spans, sent in the background to a collector by OTLP over HTTP with JSON bodies.
//
//   UPNEXT_ASSIGN_OR_RETURN(auto exporter, TraceExporter::Start({.url = "http://127.0.0.1:4318", .share = 0.1}));
//   exporter->Add(record);
//
// A request is a span with one span for each stage of its feeds below it. It is sent if its caller's trace is sampled, and, without
// a word of the caller, with the probability `share`. Add never waits: what finds the queue full is dropped and counted.
// Any number of threads.
#ifndef UPNEXT_NET_TRACE_EXPORTER_H_
#define UPNEXT_NET_TRACE_EXPORTER_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "net/http_client.h"
#include "net/request_record.h"

namespace upnext::net {

struct TraceOptions {
  std::string url;
  double share = 0.01;
  size_t most_waiting = 4096;
  int delay_ms = 1000;  // at most, until a request is sent
};

class TraceExporter {
 public:
  // kInvalidArgument when the URL is none of a server (http_client.h). The collector may start later.
  static Result<std::unique_ptr<TraceExporter>> Start(const TraceOptions& options);
  // Sends what waits once, for the time that a dead collector takes (kTimeoutS).
  ~TraceExporter();
  void Add(const RequestRecord& record);
  // Requests whose spans were sent, and that were lost: the queue was full, or the collector did not take them.
  uint64_t sent() const { return sent_; }
  uint64_t dropped() const { return dropped_; }

  static constexpr int kTimeoutS = 3;
  static constexpr size_t kBatch = 256;  // requests in one body

 private:
  TraceExporter(const TraceOptions& options, std::unique_ptr<HttpClient> client);
  void Work();
  bool Send(std::span<const RequestRecord> records);

  const TraceOptions options_;
  const std::unique_ptr<HttpClient> client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<RequestRecord> waiting_;
  bool ends_ = false;
  std::atomic<uint64_t> sent_{0}, dropped_{0};
  std::thread thread_;
};

// The body of an export: ExportTraceServiceRequest in JSON.
std::string TracesJson(std::span<const RequestRecord> records);

}  // namespace upnext::net

#endif  // UPNEXT_NET_TRACE_EXPORTER_H_
