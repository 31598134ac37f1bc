// Values of JSON that a client sent, as what the schema says that they are. Errors are kInvalidArgument
// with what was expected and found, and name no key.
//
//   UPNEXT_ASSIGN_OR_RETURN(const std::string id, IdOf(value));
//
// Pure functions. Only the parsers of bodies include it.
#ifndef UPNEXT_NET_JSON_VALUES_H_
#define UPNEXT_NET_JSON_VALUES_H_

#include <simdjson.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "schema/attribute.h"

namespace upnext::net {

inline constexpr size_t kShownBytes = 60;  // of a client's text in a message

// Takes a line from the front of `body`, without its end.
std::string_view TakeLine(std::string_view* body);
std::string_view KindOf(const simdjson::dom::element& value);  // "an array"
Result<std::string> TextOf(const simdjson::dom::element& value);
// An id: a string, or a whole number, which has one way to be written.
Result<std::string> IdOf(const simdjson::dom::element& value);
Result<double> NumberOf(const simdjson::dom::element& value);
Result<float> NumberOf(const simdjson::dom::element& value, const schema::Attribute& attribute);
// Seconds since 1970, or ISO text; without an offset it is UTC, as in the import. In milliseconds.
Result<int64_t> TimeOf(const simdjson::dom::element& value);
Result<bool> FlagOf(const simdjson::dom::element& value);
// The value of an attribute that is neither a list of categories nor a vector, as text (values.h).
Result<std::string> DeclaredText(const simdjson::dom::element& value,
                                 const schema::Attribute& attribute);

}  // namespace upnext::net

#endif  // UPNEXT_NET_JSON_VALUES_H_
