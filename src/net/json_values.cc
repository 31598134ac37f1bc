#include "net/json_values.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/time_text.h"
#include "schema/values.h"

namespace upnext::net {

using schema::Attribute;
using schema::Kind;
namespace dom = simdjson::dom;

std::string_view TakeLine(std::string_view* body) {
  const size_t end = std::min(body->find('\n'), body->size());
  std::string_view line = body->substr(0, end);
  body->remove_prefix(std::min(end + 1, body->size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
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
  return std::string(text);
}

Result<std::string> IdOf(const dom::element& value) {
  if (int64_t number = 0; value.is_int64() && value.get(number) == simdjson::SUCCESS) {
    return fmt::format("{}", number);
  }
  if (uint64_t number = 0; value.is_uint64() && value.get(number) == simdjson::SUCCESS) {
    return fmt::format("{}", number);
  }
  if (value.is_number()) {
    return InvalidArgument("expected a string or a whole number, found {}; write it in quotes",
                           simdjson::minify(value));
  }
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    return InvalidArgument("expected a string or a whole number, found {}", KindOf(value));
  }
  return std::string(text);
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
  if (std::string_view text; value.get(text) == simdjson::SUCCESS) {
    std::optional<int64_t> time_ms = base::ParseTime(text);
    if (!time_ms) time_ms = base::ParseTime(std::string(text) + "Z");
    if (!time_ms) {
      return InvalidArgument(
          "expected seconds since 1970 as a number, or ISO text such as 2024-01-05T10:00:00Z, found "
          "'{}'",
          text.substr(0, kShownBytes));
    }
    UPNEXT_RETURN_IF_ERROR(schema::CheckTime(*time_ms));
    return *time_ms;
  }
  if (!value.is_number()) {
    return InvalidArgument("expected seconds since 1970 or ISO text, found {}", KindOf(value));
  }
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
    case Kind::kText:
      return TextOf(value);
    default:
      return IdOf(value);
  }
  return schema::TextOf(attribute, typed);
}

}  // namespace upnext::net
