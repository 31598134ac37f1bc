// Amounts of memory as people write them.
//
//   UPNEXT_ASSIGN_OR_RETURN(const uint64_t bytes, ParseSize("512MiB"));
//
// Functions without state.
#ifndef UPNEXT_BASE_SIZE_TEXT_H_
#define UPNEXT_BASE_SIZE_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace upnext::base {

// A whole number with KiB, MiB, GiB or TiB, also as K, M, G, T; kInvalidArgument for anything else. At most
// 2^60.
Result<uint64_t> ParseSize(std::string_view text);
std::string SizeText(uint64_t bytes);  // "1.5 GiB"

}  // namespace upnext::base

#endif  // UPNEXT_BASE_SIZE_TEXT_H_
