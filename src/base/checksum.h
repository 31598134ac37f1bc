// Fast non-cryptographic digests (XXH3, through libxxhash). Stable across machines and versions.
#ifndef UPNEXT_BASE_CHECKSUM_H_
#define UPNEXT_BASE_CHECKSUM_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace upnext::base {

uint64_t Checksum(std::span<const std::byte> bytes);
// A 64-bit fingerprint of a string, never 0, so that 0 can mean "absent".
uint64_t Fingerprint(std::string_view text, uint64_t seed = 0);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_CHECKSUM_H_
