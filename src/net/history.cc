#include "net/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "base/time_text.h"
#include "net/item_json.h"
#include "net/parameters.h"
#include "net/problem.h"
#include "schema/schema.h"
#include "schema/values.h"

namespace upnext::net {
namespace {

constexpr uint32_t kMaxHistory = 1000;  // events in one answer

template <typename Number>
bool TakeNumber(std::string_view text, Number* number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

// With the keys of POST /v1/events.
nlohmann::json EventJson(const schema::Schema& schema, const schema::RawEvent& event) {
  nlohmann::json out = {{"time", base::FormatTime(event.time_ms)},
                        {"type", schema.info(event.type).name}};
  const auto text = [&](const char* key, const std::string& value) {
    if (!value.empty()) out[key] = value;
  };
  text("item", event.item);
  text("query", event.query);
  text("request", event.request);
  text("source", event.source);
  text("device", event.device);
  text("region", event.region);
  text("current_item", event.current_item);
  if (!std::isnan(event.value)) out["value"] = event.value;
  if (event.position != 0) out["position"] = event.position;
  if (!std::isnan(event.source_score)) out["source_score"] = event.source_score;
  if (!std::isnan(event.propensity)) out["propensity"] = event.propensity;
  if (event.off_site) out["off_site"] = true;
  const auto attributes = AttributesJson(schema, schema::Entity::kRequest, event.attributes);
  for (const auto& [name, value] : attributes.items()) out[name] = value;
  return out;
}

}  // namespace

std::optional<HistoryCursor> ParseCursor(std::string_view text) {
  HistoryCursor cursor;
  const size_t dash = text.find('-', 1);
  if (dash != std::string_view::npos && TakeNumber(text.substr(0, dash), &cursor.time_ms) &&
      TakeNumber(text.substr(dash + 1), &cursor.given) && cursor.given > 0) {
    return cursor;
  }
  if (double seconds = 0; TakeNumber(text, &seconds)) {
    constexpr double kMost = 1e11;
    if (!(std::abs(seconds) < kMost)) return std::nullopt;
    return HistoryCursor{.time_ms = std::llround(seconds * 1000)};
  }
  std::optional<int64_t> time_ms = base::ParseTime(text);
  if (!time_ms) time_ms = base::ParseTime(std::string(text) + "Z");
  return time_ms ? std::optional(HistoryCursor{.time_ms = *time_ms}) : std::nullopt;
}

Result<HttpResponse> AnswerHistory(serving::Service& service, const std::string& user,
                                   const boost::urls::url_view& url) {
  UPNEXT_ASSIGN_OR_RETURN(Parameters parameters, Parameters::Parse(url));
  UPNEXT_ASSIGN_OR_RETURN(const uint32_t n, parameters.Count("n", 100, 1, kMaxHistory));
  const std::optional<std::string> before = parameters.TextIfGiven("before");
  UPNEXT_RETURN_IF_ERROR(parameters.CheckAllKnown());
  if (user.empty()) return InvalidArgument("user: expected an id, found none");
  if (Status valid = schema::CheckId(user); !valid) {
    return WithContext(std::move(valid).error(), "user");
  }
  const HistoryCursor end_of_all{.time_ms = std::numeric_limits<int64_t>::max()};
  const auto parsed = ParseCursor(before.value_or("0"));
  if (!parsed) {
    return InvalidArgument(
        "parameter before: expected `next` of the answer before, seconds since 1970, or ISO text "
        "such as 2024-01-05T10:00:00Z, found '{}'",
        *before);
  }
  const HistoryCursor cursor = before ? *parsed : end_of_all;
  const auto generation = service.generation();
  UPNEXT_ASSIGN_OR_RETURN(const std::vector<schema::RawEvent> all,
                          generation->states().History(user));
  const auto after = [&](int64_t time_ms) {
    return static_cast<size_t>(
        std::ranges::upper_bound(all, time_ms, {}, &schema::RawEvent::time_ms) - all.begin());
  };
  const size_t first = after(cursor.time_ms - 1), last = after(cursor.time_ms);
  const size_t end = cursor.given == 0 ? first : last - std::min(cursor.given, last - first);
  const size_t begin = end - std::min<size_t>(n, end);
  nlohmann::json events = nlohmann::json::array();
  for (size_t i = end; i > begin; --i) {
    events.push_back(EventJson(generation->schema(), all[i - 1]));
  }
  nlohmann::json next = nullptr;
  if (begin > 0) {
    const int64_t time_ms = all[begin].time_ms;
    next = fmt::format("{}-{}", time_ms, after(time_ms) - begin);
  }
  return JsonOf({{"user", user},
                 {"events", std::move(events)},
                 {"next", std::move(next)},
                 {"bundle_version", generation->bundle_version()},
                 {"log_version", generation->log_version()}});
}

}  // namespace upnext::net
