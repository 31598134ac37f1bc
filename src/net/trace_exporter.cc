#include "net/trace_exporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>

#include "serving/slate.h"

namespace upnext::net {
namespace {

using nlohmann::json;

constexpr int kServer = 2, kInternal = 1;  // kinds of spans
constexpr int kError = 2;                  // status of a span

json Text(std::string_view key, std::string_view value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}
// 64-bit numbers are strings in JSON of protocol buffers.
json Whole(std::string_view key, uint64_t value) {
  return {{"key", key}, {"value", {{"intValue", std::to_string(value)}}}};
}

std::string Nanoseconds(int64_t begin_us, double after_ms) {
  return std::to_string(begin_us * 1000 + static_cast<int64_t>(after_ms * 1e6));
}

json SpanOf(const RequestRecord& record) {
  json attributes = {Text("http.request.method", record.method), Text("http.route", record.route),
                     Whole("http.response.status_code", record.status)};
  if (!record.key.empty()) attributes.push_back(Text("upnext.key", record.key));
  json span = {{"traceId", record.trace.id},
               {"spanId", record.trace.span},
               {"name", fmt::format("{} {}", record.method, record.route)},
               {"kind", kServer},
               {"startTimeUnixNano", Nanoseconds(record.begin_us, 0)},
               {"endTimeUnixNano", Nanoseconds(record.begin_us, record.ms)},
               {"attributes", std::move(attributes)}};
  if (!record.trace.parent.empty()) span["parentSpanId"] = record.trace.parent;
  if (record.status >= 500) span["status"] = {{"code", kError}};
  return span;
}

// Stages one after the other; those of a second feed of the request after those of the first.
void AddStages(const RequestRecord& record, json* spans) {
  double begin_ms = 0;
  for (const FeedReport& feed : record.feeds) {
    for (const serving::StageTime& stage : feed.stages) {
      json attributes = {Text("upnext.request", feed.request), Whole("upnext.in", stage.in),
                         Whole("upnext.out", stage.out)};
      json span = {{"traceId", record.trace.id},
                   {"spanId", NewSpan()},
                   {"parentSpanId", record.trace.span},
                   {"name", stage.stage},
                   {"kind", kInternal},
                   {"startTimeUnixNano", Nanoseconds(record.begin_us, begin_ms)},
                   {"endTimeUnixNano", Nanoseconds(record.begin_us, begin_ms + stage.ms)}};
      for (const serving::Degradation& one : feed.degraded) {
        if (one.stage != stage.stage) continue;
        span["status"] = {{"code", kError}, {"message", one.source + " " + one.reason}};
      }
      span["attributes"] = std::move(attributes);
      spans->push_back(std::move(span));
      begin_ms += stage.ms;
    }
  }
}

// The same answer on every server that the trace goes through: by its id.
bool IsDrawn(const std::string& trace, double share) {
  const uint64_t draw = std::strtoull(trace.substr(16).c_str(), nullptr, 16) >> 11;
  return static_cast<double>(draw) < share * 0x1p53;
}

}  // namespace

std::string TracesJson(std::span<const RequestRecord> records) {
  json spans = json::array();
  for (const RequestRecord& record : records) {
    spans.push_back(SpanOf(record));
    AddStages(record, &spans);
  }
  const json body = {
      {"resourceSpans",
       {{{"resource", {{"attributes", {Text("service.name", "upnext")}}}},
         {"scopeSpans", {{{"scope", {{"name", "upnext"}}}, {"spans", std::move(spans)}}}}}}}};
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::unique_ptr<TraceExporter>> TraceExporter::Start(const TraceOptions& options) {
  UPNEXT_ASSIGN_OR_RETURN(auto client, HttpClient::Make(options.url, "", kTimeoutS));
  return std::unique_ptr<TraceExporter>(new TraceExporter(options, std::move(client)));
}

TraceExporter::TraceExporter(const TraceOptions& options, std::unique_ptr<HttpClient> client)
    : options_(options), client_(std::move(client)), thread_([this] { Work(); }) {}

TraceExporter::~TraceExporter() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TraceExporter::Add(const RequestRecord& record) {
  if (!record.trace.sampled.value_or(IsDrawn(record.trace.id, options_.share))) return;
  const std::lock_guard lock(mutex_);
  if (waiting_.size() >= options_.most_waiting) {
    ++dropped_;
    return;
  }
  waiting_.push_back(record);
  if (waiting_.size() == kBatch) changed_.notify_all();
}

void TraceExporter::Work() {
  for (bool ends = false; !ends;) {
    std::vector<RequestRecord> records;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::milliseconds(options_.delay_ms),
                        [this] { return ends_ || waiting_.size() >= kBatch; });
      ends = ends_;
      records = std::exchange(waiting_, {});
    }
    std::span<const RequestRecord> left = records;
    while (!left.empty() && Send(left.first(std::min(kBatch, left.size())))) {
      left = left.subspan(std::min(kBatch, left.size()));
    }
    dropped_ += left.size();  // the next ones may find the collector again
  }
}

bool TraceExporter::Send(std::span<const RequestRecord> records) {
  const auto answer = client_->Post("/v1/traces", TracesJson(records));
  if (!answer || answer->status / 100 != 2) return false;
  sent_ += records.size();
  return true;
}

}  // namespace upnext::net
