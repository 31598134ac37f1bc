// Rows of the canonical tables as they arrive, with string ids: what the import, POST /v1/events
// and the store exchange before ids are numbered.
#ifndef UPNEXT_SCHEMA_RAW_EVENT_H_
#define UPNEXT_SCHEMA_RAW_EVENT_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "schema/event.h"

namespace upnext::schema {

// Declared attributes of a row that are not absent: number of the attribute and value as text (see
// values.h). Categories come once for each id.
using RawAttributes = std::vector<std::pair<uint32_t, std::string>>;

struct RawEvent {
  std::string user = {}, item = {};
  int64_t time_ms = 0;
  EventType type = EventType::kImpression;
  float value = kAbsent;
  std::string query = {}, request = {}, source = {}, device = {}, region = {}, current_item = {};
  uint16_t position = 0;
  float propensity = kAbsent, source_score = kAbsent;
  bool off_site = false;
  RawAttributes attributes = {};
  std::string id = {};  // of the event itself
  bool posted = false;  // came through the server
  // How far a watch is that goes on: the newest of its id counts. `portion`: of the item's duration, in place of value.
  bool progress = false;
  float portion = kAbsent;
};
struct RawItem {
  std::string item = {};
  int64_t created_ms = kNoTime;
  float duration_s = kAbsent;
  std::string channel = {}, language = {}, title = {};
  std::vector<std::string> topics = {};
  bool removed = false;
  RawAttributes attributes = {};
};
struct RawUser {
  std::string user = {}, region = {}, language = {};
  float age = kAbsent, gender = kAbsent, logged_in = kAbsent;
  RawAttributes attributes = {};
};

// An item or a user as it is posted, and stored: its attributes, built-in ones too, in the form of
// RawAttributes.
struct RawEntity {
  std::string name = {};
  RawAttributes attributes = {};
};

// The built-in attributes of requests that are ids, by number, in a raw and in a numbered event.
inline constexpr std::array kRawRequestIds = {&RawEvent::device, &RawEvent::region,
                                              &RawEvent::current_item, &RawEvent::source,
                                              &RawEvent::query};
inline constexpr std::array kRequestIds = {&Event::device, &Event::region, &Event::current_item,
                                           &Event::source, &Event::query};

}  // namespace upnext::schema

#endif  // UPNEXT_SCHEMA_RAW_EVENT_H_
