// What a site has: event types, attributes of items, users and requests, and id spaces.
//
//   const Schema schema;                                              the built-in lists
//   schema.FindAttribute(Entity::kItem, "duration");                  its number, or nothing
//
// A value, immutable and cheap to copy: any number of threads.
#ifndef UPNEXT_SCHEMA_SCHEMA_H_
#define UPNEXT_SCHEMA_SCHEMA_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "schema/event.h"

namespace upnext::schema {

enum class Kind : uint8_t { kFlag, kNumber, kTime, kCategory, kCategories, kText, kVector };
enum class Entity : uint8_t { kItem, kUser, kRequest };

struct Attribute {
  std::string name;
  Kind kind = Kind::kNumber;
  IdSpace space = IdSpace::kUser;  // of categories
  uint32_t width = 0;              // of vectors
  bool built_in = true;
};

// One attribute's value of one row: the member of its kind.
struct AttributeValue {
  float number = kAbsent;
  int64_t time_ms = kNoTime;
  uint32_t category = kNone;
};

class Schema {
 public:
  std::span<const Attribute> attributes(Entity entity) const;
  std::optional<uint32_t> FindAttribute(Entity entity, std::string_view name) const;
  std::optional<EventType> FindEventType(std::string_view name) const;
  uint32_t event_types() const { return kEventTypes - 1; }
};

}  // namespace upnext::schema

#endif  // UPNEXT_SCHEMA_SCHEMA_H_
