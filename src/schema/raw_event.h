// Rows of the canonical tables as they arrive, with string ids: what the import, POST /v1/events
// and the store exchange before ids are numbered.
#ifndef UPNEXT_SCHEMA_RAW_EVENT_H_
#define UPNEXT_SCHEMA_RAW_EVENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "schema/event.h"

namespace upnext::schema {

struct RawEvent {
  std::string user = {}, item = {};
  int64_t time_ms = 0;
  EventType type = EventType::kImpression;
  float value = kAbsent;
  std::string query = {}, request = {}, source = {}, device = {}, region = {}, current_item = {};
  uint16_t position = 0;
  float propensity = kAbsent;
  bool off_site = false;
};
struct RawItem {
  std::string item = {};
  int64_t created_ms = kNoTime;
  float duration_s = kAbsent;
  std::string channel = {}, language = {}, title = {};
  std::vector<std::string> topics = {};
  bool removed = false;
};
struct RawUser {
  std::string user = {}, region = {}, language = {};
  float age = kAbsent, gender = kAbsent, logged_in = kAbsent;
};

}  // namespace upnext::schema

#endif  // UPNEXT_SCHEMA_RAW_EVENT_H_
