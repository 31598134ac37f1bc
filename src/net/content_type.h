// What a Content-Type says of a body.
//
//   const std::string why = WhyNotJson("application/json; charset=utf-8");      ""
//
// Pure functions.
#ifndef UPNEXT_NET_CONTENT_TYPE_H_
#define UPNEXT_NET_CONTENT_TYPE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace upnext::net {

// "" for application/json in UTF-8, which it is without a charset; else what was expected and found.
std::string WhyNotJson(std::string_view content_type);
// The same for application/json or application/x-ndjson, an object on each line.
std::string WhyNotJsonOrLines(std::string_view content_type);
// kLines, for application/x-ndjson: a value on each line, which may end with \r\n; empty lines are
// passed over.
enum class BodyFormat : uint8_t { kJson, kLines };
BodyFormat FormatOf(std::string_view content_type);
// Whether the values of Accept headers, separated by commas, ask for application/x-ndjson.
bool AcceptsLines(std::string_view accept);

}  // namespace upnext::net

#endif  // UPNEXT_NET_CONTENT_TYPE_H_
