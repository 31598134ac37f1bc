// Random changes of an input, for use without libFuzzer: bits, bytes, lengths, pieces of other
// inputs.
#ifndef UPNEXT_FUZZ_MUTATIONS_H_
#define UPNEXT_FUZZ_MUTATIONS_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/rng.h"

namespace upnext::fuzz {

inline constexpr size_t kLongestInput = size_t{1} << 16;

// One change. `other` is a piece of another input; both may be empty.
inline void MutateOnce(base::Rng& rng, const std::string& other, std::string* input) {
  constexpr uint64_t kNumbers[] = {0,      1,         127,        128,       255,       256,
                                   65'535, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
  const size_t size = input->size();
  const size_t at = rng.Below(size + 1), left = size - at;
  const size_t length = std::min<size_t>(left, 1 + rng.Below(rng.Below(4) == 0 ? 256 : 8));
  switch (rng.Below(7)) {
    case 0:
      if (left > 0) (*input)[at] = static_cast<char>((*input)[at] ^ (1 << rng.Below(8)));
      break;
    case 1:
      if (left > 0) (*input)[at] = static_cast<char>(rng.Next());
      break;
    case 2: {  // replaces a number by a boundary value
      const uint64_t number = kNumbers[rng.Below(std::size(kNumbers))] - rng.Below(2);
      std::memcpy(input->data() + at, &number, std::min<size_t>(left, size_t{1} << rng.Below(4)));
      break;
    }
    case 3:
      input->erase(at, length);
      break;
    case 4:
      input->insert(at, input->substr(at, length));
      break;
    case 5:
      input->insert(at, 1 + rng.Below(16), static_cast<char>(rng.Next()));
      break;
    default: {
      const size_t from = rng.Below(other.size() + 1);
      input->insert(at, other.substr(from, 1 + rng.Below(64)));
    }
  }
  if (input->size() > kLongestInput) input->resize(kLongestInput);
}

}  // namespace upnext::fuzz

#endif  // UPNEXT_FUZZ_MUTATIONS_H_
