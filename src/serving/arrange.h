// From ranked candidates to the places of a list: diversity, at most so many of one category, places for
// new items, pins, and exploration with its propensities.
//
//   std::vector<Placed> placed = Arrange(candidates, {.n = 20, .last = 20, .diversity = 0.3}, rng);
//
// One greedy pass: each place gets the candidate of the largest
//   (1 - diversity) * relevance + diversity * novelty
// among those that the rules admit. Relevance is the score scaled to [0, 1] over the candidates that may be
// placed. Novelty is less the largest cosine with the items above (maximal marginal relevance, Carbonell and
// Goldstein 1998), or the logarithm of what the items above do not span of the vector (greedy determinantal
// point process, Chen, Zhang and Zhou 2018).
//
// Pure functions.
#ifndef UPNEXT_SERVING_ARRANGE_H_
#define UPNEXT_SERVING_ARRANGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/rng.h"

namespace upnext::serving {

enum class Novelty : uint8_t { kMmr, kDpp };

struct ArrangeOptions {
  uint32_t n = 20;       // places of a page, of which caps and places for new items are meant
  uint32_t last = 20;    // places to fill, from the first page on
  double diversity = 0;  // 0: by score alone, 1: by novelty alone
  Novelty novelty = Novelty::kMmr;
  std::vector<uint32_t> caps = {};  // by rule: the most items of one category on a page
  uint32_t fresh = 0;  // places of a page at least for new items, as long as there are some
  double explore =
      0;  // probability that a place gets one of all that are left, each equally likely
};

// Best first. Views: valid during the call.
struct Arrangeable {
  double score = 0;
  std::span<const float> vector = {};                      // of the item; empty: like no other
  std::vector<std::span<const uint32_t>> categories = {};  // by rule of `caps`
  bool is_fresh = false;
  std::optional<uint32_t> pin = {};  // the place that it must have, from 0
};

// Why a candidate has its place: it was the best one left by score, or else what gave it the place.
enum class PlacedBy : uint8_t { kScore, kPin, kFresh, kCap, kDiversity, kExploration };

struct Placed {
  size_t candidate;
  // The probability with which it got this place, given those above.
  double propensity = 1;
  PlacedBy by = PlacedBy::kScore;  // kCap: better ones were held back
};
// One without a place that a cap did not admit to the last one.
struct HeldBack {
  size_t candidate, rule;  // of `caps`
};

// The lists of two calls with equal arguments and states of the generator are equal, and that of fewer places begins
// that of more. Fewer places than asked for when no candidate is left that the rules admit.
std::vector<Placed> Arrange(std::span<const Arrangeable> candidates, const ArrangeOptions& options,
                            base::Rng& rng, std::vector<HeldBack>* held_back = nullptr);

}  // namespace upnext::serving

#endif  // UPNEXT_SERVING_ARRANGE_H_
