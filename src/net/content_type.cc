#include "net/content_type.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/url/grammar/ci_string.hpp>

namespace upnext::net {
namespace {

bool SameWord(std::string_view a, std::string_view b) {
  return boost::urls::grammar::ci_is_equal(a, b);
}

std::string_view WithoutBlanks(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// What is before the next semicolon; takes it from the front of `rest`.
std::string_view TakePart(std::string_view* rest) {
  const size_t end = std::min(rest->find(';'), rest->size());
  const std::string_view part = WithoutBlanks(rest->substr(0, end));
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return part;
}

constexpr std::string_view kJson = "application/json", kLines = "application/x-ndjson";

std::string WhyNotType(std::string_view content_type, bool may_be_lines) {
  const std::string expected = fmt::format("{}{}{}", kJson, may_be_lines ? " or " : "",
                                           may_be_lines ? kLines : std::string_view());
  const std::string_view type = TakePart(&content_type);
  if (type.empty()) return fmt::format("expected Content-Type: {}, found none", expected);
  if (!SameWord(type, kJson) && !(may_be_lines && SameWord(type, kLines))) {
    return fmt::format("expected Content-Type: {}, found '{}'", expected, type);
  }
  while (!content_type.empty()) {
    const std::string_view part = TakePart(&content_type);
    const size_t equals = std::min(part.find('='), part.size());
    if (!SameWord(part.substr(0, equals), "charset")) continue;
    std::string_view value = part.substr(std::min(equals + 1, part.size()));
    if (value.size() > 1 && value.starts_with('"') && value.ends_with('"')) {
      value = value.substr(1, value.size() - 2);
    }
    if (!SameWord(value, "utf-8")) {
      return fmt::format("expected a body in UTF-8, found charset '{}' in Content-Type", value);
    }
  }
  return "";
}

}  // namespace

std::string WhyNotJson(std::string_view content_type) { return WhyNotType(content_type, false); }

std::string WhyNotJsonOrLines(std::string_view content_type) {
  return WhyNotType(content_type, true);
}

BodyFormat FormatOf(std::string_view content_type) {
  return SameWord(TakePart(&content_type), kLines) ? BodyFormat::kLines : BodyFormat::kJson;
}

bool AcceptsLines(std::string_view accept) {
  while (!accept.empty()) {
    const size_t end = std::min(accept.find(','), accept.size());
    if (FormatOf(accept.substr(0, end)) == BodyFormat::kLines) return true;
    accept.remove_prefix(std::min(end + 1, accept.size()));
  }
  return false;
}

}  // namespace upnext::net
