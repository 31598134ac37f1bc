// UserState::Parse, with what the default features and lists of events keep, on any bytes, unchanged and again with a corrected checksum. A parsed state must
// serialise to the same bytes.
#include <span>

#include "base/checksum.h"
#include "features/user_state.h"
#include "fuzz/harness.h"
#include "fuzz/state_specs.h"

namespace upnext::fuzz {
namespace {

// The last 8 bytes are the XXH3 of the others, little-endian (docs/formats/user_state.md).
std::string Sealed(std::string bytes) {
  constexpr size_t kChecksumBytes = 8;
  if (bytes.size() < kChecksumBytes) return bytes;
  bytes.resize(bytes.size() - kChecksumBytes);
  const uint64_t checksum = base::Checksum(std::as_bytes(std::span(bytes)));
  for (size_t i = 0; i < kChecksumBytes; ++i) bytes += static_cast<char>(checksum >> (8 * i));
  return bytes;
}

void Parse(const std::string& bytes) {
  static const std::vector<features::StateSpec> specs = StateSpecs();
  for (const features::StateSpec& keeps : specs) {
    const auto state = features::UserState::Parse(bytes, keeps);
    if (!state) continue;
    FUZZ_REQUIRE(state->Serialize() == bytes, "a state has one encoding");
    for (const features::TimedId& entry : state->watches()) state->HasWatched(entry.id);
    Accepted();
  }
}

}  // namespace
}  // namespace upnext::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace upnext::fuzz;
  const std::string bytes(TextOf(data, size)), sealed = Sealed(bytes);
  Parse(bytes);
  if (sealed != bytes) Parse(sealed);
  return 0;
}
