// The policies that others are compared with: popularity, uniformly random, and an oracle that
// knows the truth.
//
//   PopularityPolicy popularity(world);
//   OraclePolicy oracle(world);
//   auto logging = MakeLoggingPolicy(world);     what [policy] of the world file asks for
//
// All keep a reference to the world. Any number of threads.
#ifndef UPNEXT_SIMULATOR_POLICIES_H_
#define UPNEXT_SIMULATOR_POLICIES_H_

#include <memory>
#include <mutex>
#include <vector>

#include "base/rng.h"
#include "simulator/recommender.h"
#include "simulator/world.h"

namespace upnext::simulator {

// Every slate is a uniform draw of what exists, with its propensities.
class RandomPolicy : public Recommender {
 public:
  explicit RandomPolicy(const World& world) : world_(world) {}
  Status Recommend(const SlateRequest& request, base::Rng& rng,
                   std::vector<ShownItem>& slate) override;
  Status Observe(const UserRows&) override { return Ok(); }

 private:
  const World& world_;
};

// The most popular items in the languages that the user speaks which the user has not watched, as
// of the last refresh: weight(i, t) of Popularity, most first. The list is the same for all of a
// language; ties and beyond the first thousand: watched items come again. Propensity 1. A request
// is random traffic with probability `random_share`.
class PopularityPolicy : public Recommender {
 public:
  explicit PopularityPolicy(const World& world, double random_share = 0);
  Status Recommend(const SlateRequest& request, base::Rng& rng,
                   std::vector<ShownItem>& slate) override;
  Status Observe(const UserRows&) override { return Ok(); }

 private:
  struct Entry {
    float weight;
    uint32_t item;
  };
  struct Slice {
    std::once_flag made;
    std::vector<std::vector<Entry>> by_language;  // most popular first
  };
  const Slice& SliceAt(size_t slice);
  const World& world_;
  const double random_share_;
  std::unique_ptr<Slice[]> slices_;  // made when first asked for
};

// Ranks everything that exists by P(click | examined) * E(watched seconds | clicked), which is the
// slate of the greatest expected watch time, since looks fall with the position and do not depend
// on the items (with trust bias: of about the greatest). It looks no further than the slate.
class OraclePolicy : public Recommender {
 public:
  explicit OraclePolicy(const World& world) : world_(world) {}
  Status Recommend(const SlateRequest& request, base::Rng& rng,
                   std::vector<ShownItem>& slate) override;
  Status Observe(const UserRows&) override { return Ok(); }

 private:
  const World& world_;
};

// What the world file's `policy.kind` names: the mixture (policy.h), popularity or random traffic.
std::unique_ptr<Recommender> MakeLoggingPolicy(const World& world);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_POLICIES_H_
