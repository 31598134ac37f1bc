#include "net/request_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <random>

#include "base/checksum.h"
#include "base/time_text.h"
#include "serving/slate.h"

namespace upnext::net {
namespace {

using nlohmann::json;

bool IsHex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// An id: digits that are not all 0.
bool IsTraceId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

// Of version 00; later ones may have more after another dash. ff is no version.
bool IsTraceparent(std::string_view text) {
  return text.size() >= 55 && text[2] == '-' && text[35] == '-' && text[52] == '-' &&
         IsHex(text.substr(0, 2)) && !text.starts_with("ff") && IsTraceId(text.substr(3, 32)) &&
         IsTraceId(text.substr(36, 16)) && IsHex(text.substr(53, 2)) &&
         (text.size() == 55 || (!text.starts_with("00") && text[55] == '-'));
}

json FeedLine(const FeedReport& feed) {
  json out = {{"request", feed.request}, {"items", feed.items}, {"stages", json::object()}};
  if (!feed.scenario.empty()) out["scenario"] = feed.scenario;
  if (feed.cold_start) out["cold_start"] = true;
  for (const serving::StageTime& one : feed.stages) out["stages"][std::string(one.stage)] = one.ms;
  for (const serving::Degradation& one : feed.degraded) {
    json row = {{"stage", one.stage}, {"reason", one.reason}};
    if (!one.source.empty()) row["source"] = one.source;
    out["degraded"].push_back(std::move(row));
  }
  return out;
}

}  // namespace

std::string NewSpan() {
  static const uint64_t seed = (uint64_t{std::random_device()()} << 32) | std::random_device()();
  static std::atomic<uint64_t> made{0};
  const uint64_t number = ++made;
  const auto* bytes = reinterpret_cast<const char*>(&number);
  return fmt::format("{:016x}",
                     std::max(base::Fingerprint({bytes, sizeof(number)}, seed), uint64_t{1}));
}

Trace TraceOf(std::string_view traceparent) {
  if (!IsTraceparent(traceparent)) return {.id = NewSpan() + NewSpan(), .span = NewSpan()};
  const char flags = traceparent[54];
  const int digit = flags <= '9' ? flags - '0' : flags - 'a' + 10;
  return {.id = std::string(traceparent.substr(3, 32)),
          .span = NewSpan(),
          .parent = std::string(traceparent.substr(36, 16)),
          .sampled = (digit & 1) == 1};
}

std::string LogLine(const RequestRecord& record) {
  json line = {{"time", base::FormatTime(record.begin_us / 1000)},
               {"trace", record.trace.id},
               {"route", record.route},
               {"method", record.method},
               {"status", record.status},
               {"ms", record.ms}};
  if (!record.key.empty()) line["key"] = record.key;
  for (const FeedReport& feed : record.feeds) line["feeds"].push_back(FeedLine(feed));
  return line.dump(-1, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace) + "\n";
}

}  // namespace upnext::net
