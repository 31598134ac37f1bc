// Randomness of an epoch, the same for any number of threads, and the buffer in which a stream
// mixes its examples. Only this room includes it.
#ifndef UPNEXT_EXAMPLES_EPOCH_H_
#define UPNEXT_EXAMPLES_EPOCH_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/rng.h"

namespace upnext::examples {

inline constexpr size_t kCountingGrain = 1024;  // users a task when a stream counts its examples

// What a random number is for; equal numbers in two uses would tie them together.
enum class Draw : uint8_t { kUserOrder, kLabels, kShuffle };

// One generator per (seed, epoch, use, index).
inline base::Rng EpochRng(uint64_t seed, uint32_t epoch, Draw draw, uint64_t index) {
  uint64_t state = seed;
  state = base::SplitMix64(state) ^ (uint64_t{epoch} << 8 | static_cast<uint64_t>(draw));
  return base::Rng(base::SplitMix64(state), index);
}

// Fisher-Yates.
template <typename Values>
void Shuffle(Values&& values, base::Rng& rng) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[rng.Below(i)]);
}

// An example in a block: which chunk made it, and which of the chunk's examples it is.
struct Slot {
  uint32_t chunk, index;
};

}  // namespace upnext::examples

#endif  // UPNEXT_EXAMPLES_EPOCH_H_
