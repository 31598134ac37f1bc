#include "schema/event.h"

#include "schema/schema.h"

namespace upnext::schema {

std::string_view EventTypeName(EventType type) {
  static const Schema built_in;
  return built_in.Has(type) ? std::string_view(built_in.info(type).name) : "unknown";
}

std::optional<EventType> ParseEventType(std::string_view name) {
  return Schema().FindEventType(name);
}

}  // namespace upnext::schema
