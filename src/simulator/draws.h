// Random variables in addition to base::Rng, and one independent stream per purpose and id, so that
// the behaviour of a user never depends on other users or on the thread.
//
//   base::Rng rng = StreamRng(seed, Purpose::kUserLog, user);
//   int sessions = Poisson(rng, 1.3);
//
// Where an event must not depend on the number of random draws before it, random numbers are
// addressed by a path in a tree instead of drawn from a stream:
//
//   const Key shown = Key(seed).Of(user).Of(request).Of(item);
//   bool clicked = shown.Uniform(kClick) < probability;
#ifndef UPNEXT_SIMULATOR_DRAWS_H_
#define UPNEXT_SIMULATOR_DRAWS_H_

#include <cmath>
#include <cstdint>
#include <span>

#include "base/rng.h"

namespace upnext::simulator {

// The numbers determine the random streams: renumbering changes every world.
enum class Purpose : uint64_t {
  kTopics = 1,
  kChannel = 2,
  kCatalogue = 3,
  kItem = 4,
  kUser = 5,
  kUserLog = 6
};

inline base::Rng StreamRng(uint64_t seed, Purpose purpose, uint64_t id) {
  uint64_t state = seed + static_cast<uint64_t>(purpose) * 0x9e3779b97f4a7c15ULL;
  return base::Rng(base::SplitMix64(state), id);
}

// A node in a tree of random numbers: those of SplitMix64 seeded by the path.
class Key {
 public:
  explicit constexpr Key(uint64_t value) : value_(value) {}
  Key Of(uint64_t part) const {
    uint64_t state = value_ ^ (part * 0xd1342543de82ef95ULL + 0x632be59bd9b4e019ULL);
    return Key(base::SplitMix64(state));
  }
  // The `n`-th number of this node, in [0, 1).
  double Uniform(uint64_t n) const {
    uint64_t state = value_ + n * 0x9e3779b97f4a7c15ULL;
    return static_cast<double>(base::SplitMix64(state) >> 11) * 0x1.0p-53;
  }
  // A stream seeded by this node.
  base::Rng Rng() const { return base::Rng(value_); }

 private:
  uint64_t value_;
};

inline double Sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }

// Knuth's product method: O(mean), for means below about 30.
inline int Poisson(base::Rng& rng, double mean) {
  const double limit = std::exp(-mean);
  int count = 0;
  for (double product = rng.Uniform(); product > limit; product *= rng.Uniform()) ++count;
  return count;
}

// An index with probability weights[i] / sum(weights); the sum must be positive.
template <typename T>
size_t PickWeighted(base::Rng& rng, std::span<const T> weights) {
  double total = 0;
  for (T weight : weights) total += static_cast<double>(weight);
  double x = rng.Uniform() * total;
  size_t last = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] > T(0))) continue;
    last = i;
    x -= static_cast<double>(weights[i]);
    if (x < 0) return i;
  }
  return last;
}

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_DRAWS_H_
