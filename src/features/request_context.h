// What is known of a request, and of a candidate for it, when features are made.
#ifndef UPNEXT_FEATURES_REQUEST_CONTEXT_H_
#define UPNEXT_FEATURES_REQUEST_CONTEXT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "log/event_log.h"
#include "schema/event.h"
#include "schema/schema.h"

namespace upnext::features {

// The circumstances of a request; ids of the catalogue or kNone.
struct Context {
  int64_t time_ms = 0;
  uint32_t device = schema::kNone,
           region = schema::kNone;        // region: of the request, else the user's
  uint32_t current_item = schema::kNone;  // the item being watched
  // Declared request attributes, in the order of the schema; may be empty.
  std::vector<schema::AttributeValue> attributes = {};
  // How long before the end of training the example lies (CG-09); 0 when serving.
  int64_t example_age_ms = 0;
};

// The circumstances in which an event of the log happened.
inline Context ContextOf(const log::EventLog& log, uint64_t row, const schema::Event& event) {
  Context context{.time_ms = event.time_ms,
                  .device = event.device,
                  .region = event.region,
                  .current_item = event.current_item};
  log.RequestAttributes(row, &context.attributes);
  return context;
}

struct Candidate {
  uint32_t item = schema::kNone;
  uint32_t source = schema::kNone;       // id of IdSpace::kSource
  float source_score = schema::kAbsent;  // that `source` gave it
};

// The built-in request attributes that are categories, by their numbers in the schema; declared ones
// follow from kBuiltInRequestAttributes on.
enum class RequestAttribute : uint32_t { kDevice, kRegion, kCurrentItem, kSource, kQuery };

inline constexpr uint32_t kBuiltInRequestAttributes = schema::request_attribute::kBuiltIn;

// What an event says of its request; `declared`: its declared attributes, in the order of the schema.
inline uint32_t RequestId(const schema::Event& event,
                          std::span<const schema::AttributeValue> declared, uint32_t attribute) {
  if (attribute >= kBuiltInRequestAttributes) {
    const size_t i = attribute - kBuiltInRequestAttributes;
    return i < declared.size() ? declared[i].category : schema::kNone;
  }
  switch (static_cast<RequestAttribute>(attribute)) {
    case RequestAttribute::kDevice:
      return event.device;
    case RequestAttribute::kRegion:
      return event.region;
    case RequestAttribute::kCurrentItem:
      return event.current_item;
    case RequestAttribute::kSource:
      return event.source;
    case RequestAttribute::kQuery:
      return event.query;
  }
  return schema::kNone;
}

}  // namespace upnext::features

#endif  // UPNEXT_FEATURES_REQUEST_CONTEXT_H_
