#include "net/event_json.h"

#include <simdjson.h>

#include <cmath>

#include "base/suggest.h"
#include "schema/values.h"

namespace upnext::net {

using schema::Attribute;
using schema::Kind;
using schema::RawEvent;
namespace dom = simdjson::dom;

namespace {

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
  return std::string(text);
}

Status SetText(const dom::element& value, std::string* to) {
  UPNEXT_ASSIGN_OR_RETURN(*to, TextOf(value));
  return Ok();
}

Result<double> NumberOf(const dom::element& value) {
  double number = 0;
  if (!value.is_number() || value.get(number) != simdjson::SUCCESS) {
    return InvalidArgument("expected a number, found {}", KindOf(value));
  }
  return number;
}

Result<float> NumberOf(const dom::element& value, const Attribute& attribute) {
  UPNEXT_ASSIGN_OR_RETURN(const double number, NumberOf(value));
  UPNEXT_RETURN_IF_ERROR(schema::CheckNumber(attribute, number));
  return static_cast<float>(number);
}

Result<int64_t> TimeOf(const dom::element& value) {
  UPNEXT_ASSIGN_OR_RETURN(const double seconds, NumberOf(value));
  constexpr double kLimit = 1e15;  // far outside, so that the product fits
  const int64_t time_ms = std::llround(std::clamp(seconds, -kLimit, kLimit) * 1000);
  UPNEXT_RETURN_IF_ERROR(schema::CheckTime(time_ms));
  return time_ms;
}

Result<bool> FlagOf(const dom::element& value) {
  bool flag = false;
  if (value.get(flag) != simdjson::SUCCESS) {
    return InvalidArgument("expected true or false, found {}", KindOf(value));
  }
  return flag;
}

// The value of a declared attribute as text.
Result<std::string> DeclaredText(const dom::element& value, const Attribute& attribute) {
  schema::AttributeValue typed;
  switch (attribute.kind) {
    case Kind::kFlag: {
      UPNEXT_ASSIGN_OR_RETURN(const bool flag, FlagOf(value));
      typed.number = flag ? 1 : 0;
      break;
    }
    case Kind::kNumber: {
      UPNEXT_ASSIGN_OR_RETURN(typed.number, NumberOf(value, attribute));
      break;
    }
    case Kind::kTime: {
      UPNEXT_ASSIGN_OR_RETURN(typed.time_ms, TimeOf(value));
      break;
    }
    default:
      return TextOf(value);
  }
  return schema::TextOf(attribute, typed);
}

// What to declare so that a key is taken, "" for a value that no attribute of requests can have.
std::string LineToAdd(std::string_view key, const dom::element& value) {
  const std::string_view kind = value.is_number()   ? "number"
                                : value.is_bool()   ? "flag"
                                : value.is_string() ? "category"
                                                    : "";
  if (kind.empty()) return "";
  return fmt::format(
      "; an attribute of requests is a line in the project file: [schema.requests] "
      "{} = \"{}\"",
      key, kind);
}

// Parses the events of one batch.
class EventParser {
 public:
  explicit EventParser(const schema::Schema& schema)
      : schema_(schema), attributes_(schema.attributes(schema::Entity::kRequest)) {}

  Status Parse(const dom::element& element, RawEvent* event, std::string* id) const {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) {
      return InvalidArgument("expected an object, found {}", KindOf(element));
    }
    event->time_ms = schema::kNoTime;
    event->type = schema::EventType{0};
    for (const auto& [key, value] : object) {
      if (Status status = SetKey(key, value, event, id); !status) {
        return WithContext(std::move(status).error(), key);
      }
    }
    return schema::CheckEvent(schema_, *event);
  }

 private:
  Status SetKey(std::string_view key, const dom::element& value, RawEvent* event,
                std::string* id) const {
    if (value.is_null()) return Ok();  // as if the key were not there
    if (key == "user") return SetText(value, &event->user);
    if (key == "item") return SetText(value, &event->item);
    if (key == "request") return SetText(value, &event->request);
    if (key == "id") {
      UPNEXT_RETURN_IF_ERROR(SetText(value, id));
      return schema::CheckId(*id);
    }
    if (key == "time") {
      UPNEXT_ASSIGN_OR_RETURN(event->time_ms, TimeOf(value));
      return Ok();
    }
    if (key == "value") {
      UPNEXT_ASSIGN_OR_RETURN(event->value, NumberOf(value, schema::ValueColumn()));
      return Ok();
    }
    if (key == "type") {
      UPNEXT_ASSIGN_OR_RETURN(const std::string name, TextOf(value));
      const std::optional<schema::EventType> type = schema_.FindEventType(name);
      if (!type)
        return InvalidArgument("{}", schema_.UnknownEventType(name.substr(0, kMaxIdBytes)));
      event->type = *type;
      return Ok();
    }
    // "seed" is the old name.
    const auto number = schema_.FindAttribute(
        schema::Entity::kRequest, key == "seed" ? std::string_view("current_item") : key);
    if (number) return SetAttribute(*number, value, event);
    return InvalidArgument("there is no such key{}{}", base::DidYouMean(key, Keys()),
                           LineToAdd(key, value));
  }

  Status SetAttribute(uint32_t number, const dom::element& value, RawEvent* event) const {
    using namespace schema::request_attribute;
    const Attribute& attribute = attributes_[number];
    if (number < schema::kRawRequestIds.size()) {
      return SetText(value, &(event->*schema::kRawRequestIds[number]));
    }
    if (number == kPosition) {
      UPNEXT_ASSIGN_OR_RETURN(const float position, NumberOf(value, attribute));
      event->position = static_cast<uint16_t>(position);
    } else if (number == kPropensity) {
      UPNEXT_ASSIGN_OR_RETURN(event->propensity, NumberOf(value, attribute));
    } else if (number == kOffSite) {
      UPNEXT_ASSIGN_OR_RETURN(event->off_site, FlagOf(value));
    } else {
      UPNEXT_ASSIGN_OR_RETURN(std::string text, DeclaredText(value, attribute));
      if (!text.empty()) event->attributes.emplace_back(number, std::move(text));
    }
    return Ok();
  }

  std::vector<std::string> Keys() const {
    std::vector<std::string> keys = {"user", "item", "time", "type", "value", "request", "id"};
    for (const Attribute& attribute : attributes_) keys.push_back(attribute.name);
    return keys;
  }

  const schema::Schema& schema_;
  const std::span<const Attribute> attributes_;
};

}  // namespace

Result<EventBatch> ParseEvents(const schema::Schema& schema, std::string_view body) {
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
  const EventParser events(schema);
  EventBatch batch;
  for (const dom::element element : list) {
    RawEvent event;
    std::string id;
    if (Status status = events.Parse(element, &event, &id); !status) {
      return WithContext(std::move(status).error(), fmt::format("events[{}]", batch.events.size()));
    }
    batch.events.push_back(std::move(event));
    batch.ids.push_back(std::move(id));
  }
  return batch;
}

}  // namespace upnext::net
