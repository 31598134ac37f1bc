// Values as TOML text, as they stand after the = of a line.
//
//   TomlText(64) is 64, TomlText(std::string("a \"b\"")) is "a \\"b\\"", of a list [1, 5]
//
// Pure functions.
#ifndef UPNEXT_BASE_TOML_TEXT_H_
#define UPNEXT_BASE_TOML_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

namespace upnext::base {

std::string TomlText(bool value);
std::string TomlText(int64_t value);
std::string TomlText(double value);
std::string TomlText(const std::string& value);  // in one line
template <typename T>
std::string TomlText(const std::vector<T>& values) {
  std::string text = "[";
  for (const T& value : values) text += (text.size() > 1 ? ", " : "") + TomlText(value);
  return text + "]";
}

}  // namespace upnext::base

#endif  // UPNEXT_BASE_TOML_TEXT_H_
