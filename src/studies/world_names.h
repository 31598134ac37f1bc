// The names that `upnext simulate` and SimulatedLog give to users and items: a letter and a number.
#ifndef UPNEXT_STUDIES_WORLD_NAMES_H_
#define UPNEXT_STUDIES_WORLD_NAMES_H_

#include <charconv>
#include <cstdint>
#include <string_view>

#include "schema/event.h"

namespace upnext::studies {

// The number in "u42" or "v00042"; kNone when there is none.
inline uint32_t NumberOfName(std::string_view name) {
  uint32_t number = schema::kNone;
  if (name.size() < 2) return number;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  return error == std::errc() && end == name.data() + name.size() ? number : schema::kNone;
}

}  // namespace upnext::studies

#endif  // UPNEXT_STUDIES_WORLD_NAMES_H_
