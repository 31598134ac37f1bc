#include "schema/values.h"

#include <charconv>
#include <cmath>

namespace upnext::schema {
namespace {

// The whole text as a number.
std::optional<double> ParseNumber(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "150", "0.5", "1e9".
std::string Short(double number) {
  std::string text = fmt::format("{:g}", number);
  const size_t exponent = text.find("e+");
  if (exponent == std::string::npos) return text;
  const size_t digits = std::min(text.find_first_not_of('0', exponent + 2), text.size());
  return text.substr(0, exponent + 1) + text.substr(digits);
}

std::unexpected<Error> Unexpected(const Attribute& attribute, std::string_view text) {
  return InvalidArgument("expected {}, found '{}'", Expected(attribute), text.substr(0, 60));
}

Status Named(Status status, std::string_view name) {
  return status ? status : WithContext(std::move(status).error(), name);
}

// Control characters and marks that take several bytes.
bool HasControlInUtf8(std::string_view id) {
  const auto byte = [&](size_t i) { return i < id.size() ? static_cast<uint8_t>(id[i]) : 0; };
  const auto within = [](int value, int low, int high) { return value >= low && value <= high; };
  for (size_t i = 0; i < id.size(); ++i) {
    const int first = byte(i), second = byte(i + 1), third = byte(i + 2);
    if (first == 0xc2 && within(second, 0x80, 0x9f)) return true;  // U+0080 to U+009F
    if (first == 0xd8 && second == 0x9c) return true;              // U+061C
    // U+200E, U+200F, U+2028 to U+202E; U+2066 to U+2069
    if (first == 0xe2 && second == 0x80 &&
        (within(third, 0x8e, 0x8f) || within(third, 0xa8, 0xae))) {
      return true;
    }
    if (first == 0xe2 && second == 0x81 && within(third, 0xa6, 0xa9)) return true;
  }
  return false;
}

// An id that may be absent.
Status CheckOptionalId(std::string_view name, std::string_view id, bool any_bytes = false) {
  return Named(CheckId(id, any_bytes), name);
}

// A number of which NaN means that it is absent.
Status CheckOptional(const Attribute& attribute, float number) {
  return std::isnan(number) ? Ok() : Named(CheckNumber(attribute, number), attribute.name);
}

}  // namespace

const Attribute& ValueColumn() {
  static const Attribute value = {.name = "value", .min = 0, .max = kMaxValue};
  return value;
}

std::string Expected(const Attribute& attribute) {
  switch (attribute.kind) {
    case Kind::kFlag:
      return "true or false";
    case Kind::kNumber: {
      const std::string_view number = attribute.whole ? "a whole number" : "a number";
      const bool low = attribute.min > Attribute().min, high = attribute.max < Attribute().max;
      if (low && high) {
        return fmt::format("{} in {}{}, {}]", number, attribute.above_min ? '(' : '[',
                           Short(attribute.min), Short(attribute.max));
      }
      return low ? fmt::format("a finite number of at least {}", Short(attribute.min))
                 : "a finite number";
    }
    case Kind::kTime:
      return "seconds since 1970 or a timestamp, between the years 1900 and 2200";
    case Kind::kCategory:
    case Kind::kCategories:
      return fmt::format("an id of at most {} bytes{}", attribute.max_bytes,
                         attribute.any_bytes ? "" : " without control characters");
    case Kind::kText:
      return fmt::format("a text of at most {} bytes", attribute.max_bytes);
    case Kind::kVector:
      return fmt::format("a list of {} finite numbers", attribute.width);
  }
  return "";
}

bool Allows(const Attribute& attribute, double number) {
  if (!(number >= attribute.min && number <= attribute.max)) return false;
  // As it will be stored: a tiny number may become the bound.
  if (attribute.above_min && !(static_cast<float>(number) > attribute.min)) return false;
  return !attribute.whole || number == std::floor(number);
}

bool HasControlBytes(std::string_view id) {
  // No way out early: ids are short and nearly all are good, so that vectors do most of it.
  bool found = false, lead = false;
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    found |= byte < 0x20 || byte == 0x7f;
    lead |= byte == 0xc2 || byte == 0xd8 || byte == 0xe2;
  }
  return found || (lead && HasControlInUtf8(id));
}

Status CheckNumber(const Attribute& attribute, double number) {
  if (Allows(attribute, number)) return Ok();
  return InvalidArgument("expected {}, found {}", Expected(attribute), number);
}

Status CheckTime(int64_t time_ms) {
  if (time_ms >= kEarliestMs && time_ms <= kLatestMs) return Ok();
  return InvalidArgument(
      "expected seconds since 1970, between the years 1900 and 2200, found {:.0f}{}",
      static_cast<double>(time_ms) / 1000, time_ms > kLatestMs ? "; are these milliseconds?" : "");
}

Status CheckId(std::string_view id, bool any_bytes) {
  if (id.size() > kMaxIdBytes) {
    return InvalidArgument("expected at most {} bytes, found {}", kMaxIdBytes, id.size());
  }
  if (!any_bytes && HasControlBytes(id)) {
    return InvalidArgument(
        "expected an id without control characters, found one, e.g. a tab, a line break or a mark "
        "of the direction of text");
  }
  return Ok();
}

std::string TextOf(const Attribute& attribute, const AttributeValue& value) {
  switch (attribute.kind) {
    case Kind::kFlag:
      return std::isnan(value.number) ? "" : value.number != 0 ? "true" : "false";
    case Kind::kNumber:
      return std::isnan(value.number) ? "" : fmt::format("{}", value.number);
    case Kind::kTime:
      if (value.time_ms == kNoTime) return "";
      return fmt::format("{}{}.{:03}", value.time_ms < 0 ? "-" : "", std::abs(value.time_ms) / 1000,
                         std::abs(value.time_ms) % 1000);
    default:
      return "";
  }
}

std::string TextOf(std::span<const float> vector) {
  return fmt::format("{}", fmt::join(vector, " "));
}

Result<AttributeValue> ParseValue(const Attribute& attribute, std::string_view text) {
  AttributeValue value;
  switch (attribute.kind) {
    case Kind::kFlag:
      if (text != "true" && text != "false" && text != "1" && text != "0") {
        return Unexpected(attribute, text);
      }
      value.number = text == "true" || text == "1" ? 1.0f : 0.0f;
      break;
    case Kind::kNumber: {
      const std::optional<double> number = ParseNumber(text);
      if (!number || !Allows(attribute, *number)) return Unexpected(attribute, text);
      value.number = static_cast<float>(*number);
      break;
    }
    case Kind::kTime: {
      const std::optional<double> seconds = ParseNumber(text);
      if (!seconds || !(std::abs(*seconds) < 1e15)) return Unexpected(attribute, text);
      value.time_ms = std::llround(*seconds * 1000);
      UPNEXT_RETURN_IF_ERROR(CheckTime(value.time_ms));
      break;
    }
    case Kind::kCategory:
    case Kind::kCategories:
      UPNEXT_RETURN_IF_ERROR(CheckId(text, attribute.any_bytes));
      break;
    case Kind::kText:
      if (text.size() > attribute.max_bytes) {
        return InvalidArgument("expected {}, found {} bytes", Expected(attribute), text.size());
      }
      break;
    case Kind::kVector:
      return Unexpected(attribute, text);
  }
  return value;
}

Result<std::vector<float>> ParseVector(const Attribute& attribute, std::string_view text) {
  std::vector<float> vector;
  for (size_t begin = text.find_first_not_of(' '); begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::optional<double> number = ParseNumber(text.substr(begin, end - begin));
    if (!number || !Allows(Attribute(), *number)) return Unexpected(attribute, text);
    vector.push_back(static_cast<float>(*number));
    begin = text.find_first_not_of(' ', end);
  }
  if (vector.size() != attribute.width) {
    return InvalidArgument("expected {}, found {} of them", Expected(attribute), vector.size());
  }
  return vector;
}

Status CheckDeclared(const Schema& schema, Entity entity, const RawAttributes& attributes) {
  const std::span<const Attribute> known = schema.attributes(entity);
  for (const auto& [number, text] : attributes) {
    if (number >= known.size() || known[number].built_in) {
      return InvalidArgument("{} is not the number of a declared attribute", number);
    }
    UPNEXT_RETURN_IF_ERROR(Named(CheckText(known[number], text), known[number].name));
  }
  return Ok();
}

Status CheckText(const Attribute& attribute, std::string_view text) {
  if (attribute.kind == Kind::kVector) {
    UPNEXT_RETURN_IF_ERROR(ParseVector(attribute, text));
  } else {
    UPNEXT_RETURN_IF_ERROR(ParseValue(attribute, text));
  }
  return Ok();
}

Status CheckEntity(const Schema& schema, Entity entity, const RawEntity& row) {
  const std::string_view what = entity == Entity::kItem ? "item" : "user";
  if (row.name.empty()) return InvalidArgument("{}: expected an id, found none", what);
  UPNEXT_RETURN_IF_ERROR(Named(CheckId(row.name), what));
  const std::span<const Attribute> known = schema.attributes(entity);
  for (const auto& [number, text] : row.attributes) {
    if (number >= known.size()) {
      return InvalidArgument("{} is not the number of an attribute", number);
    }
    UPNEXT_RETURN_IF_ERROR(Named(CheckText(known[number], text), known[number].name));
  }
  return Ok();
}

namespace {

// That the event has what its type needs.
Status CheckComplete(const Schema& schema, const RawEvent& event) {
  if (event.user.empty()) return InvalidArgument("expected a user, found none");
  if (!schema.Has(event.type)) return InvalidArgument("expected a type, found none");
  const EventTypeInfo& type = schema.info(event.type);
  if (type.role == Role::kSearch) {
    if (event.query.empty()) return InvalidArgument("expected a query for a search, found none");
    if (!event.item.empty()) return InvalidArgument("expected no item for a search, found one");
  } else if (event.item.empty()) {
    return InvalidArgument("expected an item, found none");
  }
  if (type.needs_value && std::isnan(event.value)) {
    return InvalidArgument("expected a value ({}) for the type {}, found none", type.value_words,
                           type.name);
  }
  return Ok();
}

}  // namespace

Status CheckEvent(const Schema& schema, const RawEvent& event) {
  UPNEXT_RETURN_IF_ERROR(CheckOptionalId("user", event.user));
  UPNEXT_RETURN_IF_ERROR(CheckOptionalId("item", event.item));
  UPNEXT_RETURN_IF_ERROR(CheckOptionalId("request", event.request));
  UPNEXT_RETURN_IF_ERROR(CheckOptional(ValueColumn(), event.value));
  const std::span<const Attribute> attributes = schema.attributes(Entity::kRequest);
  for (size_t i = 0; i < kRawRequestIds.size(); ++i) {
    UPNEXT_RETURN_IF_ERROR(
        CheckOptionalId(attributes[i].name, event.*kRawRequestIds[i], attributes[i].any_bytes));
  }
  UPNEXT_RETURN_IF_ERROR(
      CheckOptional(attributes[request_attribute::kPropensity], event.propensity));
  UPNEXT_RETURN_IF_ERROR(
      CheckOptional(attributes[request_attribute::kSourceScore], event.source_score));
  UPNEXT_RETURN_IF_ERROR(CheckDeclared(schema, Entity::kRequest, event.attributes));
  return CheckComplete(schema, event);
}

Status CheckItem(const Schema& schema, const RawItem& item) {
  if (item.item.empty()) return InvalidArgument("expected an item, found none");
  const std::span<const Attribute> attributes = schema.attributes(Entity::kItem);
  UPNEXT_RETURN_IF_ERROR(Named(CheckId(item.item), "item"));
  UPNEXT_RETURN_IF_ERROR(CheckOptional(attributes[item_attribute::kDuration], item.duration_s));
  UPNEXT_RETURN_IF_ERROR(CheckOptionalId("channel", item.channel));
  UPNEXT_RETURN_IF_ERROR(CheckOptionalId("language", item.language));
  for (const std::string& topic : item.topics) {
    UPNEXT_RETURN_IF_ERROR(CheckOptionalId("topics", topic));
  }
  if (item.title.size() > kMaxTitleBytes) {
    return InvalidArgument("title: expected {}, found {} bytes",
                           Expected(attributes[item_attribute::kTitle]), item.title.size());
  }
  return CheckDeclared(schema, Entity::kItem, item.attributes);
}

Status CheckUser(const Schema& schema, const RawUser& user) {
  if (user.user.empty()) return InvalidArgument("expected a user, found none");
  const std::span<const Attribute> attributes = schema.attributes(Entity::kUser);
  UPNEXT_RETURN_IF_ERROR(Named(CheckId(user.user), "user"));
  UPNEXT_RETURN_IF_ERROR(CheckOptionalId("region", user.region));
  UPNEXT_RETURN_IF_ERROR(CheckOptionalId("language", user.language));
  UPNEXT_RETURN_IF_ERROR(CheckOptional(attributes[user_attribute::kAge], user.age));
  UPNEXT_RETURN_IF_ERROR(CheckOptional(attributes[user_attribute::kGender], user.gender));
  UPNEXT_RETURN_IF_ERROR(CheckOptional(attributes[user_attribute::kLoggedIn], user.logged_in));
  return CheckDeclared(schema, Entity::kUser, user.attributes);
}

}  // namespace upnext::schema
