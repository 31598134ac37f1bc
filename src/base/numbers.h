// Formats numbers for display.
#ifndef UPNEXT_BASE_NUMBERS_H_
#define UPNEXT_BASE_NUMBERS_H_

#include <cstdint>
#include <string>

namespace upnext::base {

inline std::string WithThousands(uint64_t number) {  // "1,234,567"
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

}  // namespace upnext::base

#endif  // UPNEXT_BASE_NUMBERS_H_
