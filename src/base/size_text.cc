#include "base/size_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace upnext::base {
namespace {

struct SizeUnit {
  std::string_view name, letter;
  int shift;
};
constexpr std::array kSizeUnits = {SizeUnit{"KiB", "K", 10}, SizeUnit{"MiB", "M", 20},
                                   SizeUnit{"GiB", "G", 30}, SizeUnit{"TiB", "T", 40}};
constexpr uint64_t kMostBytes = uint64_t{1} << 60;

}  // namespace

Result<uint64_t> ParseSize(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc()) {
    const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
    for (const SizeUnit& one : kSizeUnits) {
      if (unit != one.name && unit != one.letter) continue;
      if (number <= kMostBytes >> one.shift) return number << one.shift;
    }
  }
  return InvalidArgument("expected a size such as 512MiB or 4GiB, found '{}'", text);
}

std::string SizeText(uint64_t bytes) {
  const SizeUnit* unit = &kSizeUnits[1];
  if (bytes >= uint64_t{1} << 30) unit = &kSizeUnits[2];
  const auto size = static_cast<double>(uint64_t{1} << unit->shift);
  return fmt::format("{:.1f} {}", static_cast<double>(bytes) / size, unit->name);
}

}  // namespace upnext::base
