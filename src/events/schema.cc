#include "events/schema.h"

#include <algorithm>
#include <cctype>

namespace upnext::events {
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

}  // namespace upnext::events
