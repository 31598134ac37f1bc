// Fast non-cryptographic digests (XXH3, through libxxhash). Stable across machines and versions.
#ifndef UPNEXT_BASE_CHECKSUM_H_
#define UPNEXT_BASE_CHECKSUM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace upnext::base {

uint64_t Checksum(std::span<const std::byte> bytes);

// Checksum() of bytes that arrive in pieces; digest() may be called at any time. One thread at a
// time.
class ChecksumStream {
 public:
  ChecksumStream();
  ~ChecksumStream();
  ChecksumStream(ChecksumStream&&) noexcept;
  ChecksumStream& operator=(ChecksumStream&&) noexcept;
  void Reset();
  void Append(std::span<const std::byte> bytes);
  uint64_t digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A 64-bit fingerprint of a string, never 0, so that 0 can mean "absent". Seeds are to be 0 or random: with small numbers
// as seeds, "11" with one of them has the fingerprint of "12" with another.
uint64_t Fingerprint(std::string_view text, uint64_t seed = 0);

}  // namespace upnext::base

#endif  // UPNEXT_BASE_CHECKSUM_H_
