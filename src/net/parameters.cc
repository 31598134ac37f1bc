#include "net/parameters.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/rfc/pchars.hpp>
#include <charconv>

#include "base/suggest.h"
#include "schema/values.h"

namespace upnext::net {

namespace urls = boost::urls;

namespace {

constexpr std::string_view kOfExpressions = "parameter.";

bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// The character at the front of `text`: of UTF-8 all its bytes.
std::string_view CharacterAt(std::string_view text) {
  size_t size = 1;
  while (size < std::min<size_t>(4, text.size()) && (text[size] & 0xc0) == 0x80) ++size;
  return text.substr(0, static_cast<unsigned char>(text[0]) < 0x80 ? 1 : size);
}

std::string Encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return encoded;
}

Error NotATarget(std::string_view target) {
  for (size_t at = 0; at < target.size(); ++at) {
    const char c = target[at];
    if (c == '%') {
      if (at + 2 < target.size() && IsHexDigit(target[at + 1]) && IsHexDigit(target[at + 2]))
        continue;
      return {Code::kInvalidArgument,
              fmt::format("the request target has '%' at byte {} without two hexadecimal digits; "
                          "write %25 for the character itself",
                          at + 1)};
    }
    if (urls::pchars(c) || c == '/' || c == '?') continue;
    const std::string_view character = CharacterAt(target.substr(at));
    return {Code::kInvalidArgument,
            fmt::format("the request target has '{}' at byte {}, which a URL may only have "
                        "percent-encoded: write {}",
                        character, at + 1, Encoded(character))};
  }
  return {Code::kInvalidArgument,
          "the request target is not a path with a query, such as /v1/recommendations?user=U"};
}

}  // namespace

Result<urls::url_view> ParseTarget(std::string_view target) {
  const auto url = urls::parse_origin_form(boost::core::string_view(target.data(), target.size()));
  if (url.has_error()) return std::unexpected(NotATarget(target));
  // All delimiters are ASCII, so the whole is UTF-8 when its parts are.
  std::string decoded = urls::pct_string_view(url->buffer()).decode();
  if (decoded.find('\0') != std::string::npos) {
    return InvalidArgument("the request target has %00 at byte {}, which is in no id",
                           target.find("%00") + 1);
  }
  if (!simdjson::validate_utf8(decoded)) {
    return InvalidArgument(
        "the request target has percent-encoded bytes that are not UTF-8; encode ids as UTF-8, such "
        "as %C3%BC for U+00FC");
  }
  return *url;
}

Result<Parameters> Parameters::Parse(const urls::url_view& url,
                                     std::initializer_list<std::string_view> repeatable) {
  Parameters out;
  for (const auto param : url.params()) {
    if (param.key.empty() && param.value.empty()) continue;  // "?" alone, or "&&"
    const bool may_repeat = std::ranges::find(repeatable, param.key) != repeatable.end() ||
                            param.key.starts_with(kOfExpressions);
    for (const auto& [key, value] : out.values_) {
      if (key == param.key && !may_repeat) {
        return InvalidArgument("parameter {} is given twice", key);
      }
    }
    out.values_.emplace_back(param.key, param.value);
  }
  return out;
}

bool Parameters::Has(std::string_view name) const {
  return std::ranges::any_of(values_, [&](const auto& one) { return one.first == name; });
}

std::string Parameters::Text(std::string_view name) {
  return TextIfGiven(name).value_or(std::string());
}

std::optional<std::string> Parameters::TextIfGiven(std::string_view name) {
  std::vector<std::string> texts = Texts(name);
  return texts.empty() ? std::nullopt : std::optional(std::move(texts.front()));
}

std::vector<std::string> Parameters::Texts(std::string_view name) {
  known_.emplace_back(name);
  std::vector<std::string> texts;
  for (const auto& [key, value] : values_) {
    if (key == name) texts.push_back(value);
  }
  return texts;
}

std::vector<std::pair<std::string, std::vector<std::string>>> Parameters::OfExpressions() {
  std::vector<std::pair<std::string, std::vector<std::string>>> out;
  for (const auto& [key, value] : values_) {
    if (!key.starts_with(kOfExpressions)) continue;
    const std::string name = key.substr(kOfExpressions.size());
    auto same = std::ranges::find(out, name, [](const auto& one) { return one.first; });
    if (same == out.end()) {
      known_.push_back(key);
      same = out.insert(same, {name, {}});
    }
    same->second.push_back(value);
  }
  return out;
}

Result<uint32_t> Parameters::Count(std::string_view name, uint32_t fallback, uint32_t min,
                                   uint32_t max) {
  const std::optional<std::string> text = TextIfGiven(name);
  if (!text) return fallback;
  uint32_t n = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), n);
  if (error != std::errc() || end != text->data() + text->size() || n < min || n > max) {
    return InvalidArgument("parameter {}: expected a whole number from {} to {}, found '{}'", name,
                           min, max, *text);
  }
  return n;
}

Result<std::optional<double>> Parameters::Share(std::string_view name) {
  const std::optional<std::string> text = TextIfGiven(name);
  if (!text) return std::nullopt;
  double share = -1;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), share);
  if (error != std::errc() || end != text->data() + text->size() || !(share >= 0 && share <= 1)) {
    return InvalidArgument("parameter {}: expected a number from 0 to 1, found '{}'", name, *text);
  }
  return share;
}

Result<bool> Parameters::Flag(std::string_view name) {
  const std::optional<std::string> text = TextIfGiven(name);
  if (!text || *text == "0" || *text == "false") return false;
  if (*text == "1" || *text == "true") return true;
  return InvalidArgument("parameter {}: expected 0 or 1, found '{}'", name, *text);
}

Result<schema::RawAttributes> Parameters::Attributes(const schema::Schema& schema) {
  constexpr schema::Entity kRequest = schema::Entity::kRequest;
  schema::RawAttributes attributes;
  for (size_t i = schema.built_in(kRequest); i < schema.attributes(kRequest).size(); ++i) {
    std::string text = Text(schema.attributes(kRequest)[i].name);
    if (!text.empty()) attributes.emplace_back(static_cast<uint32_t>(i), std::move(text));
  }
  if (Status status = schema::CheckDeclared(schema, kRequest, attributes); !status) {
    return WithContext(std::move(status).error(), "parameter");
  }
  return attributes;
}

Status Parameters::CheckAllKnown() const {
  for (const auto& [key, value] : values_) {
    if (std::ranges::find(known_, key) == known_.end()) {
      return InvalidArgument("there is no parameter '{}'{}", key, base::DidYouMean(key, known_));
    }
  }
  return Ok();
}

}  // namespace upnext::net
