#include "base/checksum.h"

#include <xxhash.h>

namespace upnext::base {

struct ChecksumStream::State {
  State() : xxh3(XXH3_createState()) {}
  ~State() { XXH3_freeState(xxh3); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  XXH3_state_t* xxh3;
};

uint64_t Checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

uint64_t Fingerprint(std::string_view text, uint64_t seed) {
  const uint64_t hash = XXH3_64bits_withSeed(text.data(), text.size(), seed);
  return hash == 0 ? 1 : hash;
}

ChecksumStream::ChecksumStream() : state_(std::make_unique<State>()) { Reset(); }
ChecksumStream::~ChecksumStream() = default;
ChecksumStream::ChecksumStream(ChecksumStream&&) noexcept = default;
ChecksumStream& ChecksumStream::operator=(ChecksumStream&&) noexcept = default;

void ChecksumStream::Reset() { XXH3_64bits_reset(state_->xxh3); }

void ChecksumStream::Append(std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_->xxh3, bytes.data(), bytes.size());
}

uint64_t ChecksumStream::digest() const { return XXH3_64bits_digest(state_->xxh3); }

}  // namespace upnext::base
