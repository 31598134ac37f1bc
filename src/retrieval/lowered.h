// How far down a user's feed items go because the user did not want others of the same channel or
// topics: dismissed, disliked, or rated low (features/user_state.h).
//
//   const Lowered lowered(catalogue, state, low_rating);
//   score *= lowered.Factor(item);
//
// The factor of a channel or topic is (1 + w) / (1 + w + d), with w of the newest watches and d of
// the newest unwanted items in it (kWatchesKept and kOpinionsKept of each kind): one dislike halves
// what was never watched, and takes a tenth from what was watched nine times. The factor of an item
// is the smallest of its channel's and its topics'.
//
// Belongs to one request; views the catalogue.
#ifndef UPNEXT_RETRIEVAL_LOWERED_H_
#define UPNEXT_RETRIEVAL_LOWERED_H_

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "catalogue/catalogue.h"
#include "features/user_state.h"

namespace upnext::retrieval {

class Lowered {
 public:
  // `low_rating`: the highest that is a dislike; none: nothing is lowered.
  Lowered(const catalogue::Catalogue& catalogue, const features::UserState& state,
          std::optional<float> low_rating);
  bool empty() const { return channels_.empty() && topics_.empty(); }
  double Factor(uint32_t item) const;  // in (0, 1]

 private:
  struct Seen {
    uint32_t watched = 0, unwanted = 0;
  };
  using Categories = std::unordered_map<uint32_t, Seen>;  // those of unwanted items
  static double FactorOf(const Categories& categories, uint32_t id);

  const catalogue::Catalogue& catalogue_;
  Categories channels_, topics_;
};

}  // namespace upnext::retrieval

#endif  // UPNEXT_RETRIEVAL_LOWERED_H_
