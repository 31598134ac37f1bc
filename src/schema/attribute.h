// The attributes that items, users and requests have: their kinds, and a value of each kind.
#ifndef UPNEXT_SCHEMA_ATTRIBUTE_H_
#define UPNEXT_SCHEMA_ATTRIBUTE_H_

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "schema/event.h"

namespace upnext::schema {

enum class Entity : uint8_t { kItem, kUser, kRequest };
inline constexpr size_t kEntities = 3;
std::string_view EntityName(Entity entity);  // "items", as in [schema.items]

enum class Kind : uint8_t { kFlag, kNumber, kTime, kCategory, kCategories, kText, kVector };
std::string_view KindName(Kind kind);  // "flag"

struct Attribute {
  std::string name = {};
  Kind kind = Kind::kNumber;
  IdSpace space = IdSpace::kItem;  // of a category and of categories
  uint32_t width = 0;              // of a vector
  bool built_in = false;
  // What a value may be (values.h). Numbers: finite, in [min, max], or above min.
  double min = std::numeric_limits<float>::lowest(), max = std::numeric_limits<float>::max();
  bool above_min = false, whole = false;
  size_t max_bytes = kMaxIdBytes;  // of a text, and of each id
  bool any_bytes = false;          // ids with control bytes too
};

// Numbers of the built-in attributes; declared ones follow.
namespace item_attribute {
enum : uint32_t { kCreated, kDuration, kChannel, kTopics, kLanguage, kTitle, kRemoved };
}
namespace user_attribute {
enum : uint32_t { kRegion, kLanguage, kAge, kGender, kLoggedIn };
}
namespace request_attribute {
enum : uint32_t {
  kDevice,
  kRegion,
  kCurrentItem,
  kSource,
  kQuery,
  kPosition,
  kPropensity,
  kOffSite,
  kSourceScore,
  kBuiltIn
};
}

// A value of the kinds that fit in one: a flag (0 or 1) and a number in `number`, a time in
// `time_ms`, a category in `category`.
struct AttributeValue {
  float number = kAbsent;
  int64_t time_ms = kNoTime;
  uint32_t category = kNone;
};

// A value of any kind, as a view.
struct AttributeCell {
  AttributeValue value = {};
  std::span<const uint32_t> categories = {};
  std::string_view text = {};
  std::span<const float> vector = {};  // empty when absent
};

}  // namespace upnext::schema

#endif  // UPNEXT_SCHEMA_ATTRIBUTE_H_
