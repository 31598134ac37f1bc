#include "net/event_json.h"

#include <simdjson.h>

#include <cmath>

#include "base/suggest.h"
#include "schema/values.h"

namespace upnext::net {

using schema::EventType;
using schema::RawEvent;
namespace dom = simdjson::dom;

namespace {

constexpr double kLatestSeconds = 7'258'118'400;  // the year 2200

const std::vector<std::string>& Keys() {
  static const std::vector<std::string> keys = {
      "user",   "item",       "time",   "type",   "value",        "query",    "request", "position",
      "source", "propensity", "device", "region", "current_item", "off_site", "id"};
  return keys;
}

std::string_view KindOf(const dom::element& value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return "an array";
    case dom::element_type::OBJECT:
      return "an object";
    case dom::element_type::STRING:
      return "a string";
    case dom::element_type::BOOL:
      return "true or false";
    case dom::element_type::NULL_VALUE:
      return "null";
    default:
      return "a number";
  }
}

Result<std::string> TextOf(const dom::element& value) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    return InvalidArgument("expected a string, found {}", KindOf(value));
  }
  if (text.size() > kMaxIdBytes) {
    return InvalidArgument("expected at most {} bytes, found {}", kMaxIdBytes, text.size());
  }
  return std::string(text);
}

Result<std::string> IdOf(const dom::element& value) {
  UPNEXT_ASSIGN_OR_RETURN(std::string id, TextOf(value));
  if (schema::HasControlBytes(id)) {
    return InvalidArgument(
        "expected an id without control characters, found one, e.g. a tab or a line break");
  }
  return id;
}

Result<double> NumberOf(const dom::element& value, double min, double max) {
  double number = 0;
  if (!value.is_number() || value.get(number) != simdjson::SUCCESS) {
    return InvalidArgument("expected a number, found {}", KindOf(value));
  }
  if (!(number >= min && number <= max)) {
    return InvalidArgument("expected a number from {} to {}, found {}", min, max, number);
  }
  return number;
}

Result<int64_t> TimeOf(const dom::element& value) {
  UPNEXT_ASSIGN_OR_RETURN(const double seconds, NumberOf(value, 0, 1e18));
  if (seconds > kLatestSeconds) {
    return InvalidArgument(
        "expected seconds since 1970, found {:.0f}, which would be after the year 2200: are these "
        "milliseconds?",
        seconds);
  }
  return static_cast<int64_t>(std::llround(seconds * 1000));
}

Result<EventType> TypeOf(const dom::element& value) {
  UPNEXT_ASSIGN_OR_RETURN(const std::string name, TextOf(value));
  if (const auto type = schema::ParseEventType(name)) return *type;
  std::vector<std::string> names;
  for (size_t type = 1; type < schema::kEventTypes; ++type) {
    names.emplace_back(schema::EventTypeName(static_cast<EventType>(type)));
  }
  return InvalidArgument("there is no event type '{}'{}", name, base::DidYouMean(name, names));
}

Status SetText(const dom::element& value, std::string* to) {
  UPNEXT_ASSIGN_OR_RETURN(*to, TextOf(value));
  return Ok();
}

Status SetId(const dom::element& value, std::string* to) {
  UPNEXT_ASSIGN_OR_RETURN(*to, IdOf(value));
  return Ok();
}

Status SetKey(std::string_view key, const dom::element& value, RawEvent* event, std::string* id) {
  if (value.is_null()) return Ok();  // as if the key were not there
  if (key == "user") return SetId(value, &event->user);
  if (key == "item") return SetId(value, &event->item);
  if (key == "query") return SetText(value, &event->query);
  if (key == "request") return SetId(value, &event->request);
  if (key == "source") return SetId(value, &event->source);
  if (key == "device") return SetId(value, &event->device);
  if (key == "region") return SetId(value, &event->region);
  // "seed" is the old name.
  if (key == "current_item" || key == "seed") return SetId(value, &event->current_item);
  if (key == "id") return SetId(value, id);
  if (key == "time") {
    UPNEXT_ASSIGN_OR_RETURN(event->time_ms, TimeOf(value));
  } else if (key == "type") {
    UPNEXT_ASSIGN_OR_RETURN(event->type, TypeOf(value));
  } else if (key == "value") {
    UPNEXT_ASSIGN_OR_RETURN(const double number, NumberOf(value, 0, schema::kMaxValue));
    event->value = static_cast<float>(number);
  } else if (key == "position") {
    UPNEXT_ASSIGN_OR_RETURN(const double number, NumberOf(value, 1, schema::kMaxPosition));
    if (number != std::floor(number)) {
      return InvalidArgument("expected a whole number from 1, found {}", number);
    }
    event->position = static_cast<uint16_t>(number);
  } else if (key == "propensity") {
    UPNEXT_ASSIGN_OR_RETURN(const double number, NumberOf(value, 0, 1));
    event->propensity = static_cast<float>(number);
    if (!(event->propensity > 0)) {
      return InvalidArgument("expected a probability above 0, found {}", number);
    }
  } else if (key == "off_site") {
    if (value.get(event->off_site) != simdjson::SUCCESS) {
      return InvalidArgument("expected true or false, found {}", KindOf(value));
    }
  } else {
    return InvalidArgument("there is no such key{}", base::DidYouMean(key, Keys()));
  }
  return Ok();
}

Status CheckComplete(const RawEvent& event, bool has_type) {
  if (event.user.empty()) return InvalidArgument("expected a user, found none");
  if (!has_type) return InvalidArgument("expected a type, found none");
  if (event.type == EventType::kSearch) {
    if (event.query.empty()) return InvalidArgument("expected a query for a search, found none");
    if (!event.item.empty()) return InvalidArgument("expected no item for a search, found one");
  } else if (event.item.empty()) {
    return InvalidArgument("expected an item, found none");
  }
  if (schema::Schema().info(event.type).needs_value && std::isnan(event.value)) {
    return InvalidArgument("expected a value ({}), found none",
                           event.type == EventType::kWatch ? "watched seconds" : "stars");
  }
  return Ok();
}

Status ParseEvent(const dom::element& element, RawEvent* event, std::string* id) {
  dom::object object;
  if (element.get(object) != simdjson::SUCCESS) {
    return InvalidArgument("expected an object, found {}", KindOf(element));
  }
  event->time_ms = schema::kNoTime;
  bool has_type = false;
  for (const auto& [key, value] : object) {
    if (Status status = SetKey(key, value, event, id); !status) {
      return WithContext(std::move(status).error(), key);
    }
    has_type |= key == "type" && !value.is_null();
  }
  return CheckComplete(*event, has_type);
}

}  // namespace

Result<EventBatch> ParseEvents(std::string_view body) {
  dom::parser parser;
  dom::element root;
  if (const auto error = parser.parse(body.data(), body.size()).get(root)) {
    return InvalidArgument("the body is not JSON: {}", simdjson::error_message(error));
  }
  if (dom::object object; root.get(object) == simdjson::SUCCESS) {
    static const std::vector<std::string> known = {"events"};
    for (const auto& [key, value] : object) {
      if (key == known.front()) continue;
      return InvalidArgument(R"(expected {{"events": [...]}}, found the key '{}'{})", key,
                             base::DidYouMean(key, known));
    }
  }
  dom::array list;
  if (root["events"].get(list) != simdjson::SUCCESS) {
    return InvalidArgument(R"(expected {{"events": [...]}}, found {} without such an array)",
                           KindOf(root));
  }
  if (list.size() > kMaxEvents) {
    return InvalidArgument("expected at most {} events in a batch, found {}", kMaxEvents,
                           list.size());
  }
  EventBatch batch;
  for (const dom::element element : list) {
    RawEvent event;
    std::string id;
    if (Status status = ParseEvent(element, &event, &id); !status) {
      return WithContext(std::move(status).error(), fmt::format("events[{}]", batch.events.size()));
    }
    batch.events.push_back(std::move(event));
    batch.ids.push_back(std::move(id));
  }
  return batch;
}

}  // namespace upnext::net
