#include "cli/printable.h"

#include <fmt/format.h>

#include <cstdint>
#include <span>

namespace upnext::cli {
namespace {

struct Range {
  uint32_t first, last;
};
// C1 controls; marks of direction; line and paragraph separators; embeddings, overrides, isolates.
constexpr Range kHidden[] = {{0x80, 0x9f},     {0x61c, 0x61c},   {0x200e, 0x200f},
                             {0x2028, 0x2029}, {0x202a, 0x202e}, {0x2066, 0x2069}};

// The character that begins at text[at] if it has two or three bytes, else 0: others are shown.
uint32_t CharacterAt(std::string_view text, size_t at, size_t* bytes) {
  const auto byte = [&](size_t i) -> uint32_t {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0;
  };
  const auto continues = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  if ((byte(0) & 0xe0) == 0xc0 && continues(1)) {
    *bytes = 2;
    return (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
  }
  if ((byte(0) & 0xf0) == 0xe0 && continues(1) && continues(2)) {
    *bytes = 3;
    return (byte(0) & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  }
  return 0;
}

bool IsHidden(uint32_t character) {
  for (const Range& range : kHidden) {
    if (character >= range.first && character <= range.last) return true;
  }
  return false;
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    size_t bytes = 1;
    if (byte == '\t' || byte == '\n' || byte == '\r') {
      out += byte == '\t' ? "\\t" : byte == '\n' ? "\\n" : "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else if (const uint32_t character = CharacterAt(text, i, &bytes); IsHidden(character)) {
      out += fmt::format("\\u{{{:04x}}}", character);
    } else {
      out += text.substr(i, bytes);
    }
    i += bytes;
  }
  return out;
}

}  // namespace upnext::cli
