// The ids of users, items and requests in written files: "u00042", "v00017", "r42-3".
//
//   IdName item('v', options.items);
//   std::string_view id = item(17);                      // "v00017"; valid until the next call
//   std::optional<uint32_t> number = item.Parse(id);     // 17
//
// One thread at a time per object.
#ifndef UPNEXT_SIMULATOR_NAMES_H_
#define UPNEXT_SIMULATOR_NAMES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace upnext::simulator {

// Padded to the width of the largest number, at least 5 digits.
class IdName {
 public:
  IdName(char prefix, uint32_t count);
  std::string_view operator()(uint32_t id);
  // The number of an id, with or without leading zeros; nothing when it is not an id below `count`.
  std::optional<uint32_t> Parse(std::string_view id) const;

 private:
  char prefix_;
  uint32_t count_;
  size_t digits_;
  std::array<char, 16> text_{};
};

class RequestName {
 public:
  std::string_view operator()(uint32_t user, uint32_t request);

 private:
  std::array<char, 24> text_{};
};

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_NAMES_H_
