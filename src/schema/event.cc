#include "schema/event.h"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace upnext::schema {
namespace {

constexpr std::array<std::string_view, kIdSpaces> kSpaceNames = {
    "users",   "items",    "queries", "devices",  "regions",
    "sources", "channels", "topics",  "languages"};

constexpr std::array<std::string_view, kEventTypes> kTypeNames = {
    "",      "impression", "click",  "watch",    "like",   "dislike", "dismiss",
    "share", "rating",     "search", "complete", "follow", "comment", "visit"};

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

}  // namespace

std::string_view IdSpaceName(IdSpace space) {
  const size_t i = static_cast<size_t>(space);
  return i < kIdSpaces ? kSpaceNames[i] : "unknown";
}

std::string_view EventTypeName(EventType type) {
  const size_t i = static_cast<size_t>(type);
  return i > 0 && i < kEventTypes ? kTypeNames[i] : "unknown";
}

std::optional<EventType> ParseEventType(std::string_view name) {
  for (size_t i = 1; i < kEventTypes; ++i) {
    if (EqualsIgnoringCase(name, kTypeNames[i])) return static_cast<EventType>(i);
  }
  return std::nullopt;
}

bool HasControlBytes(std::string_view id) {
  // No way out early: ids are short and nearly all are good, so that vectors do most of it.
  bool found = false;
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    found |= byte < 0x20 || byte == 0x7f;
  }
  return found;
}

std::string_view WhyNotAnEvent(const Event& event) {
  const auto type = static_cast<size_t>(event.type);
  if (type == 0 || type >= kEventTypes) return "type is unknown";
  if (event.time_ms == kNoTime) return "time is missing";
  if (event.type == EventType::kSearch) {
    if (event.item != kNone) return "a search has no item";
    if (event.query == kNone) return "a search needs a query";
  } else if (event.item == kNone) {
    return "item is missing";
  }
  if (std::isinf(event.value)) return "value should be finite";
  if (event.type == EventType::kWatch && event.value < 0) return "watched seconds are negative";
  if (event.propensity <= 0 || event.propensity > 1) return "propensity should be in (0, 1]";
  return "";
}

}  // namespace upnext::schema
