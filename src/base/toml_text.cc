#include "base/toml_text.h"

#include <fmt/format.h>

#include <cmath>

namespace upnext::base {

std::string TomlText(bool value) { return value ? "true" : "false"; }

std::string TomlText(int64_t value) { return fmt::format("{}", value); }

std::string TomlText(double value) {
  std::string text = fmt::format("{}", value);
  // Without it 1.0 would read as an integer.
  if (std::isfinite(value) && text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string TomlText(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text += {'\\', c};
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      text += fmt::format("\\u{:04x}", byte);
    } else {
      text += c;
    }
  }
  return text + "\"";
}

}  // namespace upnext::base
