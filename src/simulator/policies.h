// The policies used as baselines: popularity, uniformly random, and an oracle that uses the ground
// truth.
//
//   PopularityPolicy popularity(world);
//   OraclePolicy oracle(world);
//   auto logging = MakeLoggingPolicy(world);     // the policy of [policy] in the world file
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

// Every slate is a uniform draw of the existing items, with its propensities.
class RandomPolicy : public Recommender {
 public:
  explicit RandomPolicy(const World& world) : world_(world) {}
  Status Recommend(const SlateRequest& request, base::Rng& rng,
                   std::vector<ShownItem>& slate) override;
  Status Observe(const UserRows&) override { return Ok(); }

 private:
  const World& world_;
};

// The most popular items in the languages that the user speaks, as of the last refresh, without
// those the user has watched: by weight(i, t) of Popularity, highest first. All users of a language
// share one list; after its first thousand items, watched items are shown again. Propensity 1. A
// request is random traffic with probability `random_share`.
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
  const Slice& SliceAt(size_t index);
  const World& world_;
  const double random_share_;
  std::unique_ptr<Slice[]> slices_;  // made at first use
};

// Ranks all existing items by P(click | examined) * E(watched seconds | clicked), which gives the
// slate with the highest expected watch time, since examination falls with the position and does
// not depend on the items (with trust bias: approximately). It does not consider later slates.
class OraclePolicy : public Recommender {
 public:
  explicit OraclePolicy(const World& world) : world_(world) {}
  Status Recommend(const SlateRequest& request, base::Rng& rng,
                   std::vector<ShownItem>& slate) override;
  Status Observe(const UserRows&) override { return Ok(); }

 private:
  const World& world_;
};

// The policy named by `policy.kind` in the world file: the mixture (policy.h), popularity or
// random.
std::unique_ptr<Recommender> MakeLoggingPolicy(const World& world);

}  // namespace upnext::simulator

#endif  // UPNEXT_SIMULATOR_POLICIES_H_
