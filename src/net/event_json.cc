#include "net/event_json.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "base/suggest.h"
#include "net/json_values.h"
#include "schema/values.h"
#include "serving/session.h"

namespace upnext::net {

using schema::Attribute;
using schema::Kind;
using schema::RawEvent;
namespace dom = simdjson::dom;

namespace {

Status SetId(const dom::element& value, std::string* to) {
  UPNEXT_ASSIGN_OR_RETURN(*to, IdOf(value));
  return Ok();
}

// What to declare so that a key is taken, "" for a value that no attribute of requests can have.
std::string LineToAdd(std::string_view key, const dom::element& value) {
  const std::string_view kind = value.is_number()   ? "number"
                                : value.is_bool()   ? "flag"
                                : value.is_string() ? "category"
                                                    : "";
  return kind.empty() ? "" : HowToDeclare(key, kind);
}

// Parses the events of one batch.
class EventParser {
 public:
  explicit EventParser(const schema::Schema& schema)
      : schema_(schema),
        attributes_(schema.attributes(schema::Entity::kRequest)),
        given_(kFirstAttribute + attributes_.size()) {}

  Status Parse(const dom::element& element, RawEvent* event, std::string* id) {
    dom::object object;
    if (element.get(object) != simdjson::SUCCESS) {
      return InvalidArgument("expected an object, found {}", KindOf(element));
    }
    event->time_ms = schema::kNoTime;
    event->type = schema::EventType{0};
    given_.assign(given_.size(), false);
    session_.clear();
    for (const auto& [key, value] : object) {
      if (Status status = SetKey(key, value, event, id); !status) {
        return WithContext(std::move(status).error(), key.substr(0, kShownBytes));
      }
    }
    if (!session_.empty()) {
      if (!event->user.empty()) {
        return InvalidArgument("session: expected none beside the user '{}', found '{}'",
                               event->user.substr(0, kShownBytes), session_.substr(0, kShownBytes));
      }
      UPNEXT_ASSIGN_OR_RETURN(event->user, serving::UserOfSession(session_));
    }
    const bool by_portion = std::isnan(event->value) && !std::isnan(event->portion);
    if (by_portion && event->progress) event->value = 0;  // until the item's duration is known
    return schema::CheckEvent(schema_, *event);
  }

 private:
  // Keys in the order of kKeys, then the attributes of requests.
  enum Key : size_t {
    kUser,
    kItem,
    kTime,
    kType,
    kValue,
    kRequest,
    kId,
    kSession,
    kProgress,
    kPortion,
    kFirstAttribute
  };
  static constexpr std::array<std::string_view, kFirstAttribute> kKeys = {
      "user", "item", "time", "type", "value", "request", "id", "session", "progress", "portion"};

  // The number of a key; nullopt when there is no such key.
  std::optional<size_t> Find(std::string_view key) const {
    const auto at = std::ranges::find(kKeys, key);
    if (at != kKeys.end()) return static_cast<size_t>(at - kKeys.begin());
    // "seed" is the old name.
    const auto number = schema_.FindAttribute(
        schema::Entity::kRequest, key == "seed" ? std::string_view("current_item") : key);
    return number ? std::optional<size_t>(kFirstAttribute + *number) : std::nullopt;
  }

  Status SetKey(std::string_view key, const dom::element& value, RawEvent* event, std::string* id) {
    const std::optional<size_t> number = Find(key);
    if (!number) {
      key = key.substr(0, kShownBytes);  // looking for the nearest takes time
      return InvalidArgument("there is no such key{}{}", base::DidYouMean(key, Keys()),
                             LineToAdd(key, value));
    }
    // Readers of JSON differ in which of two equal keys they believe.
    if (given_[*number]) return InvalidArgument("the key is given twice");
    given_[*number] = true;
    if (value.is_null()) return Ok();  // as if the key were not there
    switch (*number) {
      case kUser:
        UPNEXT_RETURN_IF_ERROR(SetId(value, &event->user));
        return event->user.empty() ? Ok() : serving::CheckUser(event->user);
      case kSession:
        return SetId(value, &session_);
      case kItem:
        return SetId(value, &event->item);
      case kRequest:
        return SetId(value, &event->request);
      case kId:
        UPNEXT_RETURN_IF_ERROR(SetId(value, id));
        return schema::CheckId(*id);
      case kTime: {
        UPNEXT_ASSIGN_OR_RETURN(event->time_ms, TimeOf(value));
        return Ok();
      }
      case kValue: {
        UPNEXT_ASSIGN_OR_RETURN(event->value, NumberOf(value, schema::ValueColumn()));
        return Ok();
      }
      case kType:
        return SetType(value, event);
      case kProgress: {
        UPNEXT_ASSIGN_OR_RETURN(event->progress, FlagOf(value));
        return Ok();
      }
      case kPortion: {
        UPNEXT_ASSIGN_OR_RETURN(event->portion, NumberOf(value, schema::ValueColumn()));
        return Ok();
      }
      default:
        return SetAttribute(static_cast<uint32_t>(*number - kFirstAttribute), value, event);
    }
  }

  Status SetType(const dom::element& value, RawEvent* event) const {
    UPNEXT_ASSIGN_OR_RETURN(const std::string name, TextOf(value));
    const std::optional<schema::EventType> type = schema_.FindEventType(name);
    if (!type) {
      return InvalidArgument("{}", schema_.UnknownEventType(name.substr(0, kShownBytes)));
    }
    event->type = *type;
    return Ok();
  }

  Status SetAttribute(uint32_t number, const dom::element& value, RawEvent* event) const {
    using namespace schema::request_attribute;
    const Attribute& attribute = attributes_[number];
    if (number < schema::kRawRequestIds.size()) {
      return SetId(value, &(event->*schema::kRawRequestIds[number]));
    }
    if (number == kPosition) {
      UPNEXT_ASSIGN_OR_RETURN(const float position, NumberOf(value, attribute));
      event->position = static_cast<uint16_t>(position);
    } else if (number == kPropensity) {
      UPNEXT_ASSIGN_OR_RETURN(event->propensity, NumberOf(value, attribute));
    } else if (number == kSourceScore) {
      UPNEXT_ASSIGN_OR_RETURN(event->source_score, NumberOf(value, attribute));
    } else if (number == kOffSite) {
      UPNEXT_ASSIGN_OR_RETURN(event->off_site, FlagOf(value));
    } else {
      UPNEXT_ASSIGN_OR_RETURN(std::string text, DeclaredText(value, attribute));
      if (!text.empty()) event->attributes.emplace_back(number, std::move(text));
    }
    return Ok();
  }

  std::vector<std::string> Keys() const {
    std::vector<std::string> keys(kKeys.begin(), kKeys.end());
    for (const Attribute& attribute : attributes_) keys.push_back(attribute.name);
    return keys;
  }

  const schema::Schema& schema_;
  const std::span<const Attribute> attributes_;
  std::string session_;      // in the event at hand
  std::vector<bool> given_;  // by number of key, in the event at hand
};

}  // namespace

std::string HowToDeclare(std::string_view name, std::string_view kind) {
  return fmt::format(
      "; an attribute of requests is a line in the project file: [schema.requests] {} = \"{}\"",
      name, kind);
}

namespace {

// The keys beside "events", which stands alone.
Result<dom::array> ListOf(const dom::object& object) {
  static const std::vector<std::string> known = {"events"};
  bool given = false;
  for (const auto& [key, value] : object) {
    if (key == known.front() && std::exchange(given, true)) {
      return InvalidArgument(R"(expected {{"events": [...]}}, found the key 'events' twice)");
    }
    if (key == known.front()) continue;
    return InvalidArgument(R"(expected {{"events": [...]}}, found the key '{}'{})",
                           key.substr(0, kShownBytes), base::DidYouMean(key, known));
  }
  dom::array list;
  if (object["events"].get(list) == simdjson::SUCCESS) return list;
  return InvalidArgument(R"(expected {{"events": [...]}}, found an object without such an array)");
}

class BatchReader {
 public:
  explicit BatchReader(const schema::Schema& schema) : events_(schema) {}

  // {"events": [...]}, or an event alone, which has a type.
  Status ReadJson(std::string_view body) {
    dom::element root;
    if (const auto error = parser_.parse(body.data(), body.size()).get(root)) {
      return InvalidArgument("the body is not JSON: {}", simdjson::error_message(error));
    }
    dom::object object;
    if (root.get(object) != simdjson::SUCCESS) {
      return InvalidArgument(R"(expected {{"events": [...]}} or an event, found {})", KindOf(root));
    }
    if (object["events"].error() != simdjson::SUCCESS &&
        object["type"].error() == simdjson::SUCCESS) {
      return Add(root);
    }
    UPNEXT_ASSIGN_OR_RETURN(const dom::array list, ListOf(object));
    if (list.size() > kMaxEvents) return TooMany();
    for (const dom::element element : list) {
      if (Status status = Add(element); !status) {
        return WithContext(std::move(status).error(),
                           fmt::format("events[{}]", batch_.events.size()));
      }
    }
    return Ok();
  }

  // An event on each line.
  Status ReadLines(std::string_view body) {
    for (size_t number = 1; !body.empty(); ++number) {
      const std::string_view line = TakeLine(&body);
      if (line.empty()) continue;
      dom::element root;
      const auto error = parser_.parse(line.data(), line.size()).get(root);
      Status status =
          error ? InvalidArgument("expected JSON: {}", simdjson::error_message(error)) : Add(root);
      if (!status) {
        return WithContext(std::move(status).error(), fmt::format("line {}", number));
      }
    }
    return Ok();
  }

  EventBatch Take() { return std::move(batch_); }

 private:
  static Status TooMany() {
    return InvalidArgument("expected at most {} events in a batch, found more", kMaxEvents);
  }

  Status Add(const dom::element& element) {
    if (batch_.events.size() == kMaxEvents) return TooMany();
    RawEvent event;
    std::string id;
    UPNEXT_RETURN_IF_ERROR(events_.Parse(element, &event, &id));
    batch_.events.push_back(std::move(event));
    batch_.ids.push_back(std::move(id));
    return Ok();
  }

  EventParser events_;
  dom::parser parser_;
  EventBatch batch_;
};

}  // namespace

Result<EventBatch> ParseEvents(const schema::Schema& schema, std::string_view body,
                               BodyFormat format) {
  BatchReader reader(schema);
  UPNEXT_RETURN_IF_ERROR(format == BodyFormat::kLines ? reader.ReadLines(body)
                                                      : reader.ReadJson(body));
  return reader.Take();
}

}  // namespace upnext::net
