#include "simulator/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace upnext::simulator {

IdName::IdName(char prefix, uint32_t count)
    : prefix_(prefix),
      count_(count),
      digits_(std::max<size_t>(5, fmt::formatted_size("{}", count == 0 ? 0 : count - 1))) {}

std::string_view IdName::operator()(uint32_t id) {
  text_[0] = prefix_;
  for (size_t d = digits_; d > 0; --d, id /= 10) text_[d] = static_cast<char>('0' + id % 10);
  return {text_.data(), digits_ + 1};
}

std::optional<uint32_t> IdName::Parse(std::string_view id) const {
  if (id.empty() || id[0] != prefix_) return std::nullopt;
  uint32_t number = 0;
  const char* const end = id.data() + id.size();
  const auto read = std::from_chars(id.data() + 1, end, number);
  if (read.ec != std::errc() || read.ptr != end || number >= count_) return std::nullopt;
  return number;
}

std::string_view RequestName::operator()(uint32_t user, uint32_t request) {
  char* const end = text_.data() + text_.size();
  text_[0] = 'r';
  char* at = std::to_chars(text_.data() + 1, end, user).ptr;
  *at++ = '-';
  at = std::to_chars(at, end, request).ptr;
  return {text_.data(), static_cast<size_t>(at - text_.data())};
}

}  // namespace upnext::simulator
